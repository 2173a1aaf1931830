"""Makes the golden files of CLIP's kin, SigLIP and Chinese-CLIP. Not part of any test run: it needs torch, transformers.

    pip install torch==2.15.0 pillow==11.3.0 'numpy<2' onnx==1.19.1 onnxruntime==1.23.2 transformers==4.57.1 \
        tokenizers==0.22.1 'huggingface_hub<1' sentencepiece==0.2.1 protobuf==6.33.0
    python make_kin.py ~/.cache/medley/models/models

Pillow 13 resamples otherwise than Pillow 11, which is what `resample.rs` is after and what the models were trained with or before.

The argument is the model cache with the registry's samples and Chinese-CLIP's vocabulary. SigLIP's own vocabulary is in no
package registry: a SentencePiece model of the same kind (unigram, NFKC rules, the same special pieces) is trained here on
the banks of labels.
"""
import glob, hashlib, io, json, pathlib, runpy, sys

import numpy as np
import onnx
import onnxruntime
import sentencepiece
import torch
from PIL import Image
from transformers import (
    BertTokenizer, BertTokenizerFast, ChineseCLIPConfig, ChineseCLIPImageProcessor, ChineseCLIPModel, SiglipConfig,
    SiglipImageProcessor, SiglipModel, SiglipTokenizer)

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[3]
MODELS = pathlib.Path(sys.argv[1])
SIGLIP, CHINESE = HERE / "tiny-siglip", HERE / "tiny-chinese-clip"
ROWS = 499
PHOTOS = [
    "sample-pictures/astronaut.png", "sample-pictures/chelsea.png", "sample-pictures/coffee.png",
    "sample-pictures/rocket.jpg", "sample-pictures/camera.png", "sample-clip/franz-kafka.jpg",
]
SIZES = [(224, 224), (225, 224), (1, 1), (1, 40), (3, 500), (640, 480), (481, 641), (1001, 77), (100, 100), (1366, 768)]
CHINESE_WORDS = [
    "一只猫", "红色的汽车", "海边日落", "草地上的狗", "夜晚的城市街道", "穿白色连衣裙的女孩", "北京天安门广场", "杰尼龟", "妙蛙种子",
    "ＡＢＣ１２３，。！", "「引号」", "《红楼梦》", "3.5米高", "iPhone15手机壳", "價格：￥99.00元", "繁體中文", "㈱", "①②③", "½杯牛奶",
    "ﬁn", "ガラス", "한국어", "🐱猫咪👨‍👩‍👧", "café 咖啡", "naïve", "Ελληνικά ΟΔΟΣ", "Straße", "İstanbul", "x\u200by", "\u00ad", "\ufffd",
    "▁下划线", "a_b", "don't", "hashtag", "a hashtagged cat", "co-op", "50%", "#1", "$5+3=8", "~`^|<>", "\x1c", "\u2028", "\u3000", "e\u0301",
    "豈", "𠮷野家", "[MASK]", "<unk>", "supercalifragilisticexpialidocious", "a photo of a cat", "wildlife photography",
]


class Dice:
    """The generator of make.py: Knuth's MMIX."""

    def __init__(self, seed):
        self.state = seed

    def roll(self, sides):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % sides


def save(name, value):
    """A sample a line."""
    lines = [json.dumps(value, ensure_ascii=False)]
    if isinstance(value, dict):
        inner = lambda v: ",\n  ".join(json.dumps(x, ensure_ascii=False) for x in v) if isinstance(v, list) else None
        lines = [f' {json.dumps(k)}: [\n  {inner(v)}\n ]' if isinstance(v, list) else f' {json.dumps(k)}: {json.dumps(v)}'
                 for k, v in value.items()]
        lines = ["{", ",\n".join(lines), "}"]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def strings():
    fragments = [line for line in (HERE / "fragments.txt").read_text(encoding="utf-8").split("\n") if line]
    words, separators = fragments + CHINESE_WORDS * 2, [" ", ", ", "  ", "", "\n", "\t", "，", " - ", "。"]
    dice = Dice(2023)
    # Special tokens of a text are text here, as for the models' authors, and not for transformers: left out of what is compared.
    texts = ["", " ", "\u3000", "猫" * 80, "word " * 100, "Cat, dog! " * 40, "x" * 150, "猫x" * 60] + CHINESE_WORDS
    for _ in range(300):
        texts.append("".join(words[dice.roll(len(words))] + separators[dice.roll(len(separators))]
                             for _ in range(1 + dice.roll(10))))
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "<unk>", "</s>"]
    return [text for text in texts if not any(token in text for token in special)]


