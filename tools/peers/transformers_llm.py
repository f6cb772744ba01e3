#!/usr/bin/env python3
"""Hugging Face's transformers on the language model of a LLaVA folder: the peer for prefill and decode.

Answers on stdin and stdout, so that both sides can take turns in one run:
  prints   {"ready": true, "version": ...}
  reads    "prefill ROWS RUNS" or "decode ROWS RUNS" a line
  prints   RUNS wall-clock times in milliseconds as a JSON array. prefill: ROWS embeddings through the model with an empty
           cache, logits of the last row. decode: one greedy token more behind ROWS (and the tokens of the runs before)
ROWS are made-up embeddings: what is in them costs the same. Needs the Python packages torch and transformers.
"""

import argparse
import json
import sys
import time

import torch
import transformers


def timed(work):
    begin = time.perf_counter()
    result = work()
    return 1000 * (time.perf_counter() - begin), result


@torch.inference_mode()
def prefill(model, head, rows, runs):
    times = []
    for _ in range(runs):
        spent, _ = timed(lambda: head(model(inputs_embeds=rows, use_cache=True).last_hidden_state[:, -1]))
        times.append(spent)
    return times


@torch.inference_mode()
def decode(model, head, embedding, rows, runs):
    out = model(inputs_embeds=rows, use_cache=True)
    best = head(out.last_hidden_state[:, -1]).argmax(-1)
    cache, times = out.past_key_values, []
    for _ in range(runs):
        spent, best = timed(lambda: head(model(
            inputs_embeds=embedding(best)[:, None], past_key_values=cache, use_cache=True).last_hidden_state[:, -1]).argmax(-1))
        times.append(spent)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="model folder in Hugging Face's layout")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    whole = transformers.LlavaForConditionalGeneration.from_pretrained(arguments.model, dtype=getattr(torch, arguments.dtype)).eval()
    model, head = whole.model.language_model, whole.lm_head
    width = model.config.hidden_size
    print(json.dumps({"ready": True, "version": transformers.__version__}), flush=True)
    for line in sys.stdin:
        what, count, runs = line.split()
        rows = torch.randn(1, int(count), width, generator=torch.Generator().manual_seed(0)).to(head.weight.dtype)
        if what == "prefill":
            print(json.dumps(prefill(model, head, rows, int(runs))), flush=True)
        else:
            print(json.dumps(decode(model, head, whole.get_input_embeddings(), rows, int(runs))), flush=True)


if __name__ == "__main__":
    main()
