#!/usr/bin/env python3
"""ONNX Runtime on the vision tower's graph: the peer that m3-bench measures itself against.

Makes an ONNX graph of a model's tower.json with the same weights, then answers on stdin and stdout, so that m3-bench
can take turns with it in one run:
  prints   {"ready": true, "version": ..., "norm": ...}   norm: length of the output for pixels (31 c + 7 y + 13 x) mod 256
  reads    a number N a line
  prints   N wall-clock times of one run each, in milliseconds, as a JSON array
Needs the Python packages onnx, onnxruntime, numpy and safetensors.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime
import safetensors.numpy
from onnx import TensorProto, helper, numpy_helper


def make_graph(graph, tensors, size, features, grid):
    """tower.json and its weights -> onnx.ModelProto of batch 1."""
    nodes, constants = [], {}

    def constant(name, value):
        if name not in constants:
            constants[name] = numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)
        return name

    for number, step in enumerate(graph["operations"]):
        kind, output = step["op"], step["output"]
        if kind == "conv2d":
            left, right, top, bottom = step["pad"]
            raw = output if step["activation"] == "none" else f"{output}.raw"
            nodes.append(helper.make_node(
                "Conv", [step["input"], constant(step["weight"], tensors[step["weight"]]),
                         constant(step["bias"], tensors[step["bias"]])], [raw],
                strides=[step["stride"]] * 2, group=step["groups"], pads=[top, left, bottom, right]))
            if raw != output:
                nodes.append(helper.make_node("Clip", [raw, constant("zero", 0), constant("six", 6)], [output]))
        elif kind == "add":
            nodes.append(helper.make_node("Add", step["inputs"], [output]))
        elif kind == "scale_shift":
            scaled = f"{output}.scaled"
            nodes.append(helper.make_node("Mul", [step["input"], constant(f"scale{number}", step["scale"])], [scaled]))
            nodes.append(helper.make_node("Add", [scaled, constant(f"shift{number}", step["shift"])], [output]))
        elif kind == "avg_pool2d":
            nodes.append(helper.make_node("AveragePool", [step["input"]], [output],
                                          kernel_shape=[step["kernel"]] * 2, strides=[step["kernel"]] * 2))
        elif kind == "pixel_unshuffle":
            # SpaceToDepth orders channels by place first, pixel_unshuffle by channel first.
            factor, deep, flat = step["factor"], f"{output}.deep", f"{output}.flat"
            nodes.append(helper.make_node("SpaceToDepth", [step["input"]], [deep], blocksize=factor))
            channels = step_channels(graph, step["input"])
            order = np.arange(channels * factor**2).reshape(factor**2, channels).T.reshape(-1)
            constants[flat] = numpy_helper.from_array(order.astype(np.int64), flat)
            nodes.append(helper.make_node("Gather", [deep, flat], [output], axis=1))
        elif kind == "concat":
            nodes.append(helper.make_node("Concat", step["inputs"], [output], axis=1))
        else:
            sys.exit(f"ort_tower: operation {kind} is not known here")
    made = helper.make_graph(
        nodes, "tower",
        [helper.make_tensor_value_info(graph["input"], TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info(graph["output"], TensorProto.FLOAT, [1, features, grid, grid])],
        list(constants.values()))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def step_channels(graph, name):
    """Channels of the value `name`."""
    for step in graph["operations"]:
        if step["output"] == name:
            if step["op"] == "conv2d":
                return step["shape"][0]
            return step_channels(graph, step.get("input") or step["inputs"][0])
    return 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="model folder")
    parser.add_argument("weights", type=pathlib.Path, help="safetensors file of the tower")
    parser.add_argument("--threads", type=int, default=0, help="0: ONNX Runtime's own choice")
    arguments = parser.parse_args()
    config = json.loads((arguments.model / "config.json").read_text())
    graph = json.loads((arguments.model / config["tower"]["graph"]).read_text())
    size = config["preprocess"]["size_px"]
    model = make_graph(graph, safetensors.numpy.load_file(arguments.weights), size,
                       config["tower"]["features"], config["tower"]["grid"])
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    channel, row, column = np.meshgrid(np.arange(3), np.arange(size), np.arange(size), indexing="ij")
    pixels = {graph["input"]: ((31 * channel + 7 * row + 13 * column) % 256).astype(np.float32)[None]}
    norm = float(np.linalg.norm(session.run(None, pixels)[0].astype(np.float64)))
    print(json.dumps({"ready": True, "version": onnxruntime.__version__, "norm": norm}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            session.run(None, pixels)
            times.append(1000 * (time.perf_counter() - begin))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
