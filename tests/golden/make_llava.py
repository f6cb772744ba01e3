#!/usr/bin/env python3
"""Tiny seeded LLaVA-1.5 checkpoints in Hugging Face's layout, and what Hugging Face's code computes with them.

usage: make_llava.py                        writes tests/golden/llava/
       make_llava.py --check M3_INSPECT [N] compares N random shapes with `m3-inspect --trace` (default 8)

Needs torch, transformers 5.24, sentencepiece, pillow, safetensors.
"""
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
import sentencepiece
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

GOLDEN = pathlib.Path(__file__).parent / "llava"
CORPUS = pathlib.Path(__file__).parents[2] / "LICENSE"
TEXTS = ["Hello world! 123", "  two  spaces ", "\nWhat is this? ASSISTANT:", "naïve café 東京 🙂", "a</s>b <s>", "x\ty\r\nz", "", " ",
         "A chat between a curious user and an artificial intelligence assistant. USER: "]
QUESTION = "What is this?"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# What differs from LLaVA-1.5; sizes are tiny, the grid is the real one unless it says otherwise.
COMMITTED = {
    "grouped": dict(seed=1, kv_heads=2, rope={"rope_type": "linear", "factor": 2.0}, dtype="float32", names="old", shards=3,
                    tokenizer="model", pad=True),
    "tied": dict(seed=2, kv_heads=1, rope={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                           "original_max_position_embeddings": 128},
                 tied=True, dtype="bfloat16", names="new", tokenizer="metaspace"),
    "biased": dict(seed=3, kv_heads=4, bias=True, head_dim=10, dtype="float16", names="old", tokenizer="bytes", image=64, patch=16,
                   layers_of=[-2, 1], projector_bias=False, act="gelu"),
}


def pixels(size):
    """Numbers that a test can make again: about what normalised pixels are."""
    x = torch.arange(size, dtype=torch.float64)
    rows = [torch.sin(0.11 * (c + 1) * x[:, None] + 0.07 * x[None, :] + 0.003 * x[:, None] * x[None, :]) * 1.5 for c in range(3)]
    return torch.stack(rows).float()[None]


def picture(width, height, seed):
    """Smooth shapes and a little noise, so that resizing has something to do."""
    numbers = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [127 + 90 * numpy.sin(x / (5 + 9 * c) + y / (11 - 3 * c)) + numbers.normal(0, 9, (height, width)) for c in range(3)]
    return Image.fromarray(numpy.clip(numpy.stack(planes, 2), 0, 255).astype(numpy.uint8))


def train_sentencepiece(folder):
    lines = [line for line in CORPUS.read_text().splitlines() if line.strip()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(folder / "tokenizer"), vocab_size=400, model_type="bpe", byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.99, num_threads=1, minloglevel=2)
    (folder / "tokenizer.vocab").unlink()
    return folder / "tokenizer.model"


