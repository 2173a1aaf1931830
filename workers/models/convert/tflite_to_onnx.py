#!/usr/bin/env python3
"""Small TFLite -> ONNX converter (float graphs with f16/sparse/int8 weights, dynamic shapes, one subgraph).
needs: numpy, onnx, tflite (flatbuffer schema only).  usage: tflite_to_onnx.py [--no-dropout] [--outputs=A,B] in.tflite out.onnx
With --outputs the graph gives these alone, and what only led to others is left out."""

import sys, numpy as np, tflite, onnx
from onnx import helper as H, numpy_helper as NH, TensorProto as T

from tflite_graph import Graph

NAMES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
ONX = {
    0: T.FLOAT,
    1: T.FLOAT,
    2: T.INT64,
    4: T.INT64,
    6: T.BOOL,
    9: T.FLOAT,
}  # every int is int64 inside, quantised int8 is float
BIG = 2**31 - 1


class Conv(Graph):
    # ---- graph
    def run(s):
        g = s.g
        ins = []
        outs = []
        for i in range(g.InputsLength()):
            i = g.Inputs(i)
            t = g.Tensors(i)
            n = t.Name().decode()
            sh = [d if d > 0 else f"d{i}_{k}" for k, d in enumerate(s.shape(i))]
            ty = {0: T.FLOAT, 2: T.INT32, 4: T.INT64}[t.Type()]
            ins.append(H.make_tensor_value_info(n, ty, sh))
            s.flat[i] = s.e("Cast", [n], to=T.INT64) if ty == T.INT32 else n
        for i in range(g.OperatorsLength()):
            o = g.Operators(i)
            oc = s.m.OperatorCodes(o.OpcodeIndex())
            b = max(oc.BuiltinCode(), oc.DeprecatedBuiltinCode())
            name = NAMES[b] if b != 32 else oc.CustomCode().decode()
            getattr(s, "op_" + name)(o, [int(x) for x in o.InputsAsNumpy()], [int(x) for x in o.OutputsAsNumpy()])
        for i in range(g.OutputsLength()):
            i = g.Outputs(i)
            n = g.Tensors(i).Name().decode()
            x = s.get(i)
            s.e("Identity", [x], out=n)
            outs.append(
                H.make_tensor_value_info(
                    n, ONX[g.Tensors(i).Type()], [d if d > 0 else f"o{i}_{k}" for k, d in enumerate(s.shape(i))]
                )
            )
        gr = H.make_graph(s.nodes, "tfl", ins, outs, list(s.inits.values()))
        m = H.make_model(gr, opset_imports=[H.make_opsetid("", 18)], ir_version=8, producer_name="tfl2onnx")
        return prune(m)

    # ---- ops with a layout
    def conv(s, x, w, b, o, i, out, group, xs):
        k = w.shape[2:]
        st = (o.StrideH(), o.StrideW())
        d = (o.DilationHFactor(), o.DilationWFactor())
        p = s.pads(xs[1:3], k, st, d, o.Padding())
        kw = dict(pads=p) if p is not None else dict(auto_pad="SAME_UPPER")
        y = s.e(
            "Conv",
            [s.getc(x), s.init(w, "w")] + ([s.init(b.reshape(-1), "b")] if b is not None else []),
            strides=st,
            dilations=d,
            group=group,
            kernel_shape=k,
            **kw,
        )
        s.chw[out] = s.act(y, o.FusedActivationFunction())

    def op_CONV_2D(s, o, i, out):
        w = s.const[i[1]].transpose(0, 3, 1, 2)
        xs = s.shape(i[0])
        gr = 1 if xs[3] < 0 else xs[3] // w.shape[1]
        s.conv(
            i[0],
            w,
            s.const[i[2]] if len(i) > 2 and i[2] >= 0 else None,
            s.opt(o, tflite.Conv2DOptions),
            i,
            out[0],
            gr,
            xs,
        )

    def op_DEPTHWISE_CONV_2D(s, o, i, out):
        w = s.const[i[1]].transpose(3, 0, 1, 2)
        q = s.opt(o, tflite.DepthwiseConv2DOptions)
        s.conv(
            i[0], w, s.const[i[2]] if len(i) > 2 and i[2] >= 0 else None, q, i, out[0], s.shape(i[0])[3], s.shape(i[0])
        )

    def op_TRANSPOSE_CONV(s, o, i, out):
        q = s.opt(o, tflite.TransposeConvOptions)
        w = s.const[i[1]].transpose(3, 0, 1, 2)
        k = w.shape[2:]
        st = (q.StrideH(), q.StrideW())
        p = [0] * 4
        if q.Padding() == 0:
            t = [a - b for a, b in zip(k, st)]
            assert min(t) >= 0
            p = [t[0] // 2, t[1] // 2, t[0] - t[0] // 2, t[1] - t[1] // 2]
        s.chw[out[0]] = s.e(
            "ConvTranspose",
            [s.getc(i[2]), s.init(w, "w")] + ([s.init(s.const[i[3]])] if len(i) > 3 else []),
            strides=st,
            pads=p,
            kernel_shape=k,
        )

    def pool(s, o, i, out, op):
        q = s.opt(o, tflite.Pool2DOptions)
        k = (q.FilterHeight(), q.FilterWidth())
        st = (q.StrideH(), q.StrideW())
        p = s.pads(s.shape(i[0])[1:3], k, st, (1, 1), q.Padding())
        kw = dict(count_include_pad=0) if op == "AveragePool" else {}
        s.chw[out[0]] = s.act(
            s.e(op, [s.getc(i[0])], kernel_shape=k, strides=st, pads=p, **kw), q.FusedActivationFunction()
        )

    def op_MAX_POOL_2D(s, *a):
        s.pool(*a, "MaxPool")

    def op_AVERAGE_POOL_2D(s, *a):
        s.pool(*a, "AveragePool")

    def op_RESIZE_BILINEAR(s, o, i, out):
        q = s.opt(o, tflite.ResizeBilinearOptions)
        h, w = (int(v) for v in s.const[i[1]])
        xs = s.shape(i[0])
        mode = "align_corners" if q.AlignCorners() else "half_pixel" if q.HalfPixelCenters() else "asymmetric"
        s.chw[out[0]] = s.e(
            "Resize",
            [s.getc(i[0]), "", "", s.i64(xs[0], xs[3], h, w)],
            mode="linear",
            coordinate_transformation_mode=mode,
        )

    def op_DEPTH_TO_SPACE(s, o, i, out):
        s.chw[out[0]] = s.e(
            "DepthToSpace", [s.getc(i[0])], blocksize=s.opt(o, tflite.DepthToSpaceOptions).BlockSize(), mode="DCR"
        )

    def op_PAD(s, o, i, out, mode="constant"):
        if i[0] in s.chw and i[0] not in s.flat and i[1] in s.const:
            p = s.const[i[1]][[0, 3, 1, 2]].T.reshape(-1)
            s.chw[out[0]] = s.e("Pad", [s.chw[i[0]], s.i64(*map(int, p))], mode=mode)
            return
        p = (
            s.i64(*map(int, s.const[i[1]].T.reshape(-1)))
            if i[1] in s.const
            else s.e("Reshape", [s.e("Transpose", [s.get(i[1])], perm=[1, 0]), s.i64(-1)])
        )
        s.flat[out[0]] = s.e("Pad", [s.get(i[0]), p], mode=mode)

    def op_MIRROR_PAD(s, o, i, out):
        assert s.opt(o, tflite.MirrorPadOptions).Mode() == 0
        s.op_PAD(o, i, out, "reflect")

    def ew(s, op, i, out, f=0, **kw):  # elementwise, in NCHW where an operand has it
        nc = [x for x in i if x not in s.const]
        if nc and any(x in s.chw and x not in s.flat for x in nc) and all(len(s.shape(x)) == 4 for x in nc):
            a = [
                s.init(s.const[x].reshape((1,) * (4 - s.const[x].ndim) + s.const[x].shape).transpose(0, 3, 1, 2))
                if x in s.const
                else s.getc(x)
                for x in i
            ]
            s.chw[out[0]] = s.act(s.e(op, a, **kw), f)
        else:
            s.flat[out[0]] = s.act(s.e(op, [s.get(x) for x in i], **kw), f)

    def op_ADD(s, o, i, out):
        s.ew("Add", i, out, s.opt(o, tflite.AddOptions).FusedActivationFunction())

    def op_SUB(s, o, i, out):
        s.ew("Sub", i, out, s.opt(o, tflite.SubOptions).FusedActivationFunction())

    def op_MUL(s, o, i, out):
        s.ew("Mul", i, out, s.opt(o, tflite.MulOptions).FusedActivationFunction())

    def op_RELU(s, o, i, out):
        s.ew("Relu", i, out)

    def op_RELU6(s, o, i, out):
        s.ew("Relu", i, out, 0)
        s.chw[out[0]] = s.act(s.getc(out[0]), 3)

    def op_LOGISTIC(s, o, i, out):
        s.ew("Sigmoid", i, out)

    def op_TANH(s, o, i, out):
        s.ew("Tanh", i, out)

    def op_EXP(s, o, i, out):
        s.ew("Exp", i, out)

    def op_LOG(s, o, i, out):
        s.ew("Log", i, out)

    def op_ROUND(s, o, i, out):
        s.ew("Round", i, out)

    def op_PRELU(s, o, i, out):
        s.ew("PRelu", i, out)

    def op_LEAKY_RELU(s, o, i, out):
        s.ew("LeakyRelu", i, out, alpha=float(s.opt(o, tflite.LeakyReluOptions).Alpha()))

    def op_CONCATENATION(s, o, i, out):
        q = s.opt(o, tflite.ConcatenationOptions)
        r = len(s.shape(out[0]))
        ax = q.Axis() % r
        if r == 4 and all(x in s.chw and x not in s.flat for x in i):
            s.chw[out[0]] = s.e("Concat", [s.chw[x] for x in i], axis=[0, 2, 3, 1][ax])
        else:
            s.flat[out[0]] = s.e("Concat", [s.get(x) for x in i], axis=ax)

    def alias(s, o, i, out):
        for d in (s.const, s.flat, s.chw):
            if i[0] in d:
                d[out[0]] = d[i[0]]

    op_DEQUANTIZE = op_DENSIFY = alias  # constants are already float

    def op_QUANTIZE(
        s, o, i, out
    ):  # 8-bit activations are left in float, unless keepq (to compare with the interpreter)
        if not s.keepq:
            return s.alias(o, i, out)
        q = s.g.Tensors(out[0]).Quantization()
        sc = np.float32(q.ScaleAsNumpy()[0])
        zp = np.float32(q.ZeroPointAsNumpy()[0])
        x = s.e(
            "Clip",
            [
                s.e("Add", [s.e("Round", [s.e("Div", [s.get(i[0]), s.init(sc)])]), s.init(zp)]),
                s.init(np.float32(-128)),
                s.init(np.float32(127)),
            ],
        )
        s.flat[out[0]] = s.e("Mul", [s.e("Sub", [x, s.init(zp)]), s.init(sc)])

    # ---- plain ops
    def pl(s, op, i, out, **kw):
        s.flat[out[0]] = s.e(op, [s.get(x) for x in i], **kw)

    def op_MAXIMUM(s, o, i, out):
        s.pl("Max", i, out)

    def op_LESS(s, o, i, out):
        s.pl("Less", i, out)

    def op_GREATER_EQUAL(s, o, i, out):
        if i[0] in s.drop:
            s.drop[out[0]] = (s.drop[i[0]][0], float(s.const[i[1]]))
            return
        s.pl("GreaterOrEqual", i, out)

    def op_FLOOR_MOD(s, o, i, out):
        s.pl("Mod", i, out)

    def op_NOT_EQUAL(s, o, i, out):
        s.flat[out[0]] = s.e("Not", [s.e("Equal", [s.get(x) for x in i])])

    def op_RSQRT(s, o, i, out):
        s.flat[out[0]] = s.e("Reciprocal", [s.e("Sqrt", [s.get(i[0])])])

    def op_SQUARED_DIFFERENCE(s, o, i, out):
        d = s.e("Sub", [s.get(x) for x in i])
        s.flat[out[0]] = s.e("Mul", [d, d])

    def op_SOFTMAX(s, o, i, out):
        assert s.opt(o, tflite.SoftmaxOptions).Beta() == 1
        s.pl("Softmax", i, out, axis=-1)

    def op_CAST(s, o, i, out):
        if i[0] in s.drop:  # dropout mask: its mean, so that x*1/(1-rate)*mask == x
            sh, rate = s.drop[i[0]]
            s.flat[out[0]] = s.e("ConstantOfShape", [sh], value=NH.from_array(np.array([1 - rate], np.float32)))
            return
        s.pl("Cast", i, out, to=ONX[s.g.Tensors(out[0]).Type()])

    def op_SHAPE(s, o, i, out):
        s.pl("Shape", i, out)

    def op_TILE(s, o, i, out):
        s.pl("Tile", i, out)

    def op_RANGE(s, o, i, out):
        s.pl("Range", i, out)

    def op_FILL(s, o, i, out):
        s.flat[out[0]] = s.e("Expand", [s.get(i[1]), s.get(i[0])])

    def op_WHERE(s, o, i, out):
        assert len(i) == 1
        s.flat[out[0]] = s.e("Transpose", [s.e("NonZero", [s.get(i[0])])], perm=[1, 0])

    def op_GATHER(s, o, i, out):
        s.pl("Gather", i, out, axis=s.opt(o, tflite.GatherOptions).Axis())

    def op_EXPAND_DIMS(s, o, i, out):
        a = int(s.const[i[1]].reshape(-1)[0])
        s.flat[out[0]] = s.e("Unsqueeze", [s.get(i[0]), s.i64(a)])

    def op_SQUEEZE(s, o, i, out):
        s.flat[out[0]] = s.e(
            "Squeeze", [s.get(i[0]), s.i64(*map(int, s.opt(o, tflite.SqueezeOptions).SqueezeDimsAsNumpy()))]
        )

    def op_TRANSPOSE(s, o, i, out):
        s.flat[out[0]] = s.e("Transpose", [s.get(i[0])], perm=[int(x) for x in s.const[i[1]]])

    def op_RESHAPE(s, o, i, out):
        sh = s.get(i[1]) if len(i) > 1 else s.i64(*map(int, s.opt(o, tflite.ReshapeOptions).NewShapeAsNumpy()))
        s.flat[out[0]] = s.e("Reshape", [s.get(i[0]), sh])

    def op_PACK(s, o, i, out):
        ax = s.opt(o, tflite.PackOptions).Axis()
        s.flat[out[0]] = s.e("Concat", [s.e("Unsqueeze", [s.get(x), s.i64(ax)]) for x in i], axis=ax)

    def red(s, op, o, i, out):
        s.flat[out[0]] = s.e(
            op,
            [s.get(i[0]), s.i64(*[int(v) for v in s.const[i[1]].reshape(-1)])],
            keepdims=int(s.opt(o, tflite.ReducerOptions).KeepDims()),
        )

    def op_MEAN(s, *a):
        s.red("ReduceMean", *a)

    def op_SUM(s, *a):
        s.red("ReduceSum", *a)

    def op_REDUCE_MAX(s, *a):
        s.red("ReduceMax", *a)

    def op_REDUCE_PROD(s, *a):
        s.red("ReduceProd", *a)

    def op_BATCH_MATMUL(s, o, i, out):
        q = s.opt(o, tflite.BatchMatMulOptions)
        a, b = s.get(i[0]), s.get(i[1])
        r = len(s.shape(i[0]))
        p = list(range(r - 2)) + [r - 1, r - 2]
        if q.AdjX():
            a = s.e("Transpose", [a], perm=p)
        if q.AdjY():
            b = s.e("Transpose", [b], perm=p)
        s.flat[out[0]] = s.e("MatMul", [a, b])

    def op_FULLY_CONNECTED(s, o, i, out):
        q = s.opt(o, tflite.FullyConnectedOptions)
        w = s.const[i[1]]
        x = s.get(i[0])
        if not q.KeepNumDims():
            x = s.e("Reshape", [x, s.i64(-1, w.shape[1])])
        y = s.e("MatMul", [x, s.init(w.T, "w")])
        if len(i) > 2 and i[2] >= 0:
            y = s.e("Add", [y, s.get(i[2])])
        s.flat[out[0]] = s.act(y, q.FusedActivationFunction())

    def op_STRIDED_SLICE(s, o, i, out):
        q = s.opt(o, tflite.StridedSliceOptions)
        assert not q.EllipsisMask() and not q.NewAxisMask()
        st = [int(v) for v in s.const[i[3]]]
        n = len(st)
        bit = lambda m: np.array([bool(m >> k & 1) for k in range(n)])
        bm, em, sm = bit(q.BeginMask()), bit(q.EndMask()), bit(q.ShrinkAxisMask())
        neg = np.array(st) < 0
        bd = np.where(neg, BIG, 0)
        ed = np.where(neg, -BIG, BIG)
        if i[1] in s.const:
            b = np.where(bm & ~sm, bd, s.const[i[1]])
            bn = s.i64(*map(int, b))
        else:
            b = None
            bn = s.e("Where", [s.init(bm & ~sm), s.init(bd.astype(np.int64)), s.get(i[1])])
        if i[2] in s.const and b is not None:
            e = np.where(em, ed, s.const[i[2]])
            e = np.where(sm, np.where(b == -1, BIG, b + 1), e)
            en = s.i64(*map(int, e))
        else:
            assert not sm.any() or b is not None
            en = s.e("Where", [s.init(em), s.init(ed.astype(np.int64)), s.get(i[2])])
            if sm.any():
                en = s.e("Where", [s.init(sm), s.init(np.where(b == -1, BIG, b + 1).astype(np.int64)), en])
        y = s.e("Slice", [s.get(i[0]), bn, en, s.i64(*range(n)), s.i64(*st)])
        if sm.any():
            y = s.e("Squeeze", [y, s.i64(*[k for k in range(n) if sm[k]])])
        s.flat[out[0]] = y

    def op_SPACE_TO_BATCH_ND(s, o, i, out):  # 3-D, one spatial dim
        assert len(s.shape(i[0])) == 3 and s.const[i[1]].size == 1
        b = int(s.const[i[1]][0])
        C = s.shape(i[0])[2]
        p = s.e("Reshape", [s.get(i[2]), s.i64(2)])
        z = s.i64(0)
        p0 = s.e("Gather", [p, z])
        p1 = s.e("Gather", [p, s.i64(1)])
        x = s.e("Pad", [s.get(i[0]), s.e("Concat", [z, p0, z, z, p1, z], axis=0)], mode="constant")
        x = s.e("Transpose", [s.e("Reshape", [x, s.i64(0, -1, b, C)])], perm=[2, 0, 1, 3])  # batch 1
        s.flat[out[0]] = s.e("Reshape", [x, s.i64(b, -1, C)])

    def op_BATCH_TO_SPACE_ND(s, o, i, out):
        b = int(s.const[i[1]][0])
        C = s.shape(i[0])[2]
        x = s.e("Reshape", [s.e("Transpose", [s.get(i[0])], perm=[1, 0, 2]), s.i64(1, -1, C)])
        p = s.e("Reshape", [s.get(i[2]), s.i64(2)])
        p0 = s.e("Gather", [p, s.i64(0)])
        p1 = s.e("Gather", [p, s.i64(1)])
        en = s.e("Sub", [s.e("Slice", [s.e("Shape", [x]), s.i64(1), s.i64(2)]), p1])
        s.flat[out[0]] = s.e("Slice", [x, p0, en, s.i64(1)])

    def op_FlexRandomUniform(s, o, i, out):
        if s.nodrop:
            s.drop[out[0]] = (s.get(i[0]), None)
            return
        z = s.e("ConstantOfShape", [s.get(i[0])], value=NH.from_array(np.zeros(1, np.float32)))
        s.flat[out[0]] = s.e("RandomUniformLike", [z], low=0.0, high=1.0)

    # ---- mediapipe attention mesh custom ops could go here


def prune(m):
    need = {o.name for o in m.graph.output}
    keep = []
    for n in reversed(m.graph.node):
        if any(o in need for o in n.output):
            keep.append(n)
            need.update(n.input)
    ini = [i for i in m.graph.initializer if i.name in need]
    del m.graph.node[:]
    m.graph.node.extend(reversed(keep))
    del m.graph.initializer[:]
    m.graph.initializer.extend(ini)
    return m


if __name__ == "__main__":
    *flags, src, dst = sys.argv[1:]
    m = Conv(src, "--no-dropout" in flags).run()
    only = next((flag.split("=")[1].split(",") for flag in flags if flag.startswith("--outputs=")), None)
    if only:
        kept = [o for o in m.graph.output if o.name in only]
        del m.graph.output[:]
        m.graph.output.extend(kept)
        m = prune(m)
    onnx.checker.check_model(m, full_check=True)
    onnx.save(m, dst)
