#!/usr/bin/env python3
"""Hugging Face's transformers on a LLaVA model: the peer for the tower, for prefill and for decode.

Answers on stdin and stdout, so that both sides can take turns in one run:
  prints   {"ready": true, "version": ..., "norm": ...}   norm: length of the tower's features for the pixels
           i * 31 mod 257 / 128 - 1, i counting them from 0; left out for weights that are made up
  reads    "tower RUNS", "prefill ROWS RUNS" or "decode ROWS RUNS" a line
  prints   RUNS wall-clock times in milliseconds as a JSON array. tower: one picture to the features that the projector
           takes. prefill: ROWS embeddings through the language model with an empty cache, the greedy token behind them.
           decode: one greedy token more behind ROWS (and the tokens of the runs before)
ROWS are made up: what is in them costs the same. Needs the Python packages torch and transformers.
"""

import argparse
import json
import sys
import time

import torch
import transformers


def make_up(config, dtype, device):
    """A model of this shape with weights that are drawn."""
    with torch.device("meta"):
        model = transformers.LlavaForConditionalGeneration(config)
    model = model.to(dtype).to_empty(device=device).eval()
    for parameter in model.parameters():
        parameter.uniform_(-0.02, 0.02)
    # Tables that are no parameters, and so not made yet: of rotary and of learned positions.
    language = model.model.language_model
    language.rotary_emb = type(language.rotary_emb)(config.text_config).to(device)
    for module in model.modules():
        if hasattr(module, "position_ids"):
            module.position_ids.copy_(torch.arange(module.position_ids.shape[-1]).expand_as(module.position_ids))
    model.tie_weights()
    return model


class Peer:
    def __init__(self, whole, device):
        self.config = whole.config
        self.device = device
        self.tower_model = whole.model.vision_tower
        self.embedding = whole.get_input_embeddings()
        self.model = whole.model.language_model
        self.head = whole.lm_head
        self.dtype = self.head.weight.dtype

    def timed(self, work):
        begin = time.perf_counter()
        result = work()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return 1000 * (time.perf_counter() - begin), result

    def rows(self, count):
        width = self.model.config.hidden_size
        return torch.randn(1, count, width, generator=torch.Generator().manual_seed(0)).to(self.device, self.dtype)

    def pixels(self):
        side = self.config.vision_config.image_size
        numbers = torch.arange(3 * side * side) * 31 % 257 / 128 - 1
        return numbers.reshape(1, 3, side, side).to(self.device, self.dtype)

    def features(self, pixels):
        hidden = self.tower_model(pixels, output_hidden_states=True).hidden_states
        layers = self.config.vision_feature_layer
        taken = [hidden[layer] for layer in ([layers] if isinstance(layers, int) else layers)]
        return torch.cat(taken, -1)[:, 1:]

    def last(self, out):
        return self.head(out.last_hidden_state[:, -1]).argmax(-1)

    def tower(self, runs):
        pixels = self.pixels()
        return [self.timed(lambda: self.features(pixels))[0] for _ in range(runs)]

    def prefill(self, count, runs):
        rows = self.rows(count)
        return [self.timed(lambda: self.last(self.model(inputs_embeds=rows, use_cache=True)))[0] for _ in range(runs)]

    def decode(self, count, runs):
        out = self.model(inputs_embeds=self.rows(count), use_cache=True)
        best, cache, times = self.last(out), out.past_key_values, []
        for _ in range(runs):
            spent, best = self.timed(lambda token=best: self.last(self.model(
                inputs_embeds=self.embedding(token)[:, None], past_key_values=cache, use_cache=True)))
            times.append(spent)
        return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="model folder in Hugging Face's layout, or its config.json")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu", help="cpu or cuda:N")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--random", action="store_true", help="make weights up in the shape of the config")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    dtype, device = getattr(torch, arguments.dtype), torch.device(arguments.device)
    ready = {"ready": True, "version": transformers.__version__}
    with torch.inference_mode():
        if arguments.random:
            peer = Peer(make_up(transformers.LlavaConfig.from_pretrained(arguments.model), dtype, device), device)
        else:
            peer = Peer(transformers.LlavaForConditionalGeneration.from_pretrained(
                arguments.model, dtype=dtype, local_files_only=True).to(device).eval(), device)
            ready["norm"] = peer.features(peer.pixels()).double().norm().item()
        work = {"tower": peer.tower, "prefill": peer.prefill, "decode": peer.decode}
        print(json.dumps(ready), flush=True)
        for line in sys.stdin:
            what, *numbers = line.split()
            print(json.dumps(work[what](*map(int, numbers))), flush=True)


if __name__ == "__main__":
    main()
