"""The measurements of scripts/bench.d/control; prints Markdown. Arguments pick sections: pose speed maps depth."""
import contextlib, io, json, os, resource, statistics, subprocess, sys, tempfile, time, warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["GLOG_minloglevel"] = "3"
import cv2
import numpy as np

DATA, BENCH, EXAMPLES = (Path(os.environ[name]) for name in ("MEDLEY_EVAL_DATA", "BENCH", "EXAMPLES"))
MODELS = Path(os.environ.get("MEDLEY_MODELS", Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medley/models"))
COCO = DATA / "coco"
ROUNDS = int(os.environ.get("ROUNDS", 3))
cv2.setNumThreads(2)


def control(params, files, out, rounds=1):
    """Runs our worker; the lines that it prints, and its largest memory in MB."""
    env = {**os.environ, "ROUNDS": str(rounds)}
    command = ["/usr/bin/env", "python3", "-c",
               "import resource,subprocess,sys;p=subprocess.run(sys.argv[1:]);"
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,file=sys.stderr);sys.exit(p.returncode)",
               str(EXAMPLES / "control"), json.dumps(params), str(out), *map(str, files)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()], int(ran.stderr.split()[-1]) / 1024


def table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def pose():
    import mediapipe as mp
    from pycocotools.coco import COCO as Coco
    from pycocotools.cocoeval import COCOeval

    truth = json.loads((COCO / "person_keypoints_dev.json").read_text())
    images = [(image["id"], COCO / "dev" / image["file_name"]) for image in truth["images"]]

    def score(results):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = Coco(str(COCO / "person_keypoints_dev.json"))
            judge = COCOeval(coco, coco.loadRes(results), "keypoints")
            judge.params.imgIds = [number for number, _ in images]
            judge.evaluate(), judge.accumulate(), judge.summarize()
        return judge.stats

    ours = subprocess.run([EXAMPLES / "poses", MODELS, "2", *(f"{file}={number}" for number, file in images)],
                          capture_output=True, text=True, check=True)
    our_ms = [float(line.split()[3]) for line in ours.stderr.splitlines() if line.endswith(" ms")]
    found = json.loads(ours.stdout)
    points = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
    theirs, their_ms = [], []
    with mp.solutions.pose.Pose(static_image_mode=True, model_complexity=2) as network:
        for number, file in images:
            rgb = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
            start = time.time()
            result = network.process(rgb).pose_landmarks
            their_ms.append((time.time() - start) * 1e3)
            if result:
                marks = [result.landmark[i] for i in points]
                keypoints = [v for m in marks for v in (m.x * rgb.shape[1], m.y * rgb.shape[0], 1)]
                theirs.append(dict(image_id=number, category_id=1, keypoints=keypoints, score=float(np.mean([m.visibility for m in marks]))))
    rows, base = [], None
    for name, results, ms in (("MediaPipe 0.10.14, heavy", theirs, their_ms), ("medley", found, our_ms)):
        stats = score(results)
        base = stats if base is None else base
        rows.append([name, len(results), f"{stats[0]:.3f}", f"{stats[5]:.3f}", f"{stats[0] / base[0]:.2f} / {stats[5] / base[5]:.2f}",
                     f"{statistics.median(ms):.0f}", f"{sum(ms) / len(results):.0f}"])
    print(f"Poses: {len(images)} photos, {sum(a['num_keypoints'] > 0 for a in truth['annotations'])} people with keypoints\n")
    table(["", "people found", "OKS AP", "OKS AR", "AP / AR against MediaPipe", "ms a photo (median)", "ms a person found"], rows)


def speed():
    import onnxruntime as ort

    photo = DATA / "portraits/free/astronaut.png"
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    hed = ort.InferenceSession(str(MODELS / "models/hed/hed.onnx"), options)

    def python_hed():
        view = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB)
        edges = hed.run(None, {"image": view.astype(np.float32).transpose(2, 0, 1)[None]})[0][0, 0]
        cv2.imwrite(str(Path(tempfile.gettempdir()) / "bench-hed.png"), cv2.merge([(edges * 255).astype(np.uint8)] * 3))

    def python_canny():
        view = cv2.imread(str(photo))
        cv2.imwrite(str(Path(tempfile.gettempdir()) / "bench-canny.png"), cv2.merge([cv2.Canny(view, 100, 200)] * 3))

    def timed(work):
        start = time.time()
        work()
        return time.time() - start

    rows = []
    peers = {"canny": [("cv2.Canny in Python", python_canny)], "hed": [("the same graph in Python onnxruntime", python_hed)]}
    with tempfile.TemporaryDirectory() as out:
        for name in ("canny", "hed", "pose"):
            ours, memory = [], 0
            theirs = {peer: [] for peer, _ in peers.get(name, [])}
            for _ in range(ROUNDS):
                lines, memory = control({"annotators": [name]}, [photo], out, rounds=3)
                ours.append(min(lines[0]["seconds"]))
                for peer, work in peers.get(name, []):
                    work()
                    theirs[peer].append(timed(work))
            rows.append([name, "medley", f"{1 / statistics.median(ours):.2f}", f"{memory:.0f}"])
            for peer, times in theirs.items():
                rows.append([name, peer, f"{1 / statistics.median(times):.2f}", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} (one process for both)"])
            python = BENCH / "torch/bin/python"
            if os.environ.get("MEDLEY_BENCH_TORCH") and python.exists():
                ran = subprocess.run([python, Path(__file__).with_name("control_torch.py"), name, photo], capture_output=True, text=True)
                if ran.returncode == 0:
                    result = json.loads(ran.stdout.splitlines()[-1])
                    rows.append([name, "controlnet_aux 0.0.10, torch, random weights", f"{1 / result['seconds']:.2f}", f"{result['memory_mb']:.0f}"])
    print(f"Speed on astronaut.png, 512×512, decode to PNG, 2 threads, median of {ROUNDS}\n")
    table(["map", "", "images a second", "memory, MB"], rows)


def maps():
    from scipy.ndimage import distance_transform_edt

    folder = DATA / "annotators"

    def f1(ours, theirs, tolerance=3):
        near = lambda edges: distance_transform_edt(~edges) <= tolerance
        precision, recall = (ours & near(theirs)).sum() / max(1, ours.sum()), (theirs & near(ours)).sum() / max(1, theirs.sum())
        return 2 * precision * recall / max(1e-9, precision + recall)

    rows = []
    with tempfile.TemporaryDirectory() as out:
        for item in json.loads((folder / "manifest.json").read_text())["items"]:
            name = item["annotator"]
            if name not in ("canny", "hed", "mlsd"):
                continue
            resolution = item["params"]["resolution"]
            control({"annotators": [name], "detect_resolution": resolution, "image_resolution": resolution}, [folder / item["input"]], out)
            ours = cv2.imread(f"{out}/{Path(item['input']).stem}/{name}.png", 0)
            theirs = cv2.imread(str(folder / item["reference"]), 0)
            ours = cv2.resize(ours, theirs.shape[::-1], interpolation=cv2.INTER_AREA)
            cut = 100 if name == "hed" else 60
            rank = np.corrcoef(ours.ravel().argsort().argsort(), theirs.ravel().argsort().argsort())[0, 1]
            rows.append([name, f"{f1(ours > cut, theirs > cut):.3f}", f"{rank:.3f}"])
    print("Against ControlNet's published maps (crops of screenshots: loose)\n")
    table(["map", "edge F1 at 3 px", "rank correlation"], rows)


def depth():
    left, right = (cv2.imread(str(DATA / f"depth/motorcycle_{side}.png")) for side in ("left", "right"))
    truth = np.load(DATA / "depth/motorcycle_disp.npz")
    truth = truth[truth.files[0]].astype(np.float64)
    with tempfile.TemporaryDirectory() as out:
        pair = Path(out) / "pair.png"
        cv2.imwrite(str(pair), np.hstack([left, right]))
        control({"annotators": ["depth"], "stereo": "side_by_side", "image_resolution": 0}, [pair], out)
        ours = cv2.imread(f"{out}/pair/depth16.png", cv2.IMREAD_UNCHANGED).astype(np.float64)
    known = np.isfinite(truth) & (truth > 0)
    x, y = ours[known], truth[known]
    scale, shift = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0]
    fitted = np.maximum(x * scale + shift, 1e-3)
    ratio = np.maximum(fitted / y, y / fitted)
    print("Stereo pair (Middlebury motorcycle), disparity after scale and shift\n")
    table(["pixels within 1.25 (δ1)", "within 1.05", "mean error, px"],
          [[f"{(ratio < 1.25).mean():.3f}", f"{(ratio < 1.05).mean():.3f}", f"{np.abs(fitted - y).mean():.2f}"]])


for section in sys.argv[1:] or ["pose", "speed", "maps", "depth"]:
    {"pose": pose, "speed": speed, "maps": maps, "depth": depth}[section]()