def vocabulary():
    SIGLIP.mkdir(exist_ok=True)
    corpus = []
    for path in sorted(glob.glob(f"{ROOT}/workers/clip/banks/*.txt")):
        corpus += pathlib.Path(path).read_text(encoding="utf-8").lower().split("\n")
    corpus += CHINESE_WORDS * 3
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, vocab_size=1600, model_type="unigram", pad_id=0, eos_id=1, unk_id=2,
        bos_id=-1, normalization_rule_name="nmt_nfkc", user_defined_symbols=["hashtag"], character_coverage=0.999,
        num_threads=1, minloglevel=2)
    (SIGLIP / "spiece.model").write_bytes(model.getvalue())


def tokens():
    siglip = SiglipTokenizer(str(SIGLIP / "spiece.model"))
    vocab = str(MODELS / "chinese-clip-vocabulary/vocab.txt")
    chinese, fast = BertTokenizer(vocab), BertTokenizerFast(vocab)
    out, differ = {"siglip": [], "chinese-clip": []}, 0
    for text in strings():
        out["siglip"].append([text, siglip(text, padding="max_length", truncation=True, max_length=64)["input_ids"]])
        ids = chinese(text, padding="max_length", truncation=True, max_length=52)["input_ids"]
        differ += ids != fast(text, padding="max_length", truncation=True, max_length=52)["input_ids"]
        out["chinese-clip"].append([text, ids])
    print(f"{len(out['siglip'])} strings; BertTokenizerFast differs from BertTokenizer on {differ}")
    for samples in out.values():
        for sample in samples:
            # Padding goes without saying.
            last = max((n for n, i in enumerate(sample[1]) if i != sample[1][-1]), default=-1)
            sample[1] = sample[1][: last + 2] if sample[1][-1] in (0, 1) and len(sample[1]) > last + 2 else sample[1]
    save("kin-tokens.json", out)


def synthetic(width, height, channels, seed):
    """As in make.py."""
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(channels), indexing="xy")
    v = (x * 7 + y * 13 + c * 50 + seed * 31) ^ ((x * y) // 3) ^ (((x // 16 + y // 16) % 2) * 90)
    return (v % 256).astype(np.uint8)


def processors(side):
    square = {"height": side, "width": side}
    return {
        "siglip": SiglipImageProcessor(size=square),
        # As OFA-Sys/chinese-clip-vit-base-patch16's preprocessor_config.json has it.
        "chinese-clip": ChineseCLIPImageProcessor(size=square, do_center_crop=False),
    }


def pixels():
    """Every 6,151st value of what transformers' processors give."""
    out = {"cases": []}
    for side in (224, 384):
        for family, processor in processors(side).items():
            for seed, (width, height) in enumerate(SIZES):
                image = Image.fromarray(synthetic(width, height, 3, seed), "RGB")
                values = processor(image, return_tensors="np", input_data_format="channels_last")["pixel_values"][0].ravel()[::6151]
                out["cases"].append([family, side, width, height, seed, [round(float(v), 6) for v in values]])
    save("kin-pixels.json", out)


def export(module, examples, inputs, outputs):
    buffer = io.BytesIO()
    axes = {name: {0: "batch"} for name in inputs + outputs}
    torch.onnx.export(module.eval(), examples, buffer, input_names=inputs, output_names=outputs, opset_version=17, dynamic_axes=axes,
                      dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def small_table(graph, vocabulary):
    """The vocabulary's table repeats itself: the graph takes ids modulo its rows, and the file is small."""
    for tensor in graph.graph.initializer:
        if list(tensor.dims)[:1] == [vocabulary]:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor)[:ROWS], tensor.name))
            gather = next(n for n in graph.graph.node if n.op_type == "Gather" and n.input[0] == tensor.name)
            graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array(ROWS, dtype=np.int64), "rows"))
            at = list(graph.graph.node).index(gather)
            ids, gather.input[1] = gather.input[1], "ids_modulo_rows"
            graph.graph.node.insert(at, onnx.helper.make_node("Mod", [ids, "rows"], ["ids_modulo_rows"]))
    return graph


def enlarge(model, table, factor):
    with torch.no_grad():
        # Initial weights are so small that every input looks alike.
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(factor)
        table.copy_(table[torch.arange(len(table)) % ROWS])


class Named(torch.nn.Module):
    """A model by the inputs and outputs that a graph shall have."""

    def __init__(self, model, run):
        super().__init__()
        self.model, self.run = model, run

    def forward(self, *inputs):
        return self.run(*inputs)


TEXTS = ["a photo of a cat", "a rocket on its launch pad", "", "一只猫", "发射台上的火箭", "A cup of COFFEE!", "word " * 100]


def golden(processor, texts, model, read):
    """Vectors of the torch model and their cosines; `texts` are tokenised."""
    out = {"photos": [], "texts": []}
    with torch.no_grad():
        for photo in PHOTOS:
            image = processor(Image.open(MODELS / photo).convert("RGB"), return_tensors="pt")["pixel_values"]
            features = torch.nn.functional.normalize(model.get_image_features(image))
            out["photos"].append([photo, [round(v, 7) for v in features[0].tolist()]])
        for text, encoded in zip(TEXTS, texts):
            features = torch.nn.functional.normalize(read(encoded))
            out["texts"].append([text, [round(v, 7) for v in features[0].tolist()]])
    images, sentences = (torch.tensor([vector for _, vector in out[kind]]) for kind in ("photos", "texts"))
    return out, images @ sentences.T


