"""Makes the golden files of this folder. Not part of any test run: it needs torch, torchvision, transformers, open_clip.

    apt-get install python3-torch python3-torchvision            # 1.13, 0.14 of Debian 12
    pip install --no-deps transformers==4.40.2 open_clip_torch==2.24.0
    pip install 'numpy<2' pillow==11.3.0 tokenizers==0.19.1 'huggingface_hub<0.25' safetensors regex ftfy==6.3.1 wcwidth \
        onnx==1.16.2 onnxruntime==1.23.2
    python make.py ~/.cache/medley/models/models

The argument is the model cache with the registry's samples, whose photographs the figures are about.
"""
import hashlib, importlib.util, io, json, pathlib, sys

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

HERE = pathlib.Path(__file__).parent
MODELS = pathlib.Path(sys.argv[1])
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PHOTOS = [
    "sample-pictures/astronaut.png", "sample-pictures/chelsea.png", "sample-pictures/coffee.png",
    "sample-pictures/rocket.jpg", "sample-pictures/hubble.jpg", "sample-pictures/camera.png",
    "sample-clip/franz-kafka.jpg", "sample-clip/clip-diagram.png",
]


def save(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class Dice:
    """The generator that the Rust test has too: Knuth's MMIX."""

    def __init__(self, seed):
        self.state = seed

    def roll(self, sides):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % sides


def open_clip_tokenizer():
    """From its file: the package around it wants more than is needed here."""
    folder = importlib.util.find_spec("open_clip").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", f"{folder}/tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def tokens():
    tokenizer = open_clip_tokenizer()
    fragments = [line for line in (HERE / "fragments.txt").read_text(encoding="utf-8").split("\n") if line]
    separators = [" ", ", ", "  ", "", "\n", "\t", " - ", ". "]
    dice, blocks, samples = Dice(2021), [], []
    for block in range(100):
        digest = hashlib.sha256()
        for n in range(100):
            parts = []
            for _ in range(1 + dice.roll(12)):
                parts.append(fragments[dice.roll(len(fragments))])
                parts.append(separators[dice.roll(len(separators))])
            text = "".join(parts)
            ids = tokenizer(text)[0].tolist()
            digest.update(b"".join(i.to_bytes(4, "little") for i in ids))
            if n == 0:
                samples.append([text, tokenizer.encode(text)])
        blocks.append(digest.hexdigest())
    save("tokens.json", {"blocks": blocks, "samples": samples})


def synthetic(width, height, channels, seed):
    """The same picture as the Rust test makes: waves and noise, in integers."""
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(channels), indexing="xy")
    v = (x * 7 + y * 13 + c * 50 + seed * 31) ^ ((x * y) // 3) ^ (((x // 16 + y // 16) % 2) * 90)
    return (v % 256).astype(np.uint8)


def squares():
    out = {"synthetic": [], "photos": []}
    sizes = [(224, 224), (225, 224), (224, 225), (223, 223), (1, 1), (1, 40), (3, 500), (500, 333), (333, 500),
             (640, 480), (481, 641), (1001, 77), (77, 1001), (100, 100), (2048, 1365), (1366, 768), (227, 2000)]
    for side in (224, 336):
        square = transforms.Compose([transforms.Resize(side, InterpolationMode.BICUBIC), transforms.CenterCrop(side)])
        for seed, (width, height) in enumerate(sizes):
            for mode, channels in (("RGB", 3), ("L", 1), ("RGBA", 4)):
                array = synthetic(width, height, channels, seed)
                image = Image.fromarray(array[:, :, 0] if channels == 1 else array, mode).convert("RGB")
                digest = hashlib.sha256(np.asarray(square(image)).tobytes()).hexdigest()
                out["synthetic"].append([side, width, height, mode, digest])
        for photo in PHOTOS:
            image = square(Image.open(MODELS / photo).convert("RGB"))
            out["photos"].append([side, photo, hashlib.sha256(np.asarray(image).tobytes()).hexdigest()])
    square = transforms.Resize((224, 224), InterpolationMode.BICUBIC)
    out["squashed"] = []
    for photo in PHOTOS:
        image = square(Image.open(MODELS / photo).convert("RGB"))
        out["squashed"].append([photo, hashlib.sha256(np.asarray(image).tobytes()).hexdigest()])
    save("squares.json", out)


def tiny_clip():
    """CLIP ViT-B/32's contract (224 px, patches of 32, 77 tokens of 49,408) with few and random weights."""
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    rows = 499
    torch.manual_seed(7)
    text = CLIPTextConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, projection_dim=16)
    vision = CLIPVisionConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, projection_dim=16)
    config = CLIPConfig.from_text_vision_configs(text, vision, projection_dim=16)
    model = CLIPModel(config).eval()
    with torch.no_grad():
        # Initial weights are so small that every input looks alike.
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6.0)
        # The vocabulary's table repeats itself, so that the file is small: the graph takes ids modulo its rows. The
        # last id, which marks the end, is told apart by its own row.
        table = model.text_model.embeddings.token_embedding.weight
        table.copy_(table[torch.arange(49408) % rows])

    class Visual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixels):
            return self.model.get_image_features(pixels)

    class Textual(Visual):
        def forward(self, ids):
            return self.model.get_text_features(ids)

    def export(module, example, name):
        buffer = io.BytesIO()
        torch.onnx.export(module, example, buffer, input_names=["input"], output_names=["output"], opset_version=14,
                          dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
        return onnx.load_from_string(buffer.getvalue())

    folder = HERE / "tiny-clip"
    folder.mkdir(exist_ok=True)
    visual = export(Visual(), torch.zeros(2, 3, 224, 224), "visual")
    textual = export(Textual(), torch.zeros(2, 77, dtype=torch.int64), "textual")
    for tensor in textual.graph.initializer:
        if list(tensor.dims)[:1] == [49408]:
            small = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor)[:rows], tensor.name)
            tensor.CopyFrom(small)
            gather = next(n for n in textual.graph.node if n.op_type == "Gather" and n.input[0] == tensor.name)
            textual.graph.initializer.append(onnx.numpy_helper.from_array(np.array(rows, dtype=np.int64), "rows"))
            at = list(textual.graph.node).index(gather)
            ids = gather.input[1]
            gather.input[1] = "ids_modulo_rows"
            textual.graph.node.insert(at, onnx.helper.make_node("Mod", [ids, "rows"], ["ids_modulo_rows"]))
    onnx.save(visual, folder / "visual.onnx")
    onnx.save(textual, folder / "textual.onnx")

    tokenizer = open_clip_tokenizer()
    prepare = transforms.Compose([
        transforms.Resize(224, InterpolationMode.BICUBIC), transforms.CenterCrop(224), lambda image: image.convert("RGB"),
        transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    texts = ["a photo of a cat", "a rocket on its launch pad", "", "Ein Astronaut lächelt", "猫", "word " * 100]
    golden = {"photos": [], "texts": []}
    with torch.no_grad():
        for photo in PHOTOS:
            features = model.get_image_features(prepare(Image.open(MODELS / photo).convert("RGB"))[None])
            golden["photos"].append([photo, torch.nn.functional.normalize(features)[0].tolist()])
        for text in texts:
            features = model.get_text_features(tokenizer([text]).long())
            golden["texts"].append([text, torch.nn.functional.normalize(features)[0].tolist()])
        images = torch.tensor([vector for _, vector in golden["photos"]])
        logits = 100.0 * images @ torch.tensor([vector for _, vector in golden["texts"]]).T
        golden["probabilities"] = logits.softmax(dim=1).tolist()
    # The graphs are the model.
    session = onnxruntime.InferenceSession(str(folder / "textual.onnx"))
    found = session.run(None, {"input": tokenizer(texts).long().numpy()})[0]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert np.abs(found - np.array([vector for _, vector in golden["texts"]])).max() < 1e-4
    save("tiny-clip.json", golden)


for make in (tokens, squares, tiny_clip):
    make()
    print(make.__name__)