def metaspace_tokenizer(folder):
    """The tokenizer.model as transformers turns it into a tokenizer.json."""
    model = train_sentencepiece(folder)
    processor = sentencepiece.SentencePieceProcessor(str(model))
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    scores = {piece: processor.get_score(i) for i, piece in enumerate(pieces)}
    merges = []
    for piece in pieces:
        halves = [(piece[:i], piece[i:]) for i in range(1, len(piece)) if piece[:i] in scores and piece[i:] in scores]
        halves = [half for half in halves if not piece.startswith("<0x")]
        merges += [(scores[piece], -pieces.index(a), -pieces.index(b), a, b) for a, b in halves]
    merges.sort(key=lambda merge: merge[:3], reverse=True)
    tokenizer = transformers.LlamaTokenizer(vocab={piece: i for i, piece in enumerate(pieces)},
                                            merges=[(a, b) for *_, a, b in merges], add_bos_token=True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    model.unlink()


def byte_tokenizer(folder):
    """Llama 3's kind: bytes, a pattern of its own, whole words first."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {c: i for i, c in enumerate(alphabet)}
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "w"), ("1", "2"), ("12", "3"), ("i", "s")]
    for a, b in merges:
        vocabulary[a + b] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<image>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    tokenizer.save(str(folder / "tokenizer.json"))


class Words:
    """Token ids as the reference of each kind makes them: a text at the start, or behind a picture."""

    def __init__(self, folder):
        self.path = folder / "tokenizer.model"
        if self.path.exists():
            self.slow = sentencepiece.SentencePieceProcessor(str(self.path))
        else:
            self.fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.image = self.fast.token_to_id("<image>")

    def ids(self, text, behind=False):
        if self.path.exists():  # the original LLaVA: each text between special tokens by itself
            ids, specials = [], {"<s>": 1, "</s>": 2, "<unk>": 0, "<image>": self.slow.get_piece_size()}
            while text:
                found = min((text.find(s), s) for s in specials if s in text) if any(s in text for s in specials) else (len(text), "")
                ids += self.slow.encode(text[:found[0]]) if found[0] else []
                ids += [specials[found[1]]] if found[1] else []
                text = text[found[0] + len(found[1]):]
            return ids
        if not behind:
            return self.fast.encode(text, add_special_tokens=False).ids
        return self.fast.encode("<image>" + text, add_special_tokens=False).ids[1:]

    def opening(self):
        if self.path.exists():
            return [1]
        return self.fast.encode("", add_special_tokens=True).ids

    def size(self):
        return self.slow.get_piece_size() + 1 if self.path.exists() else self.fast.get_vocab_size()


def make_tokenizer(folder, kind):
    if kind == "model":
        train_sentencepiece(folder)
        size = sentencepiece.SentencePieceProcessor(str(folder / "tokenizer.model")).get_piece_size()
        (folder / "added_tokens.json").write_text(json.dumps({"<image>": size}))
    elif kind == "metaspace":
        metaspace_tokenizer(folder)
    else:
        byte_tokenizer(folder)


def make_config(v, vocabulary):
    heads = v.get("heads", 4)
    hidden = v.get("hidden", 48)
    text = transformers.LlamaConfig(
        vocab_size=vocabulary + v.get("padding", 7), hidden_size=hidden, intermediate_size=v.get("inner", 64), num_hidden_layers=v.get("layers", 2),
        num_attention_heads=heads, num_key_value_heads=v.get("kv_heads", heads), head_dim=v.get("head_dim"), rms_norm_eps=1e-5,
        max_position_embeddings=2048, attention_bias=v.get("bias", False), mlp_bias=v.get("bias", False),
        tie_word_embeddings=v.get("tied", False), rope_parameters={"rope_theta": v.get("theta", 10000.0), **v.get("rope", {"rope_type": "default"})})
    vision = transformers.CLIPVisionConfig(
        hidden_size=v.get("tower", 32), intermediate_size=v.get("tower_inner", 48), num_hidden_layers=v.get("tower_layers", 3),
        num_attention_heads=v.get("tower_heads", 4), image_size=v.get("image", 336), patch_size=v.get("patch", 14),
        hidden_act=v.get("act", "quick_gelu"), layer_norm_eps=v.get("eps", 1e-5))
    return transformers.LlavaConfig(vision_config=vision, text_config=text, vision_feature_layer=v.get("layers_of", -2),
                                    multimodal_projector_bias=v.get("projector_bias", True), tie_word_embeddings=v.get("tied", False),
                                    image_token_index=vocabulary - 1)


def spread(model, v):
    """Weights so large that every stage matters, and logits with a standard deviation of about 3."""
    generator = torch.Generator().manual_seed(v["seed"])
    for name, weight in model.named_parameters():
        numbers = torch.randn(weight.shape, generator=generator)
        if weight.ndim == 1:
            weight.data = 0.1 * numbers + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        elif "embed" in name:
            weight.data = numbers * 0.3
        else:
            weight.data = numbers * 1.2 / math.sqrt(weight[0].numel())
    model.tie_weights()
    ids = torch.randint(0, model.config.text_config.vocab_size, (1, 64), generator=generator)
    size = 3 / model(input_ids=ids.clamp(max=model.config.image_token_index - 1)).logits.std()
    (model.model.language_model.norm if v.get("tied") else model.lm_head).weight.data *= size


def old_name(name):
    if name == "lm_head.weight":
        return "language_model.lm_head.weight"
    name = name.removeprefix("model.")
    name = name.replace("language_model.", "language_model.model.", 1) if name.startswith("language_model.") else name
    return name.replace("vision_tower.", "vision_tower.vision_model.", 1) if not name.startswith("vision_tower.vision_model.") else name


def save(model, folder, v):
    dtype = DTYPES[v["dtype"]]
    tensors = {name: weight.detach().to(dtype).contiguous() for name, weight in model.state_dict().items()}
    if v.get("tied"):
        tensors.pop("lm_head.weight")
    if v["names"] == "old":
        tensors = {old_name(name): weight for name, weight in tensors.items()}
    names, shards = sorted(tensors), v.get("shards", 1)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    else:
        index = {"metadata": {}, "weight_map": {}}
        for shard in range(shards):
            file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            save_file({name: tensors[name] for name in names[shard::shards]}, folder / file, {"format": "pt"})
            index["weight_map"].update({name: file for name in names[shard::shards]})
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    config = model.config.to_dict()
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str) + "\n")
    size = v.get("image", 336)
    processor = transformers.models.llava.image_processing_pil_llava.LlavaImageProcessorPil(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}, do_pad=v.get("pad", False))
    processor.save_pretrained(folder)
    for name, weight in model.state_dict().items():
        weight.copy_(weight.to(dtype).float())
    return processor


def make(folder, v):
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(folder, v["tokenizer"])
    words = Words(folder)
    config = make_config(v, words.size())
    model = transformers.LlavaForConditionalGeneration(config).float().eval()
    spread(model, v)
    processor = save(model, folder, v)
    return model, words, processor


def ladder(grid):
    sides = [grid]
    while sides[-1] > 1:
        sides.append(sides[-1] // min(f for f in range(2, sides[-1] + 1) if sides[-1] % f == 0))
    return sides


def vision(model, values):
    config = model.config
    states = model.model.vision_tower(values, output_hidden_states=True).hidden_states
    layers = config.vision_feature_layer
    layers = [layers] if isinstance(layers, int) else layers
    tower = torch.cat([states[layer][:, 1:] for layer in layers], -1)
    return tower, model.model.multi_modal_projector(tower)


def pooled(projected, grid, side):
    cells = projected[0].view(grid, grid, -1).permute(2, 0, 1)[None]
    return torch.nn.functional.avg_pool2d(cells, grid // side)[0].permute(1, 2, 0).reshape(side * side, -1)


def answer(model, rows, count):
    """Logits of all rows; greedy ids and the lead of each over the runner-up."""
    ids, leads = [], []
    logits = model.lm_head(model.model.language_model(inputs_embeds=rows[None]).last_hidden_state)[0]
    first = logits
    for _ in range(count):
        best = logits[-1].topk(2)
        ids.append(int(best.indices[0]))
        leads.append(float(best.values[0] - best.values[1]))
        rows = torch.cat([rows, model.get_input_embeddings()(torch.tensor(ids[-1:]))])
        logits = model.lm_head(model.model.language_model(inputs_embeds=rows[None]).last_hidden_state)[0]
    return first, ids, leads


def prompt_ids(words):
    return words.opening() + words.ids("USER: "), words.ids(f"\n{QUESTION} ASSISTANT:", behind=True)


@torch.no_grad()
def write_golden(name, v):
    folder = GOLDEN / name
    model, words, processor = make(folder, v)
    grid = v.get("image", 336) // v.get("patch", 14)
    tower, projected = vision(model, pixels(v.get("image", 336)))
    stages = {"tower": tower[0, ::13].contiguous(), "projected": projected[0, ::13].contiguous()}
    before, behind = prompt_ids(words)
    embed = model.get_input_embeddings()
    answers = {}
    for side in ladder(grid):
        visual = pooled(projected, grid, side)
        rows = torch.cat([embed(torch.tensor(before)), visual, embed(torch.tensor(behind))])
        logits, ids, leads = answer(model, rows, 6)
        if side < grid:
            stages[f"pooled{side * side}"] = visual.contiguous()
        stages[f"logits{side * side}"] = logits[-6:].contiguous()
        answers[str(side * side)] = {"ids": ids, "leads": [round(lead, 4) for lead in leads]}
    save_file(stages, folder / "stages.safetensors")
    image = picture(171, 97, v["seed"])
    image.save(folder / "picture.png")
    values = torch.tensor(numpy.array(processor(images=image, return_tensors="np")["pixel_values"]))[0]
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (processor.image_mean, processor.image_std))
    shown = ((values * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(shown).save(folder / "pixels.png", optimize=True)
    golden = {"prompt": f"USER: <image>\n{QUESTION} ASSISTANT:", "before": before, "behind": behind, "answers": answers,
              "tokens": [{"text": text, "ids": words.ids(text), "behind": words.ids(text, behind=True)} for text in TEXTS]}
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(name, "logits' standard deviation", float(logits.std()), "least lead", min(min(a["leads"]) for a in answers.values()))


def random_shape(seed):
    r = random.Random(seed)
    heads, towers = r.choice([1, 2, 3, 4, 6, 8]), r.choice([1, 2, 3, 4])
    layers = r.randint(1, 5)
    image, patch = r.choice([(336, 14), (224, 14), (224, 16), (64, 16), (96, 32), (90, 10)])
    return dict(
        seed=seed, heads=heads, kv_heads=r.choice([k for k in range(1, heads + 1) if heads % k == 0]), hidden=heads * 2 * r.randint(4, 17),
        head_dim=r.choice([None, None, 2 * r.randint(3, 20)]), inner=r.randint(20, 200), layers=r.randint(1, 5), padding=r.choice([0, 5, 64]),
        theta=r.choice([1e4, 5e5]), bias=r.random() < 0.3, tied=r.random() < 0.4, dtype=r.choice(list(DTYPES)), names=r.choice(["old", "new"]),
        shards=r.choice([1, 2, 4]), tokenizer=r.choice(["model", "metaspace", "bytes"]), pad=r.random() < 0.5,
        rope=r.choice([{"rope_type": "default"}, {"rope_type": "linear", "factor": 4.0},
                       {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                        "original_max_position_embeddings": 256}]),
        tower=towers * 2 * r.randint(3, 14), tower_heads=towers, tower_inner=r.randint(20, 120), tower_layers=layers, image=image, patch=patch,
        layers_of=r.choice([-2 if layers > 1 else -1, -1, [-2, -1], [0, layers]]), act=r.choice(["quick_gelu", "gelu", "gelu_pytorch_tanh"]),
        eps=r.choice([1e-5, 1e-6]), projector_bias=r.random() < 0.7)


def error(found, wanted):
    return float((found - wanted).norm() / wanted.norm())


def trace(inspect, folder, *arguments):
    out = folder / "trace.safetensors"
    subprocess.run([inspect, str(folder), "--dtype", "float32", "--device", "cpu", "--trace", str(out), *arguments], check=True,
                   stdout=subprocess.DEVNULL)
    return load_file(out)


@torch.no_grad()
def check(inspect, seed):
    v = random_shape(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, words, processor = make(folder, v)
        values = pixels(v["image"])
        save_file({"pixel_values": values}, folder / "pixels.safetensors")
        tower, projected = vision(model, values)
        grid = v["image"] // v["patch"]
        before, behind = prompt_ids(words)
        embed = model.get_input_embeddings()
        worst = {"tower": 0.0, "projected": 0.0, "pooled": 0.0, "logits": 0.0}
        for side in ladder(grid):
            found = trace(inspect, folder, "--pixels", str(folder / "pixels.safetensors"), "--scale", str(side * side), "--raw-prompt",
                          f"USER: <image>\n{QUESTION} ASSISTANT:", "--max-new-tokens", "5")
            visual = pooled(projected, grid, side)
            ids = before + [-200] * side * side + behind
            assert found["input_ids"].tolist() == ids, (v, found["input_ids"].tolist(), ids)
            logits, wanted, leads = answer(model, torch.cat([embed(torch.tensor(before)), visual, embed(torch.tensor(behind))]), 5)
            for stage, value in (("tower", tower), ("projected", projected), ("pooled", visual), ("logits", logits)):
                worst[stage] = max(worst[stage], error(found[stage], value))
            for mine, his, lead in zip(found["generated_ids"].tolist(), wanted, leads):
                if lead <= 0.01:
                    break
                assert mine == his, (v, side, found["generated_ids"], wanted, leads)
        r = random.Random(seed)
        image = picture(r.randint(30, 700), r.randint(30, 700), seed)
        image.save(folder / "picture.png")
        values = torch.tensor(numpy.array(processor(images=image, return_tensors="np")["pixel_values"]))
        found = trace(inspect, folder, "--image", str(folder / "picture.png"), "--scale", "1", "--prompt", QUESTION, "--max-new-tokens", "1")
        std = torch.tensor(processor.image_std).view(1, 3, 1, 1)
        steps = float(((found["pixel_values"] - values) * std).abs().max()) * 255
        print(f"seed {seed} {v['image']}/{v['patch']} {v['tokenizer']} {v['dtype']}:", " ".join(f"{k} {e:.1e}" for k, e in worst.items()),
              f"pixels {steps:.2f}/255", flush=True)
        assert max(worst["tower"], worst["projected"], worst["pooled"]) <= 1e-4 and worst["logits"] <= 1e-3 and steps <= 1.01, v


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--check"]:
        for seed in range(100, 100 + int(sys.argv[3] if len(sys.argv) > 3 else 8)):
            check(sys.argv[2], seed)
    else:
        for name, v in COMMITTED.items():
            write_golden(name, v)


if __name__ == "__main__":
    main()