def tiny_siglip():
    """SigLIP base's contract (224 px, patches of 16, 64 tokens of 32,000) with few and random weights, as Optimum exports it."""
    torch.manual_seed(7)
    few = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    config = SiglipConfig(text_config=few | {"vocab_size": 32000}, vision_config=few)
    config._attn_implementation = "eager"
    model = SiglipModel(config).eval()
    enlarge(model, model.text_model.embeddings.token_embedding.weight, 3.0)
    names = ["last_hidden_state", "pooler_output"]
    see = Named(model, lambda pixels: tuple(model.vision_model(pixel_values=pixels)[:2]))
    read = Named(model, lambda ids: tuple(model.text_model(input_ids=ids)[:2]))
    onnx.save(export(see, (torch.zeros(2, 3, 224, 224),), ["pixel_values"], names), SIGLIP / "vision_model.onnx")
    text = export(read, (torch.zeros(2, 64, dtype=torch.int64),), ["input_ids"], names)
    onnx.save(small_table(text, 32000), SIGLIP / "text_model.onnx")

    tokenizer = SiglipTokenizer(str(SIGLIP / "spiece.model"))
    encoded = [{"input_ids": tokenizer(text, padding="max_length", truncation=True, max_length=64, return_tensors="pt")["input_ids"]}
               for text in TEXTS]
    out, cosines = golden(processors(224)["siglip"], encoded, model, lambda text: model.get_text_features(**text))
    scale, bias = 8.0, -2.0
    with torch.no_grad():
        model.logit_scale.fill_(float(np.log(scale)))
        model.logit_bias.fill_(bias)
        images = torch.cat([processors(224)["siglip"](Image.open(MODELS / p).convert("RGB"), return_tensors="pt")["pixel_values"]
                            for p in PHOTOS])
        logits = model(input_ids=torch.cat([e["input_ids"] for e in encoded]), pixel_values=images).logits_per_image
    assert (logits - (cosines * scale + bias)).abs().max() < 1e-4
    out |= {"logit_scale": scale, "logit_bias": bias, "probabilities": logits.sigmoid().tolist()}
    save("tiny-siglip.json", out)


def tiny_chinese_clip():
    """Chinese-CLIP ViT-B/16's contract (224 px, patches of 16, 52 tokens of 21,128) with few and random weights, exported in
    one graph as Optimum does, and cut in two by the registry's converter."""
    CHINESE.mkdir(exist_ok=True)
    torch.manual_seed(8)
    few = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    vision = few | {"patch_size": 16}
    config = ChineseCLIPConfig(text_config=few | {"vocab_size": 21128}, vision_config=vision, projection_dim=16)
    config._attn_implementation = "eager"
    model = ChineseCLIPModel(config).eval()
    enlarge(model, model.text_model.embeddings.word_embeddings.weight, 6.0)

    def both(ids, pixels, mask, types):
        out = model(input_ids=ids, pixel_values=pixels, attention_mask=mask, token_type_ids=types)
        return out.logits_per_image, out.logits_per_text, out.text_embeds, out.image_embeds

    ids = torch.zeros(2, 52, dtype=torch.int64)
    merged = export(Named(model, both), (ids, torch.zeros(2, 3, 224, 224), torch.ones_like(ids), ids),
                    ["input_ids", "pixel_values", "attention_mask", "token_type_ids"],
                    ["logits_per_image", "logits_per_text", "text_embeds", "image_embeds"])
    path = HERE / "merged.onnx"
    onnx.save(small_table(merged, 21128), path)
    for tower, output in (("visual.onnx", "image_embeds"), ("textual.onnx", "text_embeds")):
        sys.argv = ["onnx_part.py", str(path), output, str(CHINESE / tower)]
        runpy.run_path(str(ROOT / "workers/models/convert/onnx_part.py"), run_name="__main__")
    path.unlink()

    tokenizer = BertTokenizer(str(MODELS / "chinese-clip-vocabulary/vocab.txt"))
    encoded = [tokenizer(text, padding="max_length", truncation=True, max_length=52, return_tensors="pt") for text in TEXTS]
    # As the model's forward does; get_text_features of this version asks for a pooler that the model has not.
    read = lambda text: model.text_projection(model.text_model(**text)[0][:, 0, :])
    out, cosines = golden(processors(224)["chinese-clip"], encoded, model, read)
    out |= {"probabilities": (100.0 * cosines).softmax(dim=1).tolist()}
    save("tiny-chinese-clip.json", out)


for make in (vocabulary, tokens, pixels, tiny_siglip, tiny_chinese_clip):
    make()
    print(make.__name__)
