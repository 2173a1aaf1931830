"""A TFLite file of one subgraph, its constants as arrays (f16, sparse and int8 weights become f32), and the ONNX nodes that
stand for it so far. Each tensor may be known flat, as TFLite has it (NHWC), and in ONNX's layout (NCHW); what is missing is
transposed when it is asked for. Needs numpy, onnx, tflite (the schema only)."""

import numpy as np, tflite
from onnx import helper as H, numpy_helper as NH

NP = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_, 9: np.int8}


class Graph:
    def __init__(s, path, nodropout=False, keepq=False):
        s.keepq = keepq
        s.m = tflite.Model.GetRootAsModel(open(path, "rb").read(), 0)
        assert s.m.SubgraphsLength() == 1, "control flow"
        s.g = s.m.Subgraphs(0)
        s.nodes = []
        s.inits = {}
        s.const = {}
        s.flat = {}
        s.chw = {}
        s.n = 0
        s.nodrop = nodropout
        s.drop = {}
        for i in range(s.g.TensorsLength()):
            t = s.g.Tensors(i)
            b = s.m.Buffers(t.Buffer())
            if b.DataLength():
                s.const[i] = s.load(t, b)

    # ---- constants
    def load(s, t, b):
        a = np.frombuffer(b.DataAsNumpy().tobytes(), dtype=NP[t.Type()])
        shp = tuple(t.ShapeAsNumpy()) if t.ShapeLength() else ()
        sp = t.Sparsity()
        if sp is not None:
            a = s.densify(sp, a, shp)
        else:
            a = a.reshape(shp)
        if a.dtype == np.int8:
            q = t.Quantization()
            sc = q.ScaleAsNumpy()
            zp = q.ZeroPointAsNumpy().astype(np.float32)
            if len(sc) > 1:
                r = [1] * a.ndim
                r[q.QuantizedDimension()] = -1
                sc = sc.reshape(r)
                zp = zp.reshape(r)
            return ((a.astype(np.float32) - zp) * sc).astype(np.float32)
        return a.astype(np.float32) if a.dtype == np.float16 else a.astype(np.int64) if a.dtype == np.int32 else a

    def densify(s, sp, vals, shp):
        order = [int(x) for x in sp.TraversalOrderAsNumpy()]
        nd = len(shp)
        bm = [int(x) for x in sp.BlockMapAsNumpy()] if sp.BlockMapLength() else []
        dm = [sp.DimMetadata(i) for i in range(sp.DimMetadataLength())]

        def arr(d, w):
            k = getattr(d, w + "Type")()
            t = getattr(d, w)()
            c = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}[k]()
            c.Init(t.Bytes, t.Pos)
            return c.ValuesAsNumpy().astype(int)

        meta = [
            ("D", d.DenseSize()) if d.Format() == 0 else ("S", arr(d, "ArraySegments"), arr(d, "ArrayIndices"))
            for d in dm
        ]
        bs = [meta[order.index(nd + k)][1] for k in range(len(bm))]
        out = np.zeros(shp, np.float32)
        pos = [0]

        def rec(l, idx, p):  # p = position in the storage of the previous levels
            if l == len(meta):
                c = [0] * nd
                for o, v in zip(order, idx):
                    if o < nd:
                        c[o] += v * (bs[bm.index(o)] if o in bm else 1)
                    else:
                        c[bm[o - nd]] += v
                out[tuple(c)] = vals[p]
                return
            m = meta[l]
            if m[0] == "D":
                for v in range(m[1]):
                    rec(l + 1, idx + [v], p * m[1] + v)
            else:
                for j in range(m[1][p], m[1][p + 1]):
                    rec(l + 1, idx + [m[2][j]], j)

        rec(0, [], 0)
        return out

    # ---- emit
    def nm(s, p="t"):
        s.n += 1
        return f"{p}_{s.n}"

    def init(s, a, p="c"):
        a = np.ascontiguousarray(a) if np.ndim(a) else np.asarray(a)
        k = (a.tobytes(), a.shape, str(a.dtype))
        if k not in s.inits:
            s.inits[k] = NH.from_array(a, s.nm(p))
        return s.inits[k].name

    def i64(s, *v):
        return s.init(np.array(v, np.int64))

    def e(s, op, ins, out=None, **kw):
        o = out or s.nm(op.lower())
        s.nodes.append(H.make_node(op, ins, [o], name=s.nm("n"), **kw))
        return o

    def shape(s, i):
        t = s.g.Tensors(i)
        return [
            int(x)
            for x in (
                t.ShapeSignatureAsNumpy() if t.ShapeSignatureLength() else (t.ShapeAsNumpy() if t.ShapeLength() else [])
            )
        ]

    def get(s, i):
        if i in s.const and i not in s.flat:
            s.flat[i] = s.init(s.const[i], "w")
        if i not in s.flat:
            s.flat[i] = s.e("Transpose", [s.chw[i]], perm=[0, 2, 3, 1])
        return s.flat[i]

    def getc(s, i):
        if i not in s.chw:
            s.chw[i] = s.e("Transpose", [s.get(i)], perm=[0, 3, 1, 2])
        return s.chw[i]

    def act(s, x, f):
        if f == 0:
            return x
        if f == 1:
            return s.e("Relu", [x])
        if f == 3:
            return s.e("Clip", [x, s.init(np.float32(0)), s.init(np.float32(6))])
        if f == 2:
            return s.e("Clip", [x, s.init(np.float32(-1)), s.init(np.float32(1))])
        if f == 4:
            return s.e("Tanh", [x])
        raise Exception(f"activation {f}")

    def opt(s, o, c):
        x = c()
        t = o.BuiltinOptions()
        x.Init(t.Bytes, t.Pos)
        return x

    def pads(s, size, k, st, d, pad):  # -> [h0,w0,h1,w1] or None (auto)
        if pad == 1:
            return [0, 0, 0, 0]
        r = []
        for L, kk, ss, dd in zip(size, k, st, d):
            ek = (kk - 1) * dd + 1
            if L < 0 and ss != 1:
                return None
            t = max((-(-L // ss) - 1) * ss + ek - L, 0) if L > 0 else ek - 1
            r.append((t // 2, t - t // 2))
        return [r[0][0], r[1][0], r[0][1], r[1][1]]
