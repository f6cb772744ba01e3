#!/usr/bin/env python3
"""Hugging Face's transformers on a LLaVA model: the peer for the tower, for prefill and for decode.

Answers on stdin and stdout, so that both sides can take turns in one run:
  prints   {"ready": true, "version": ...}
  reads    "tower RUNS", "prefill ROWS RUNS" or "decode ROWS RUNS" a line
  prints   RUNS wall-clock times in milliseconds as a JSON array. tower: one picture to the features that the model takes.
           prefill: ROWS embeddings through the language model with an empty cache, logits of the last row. decode: one
           greedy token more behind ROWS (and the tokens of the runs before)
Pixels and ROWS are made up: what is in them costs the same. Needs the Python packages torch and transformers.
"""

import argparse
import json
import sys
import time

import torch
import transformers


def load(arguments):
    dtype = getattr(torch, arguments.dtype)
    if not arguments.random:
        return transformers.LlavaForConditionalGeneration.from_pretrained(arguments.model, dtype=dtype).eval()
    config = transformers.LlavaConfig.from_pretrained(arguments.model)
    with torch.device("meta"):
        model = transformers.LlavaForConditionalGeneration(config)
    model = model.to(dtype).to_empty(device="cpu").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.02, 0.02)
    # Tables that are no parameters, and so not made yet: of rotary and of learned positions.
    language = model.model.language_model
    language.rotary_emb = type(language.rotary_emb)(config.text_config)
    for module in model.modules():
        if hasattr(module, "position_ids"):
            module.position_ids.copy_(torch.arange(module.position_ids.shape[-1]).expand_as(module.position_ids))
    model.tie_weights()
    return model


def timed(work):
    begin = time.perf_counter()
    result = work()
    return 1000 * (time.perf_counter() - begin), result


class Peer:
    def __init__(self, whole):
        self.config = whole.config
        self.tower_model = whole.model.vision_tower
        self.embedding = whole.get_input_embeddings()
        self.model = whole.model.language_model
        self.head = whole.lm_head

    def rows(self, count):
        width = self.model.config.hidden_size
        return torch.randn(1, count, width, generator=torch.Generator().manual_seed(0)).to(self.head.weight.dtype)

    def tower(self, runs):
        side = self.config.vision_config.image_size
        pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(self.head.weight.dtype)
        return [timed(lambda: self.tower_model(pixels, output_hidden_states=True).hidden_states[-2])[0] for _ in range(runs)]

    def prefill(self, count, runs):
        rows = self.rows(count)
        return [timed(lambda: self.last(self.model(inputs_embeds=rows, use_cache=True)))[0] for _ in range(runs)]

    def decode(self, count, runs):
        out = self.model(inputs_embeds=self.rows(count), use_cache=True)
        best, cache, times = self.last(out), out.past_key_values, []
        for _ in range(runs):
            spent, best = timed(lambda: self.last(self.model(
                inputs_embeds=self.embedding(best)[:, None], past_key_values=cache, use_cache=True)))
            times.append(spent)
        return times

    def last(self, out):
        return self.head(out.last_hidden_state[:, -1]).argmax(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="model folder in Hugging Face's layout, or its config.json")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--random", action="store_true", help="make weights up in the shape of the config")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    with torch.inference_mode():
        peer = Peer(load(arguments))
        print(json.dumps({"ready": True, "version": transformers.__version__}), flush=True)
        for line in sys.stdin:
            what, *numbers = line.split()
            print(json.dumps(getattr(peer, what)(*map(int, numbers))), flush=True)


if __name__ == "__main__":
    main()
