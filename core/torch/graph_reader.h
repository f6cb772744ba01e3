// GraphReader: reads a tower's JSON file into steps with numbered values, and checks each against
// the shapes that flow through the graph, so that running it can trust every number. Threads: used
// from one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/model/json_file.h"
#include "core/torch/convolution.h"

namespace m3 {

enum class GraphOp { kConv2d, kAdd, kScaleShift, kPixelUnshuffle, kAvgPool2d, kConcat };

struct GraphStep {
  GraphOp op = GraphOp::kAdd;
  std::vector<size_t> inputs;  // numbers of values
  size_t output = 0;
  // kConv2d
  ConvolutionSpec convolution;
  std::string weight;  // names of tensors
  std::string bias;
  int64_t input_height = 0;
  int64_t input_width = 0;
  // kScaleShift: y = x * scale + shift
  double scale = 1;
  double shift = 0;
  // kPixelUnshuffle: of the side; kAvgPool2d: kernel and stride
  int64_t factor = 1;
};

struct Graph {
  std::vector<GraphStep> steps;
  size_t values = 0;  // value 0 is the input
  size_t output = 0;
  std::vector<std::array<int64_t, 3>> shapes;  // of each value: channels, height, width
};

// `size_px`: side of the square input of 3 channels. The output must be [features, grid, grid].
// Throws kNotFound, kCorrupt (the file, the operation and what is wrong with it).
Graph read_graph(const std::string& path, int size_px, int features, int grid);

}  // namespace m3
