#include "core/torch/graph_reader.h"

#include <utility>

#include "core/error.h"

namespace m3 {
namespace {

constexpr int64_t kMostChannels = 65536;
constexpr int64_t kMostPixels = 64;  // of a kernel, stride, pad or factor

struct ValueShape {
  int64_t channels;
  int64_t height;
  int64_t width;
  friend bool operator==(const ValueShape&, const ValueShape&) = default;
};

std::string text_of(const ValueShape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

class Reader {
 public:
  Reader(JsonObject& file, int size_px) : file_(file) {
    add_value(file_, "input", {3, size_px, size_px});
    for (JsonObject& operation : file_.objects("operations")) read_step(operation);
  }

  Graph finish(const ValueShape& wanted) {
    graph_.output = number_of(file_, "output", file_.text("output"));
    graph_.values = shapes_.size();
    for (const ValueShape& shape : shapes_)
      graph_.shapes.push_back({shape.channels, shape.height, shape.width});
    const ValueShape& found = shapes_[graph_.output];
    if (found != wanted) {
      file_.fail("output", "is " + text_of(found) + ", config.json says " + text_of(wanted));
    }
    file_.check_all_read();
    return std::move(graph_);
  }

 private:
  void add_value(JsonObject& object, const char* key, const ValueShape& shape) {
    const std::string name = object.text(key);
    if (!numbers_.emplace(name, shapes_.size()).second)
      object.fail(key, "names '" + name + "' again");
    shapes_.push_back(shape);
  }

  size_t number_of(const JsonObject& object, const char* key, const std::string& name) const {
    const auto found = numbers_.find(name);
    if (found == numbers_.end())
      object.fail(key, "names '" + name + "', which nothing before it makes");
    return found->second;
  }

  const ValueShape& input(JsonObject& object, GraphStep& step) {
    step.inputs.push_back(number_of(object, "input", object.text("input")));
    return shapes_[step.inputs.back()];
  }

  void inputs(JsonObject& object, GraphStep& step) {
    for (const std::string& name : object.texts("inputs")) {
      step.inputs.push_back(number_of(object, "inputs", name));
    }
    if (step.inputs.size() < 2) object.fail("inputs", "must name at least two values");
  }

  void read_step(JsonObject& object) {
    const std::string op = object.text("op");
    GraphStep step;
    ValueShape shape{};
    if (op == "conv2d") {
      shape = read_convolution(object, step);
    } else if (op == "add") {
      shape = read_add(object, step);
    } else if (op == "concat") {
      shape = read_concat(object, step);
    } else if (op == "scale_shift") {
      step.op = GraphOp::kScaleShift;
      shape = input(object, step);
      step.scale = object.number("scale", -1e6, 1e6);
      step.shift = object.number("shift", -1e6, 1e6);
    } else if (op == "pixel_unshuffle") {
      step.op = GraphOp::kPixelUnshuffle;
      shape = divide(object, input(object, step),
                     step.factor = object.integer("factor", 1, kMostPixels), "factor");
      shape.channels *= step.factor * step.factor;
    } else if (op == "avg_pool2d") {
      step.op = GraphOp::kAvgPool2d;
      shape = divide(object, input(object, step),
                     step.factor = object.integer("kernel", 1, kMostPixels), "kernel");
    } else {
      object.fail(
          "op",
          "is '" + op +
              "', which is none of conv2d, add, scale_shift, pixel_unshuffle, avg_pool2d, concat");
    }
    step.output = shapes_.size();
    add_value(object, "output", shape);
    object.check_all_read();
    graph_.steps.push_back(std::move(step));
  }

  static ValueShape divide(JsonObject& object, ValueShape shape, int64_t by, const char* key) {
    if (shape.height % by != 0 || shape.width % by != 0) {
      object.fail(key, "does not divide the input, " + text_of(shape));
    }
    return {shape.channels, shape.height / by, shape.width / by};
  }

  ValueShape read_convolution(JsonObject& object, GraphStep& step) {
    step.op = GraphOp::kConv2d;
    const ValueShape in = input(object, step);
    ConvolutionSpec& spec = step.convolution;
    step.weight = object.text("weight");
    step.bias = object.text("bias");
    step.input_height = in.height;
    step.input_width = in.width;
    const std::vector<int64_t> shape = object.integers("shape", 1, kMostChannels);
    if (shape.size() != 4)
      object.fail("shape", "must be four numbers: out, in / groups, kernel height, width");
    spec.shape = {shape[0], shape[1], shape[2], shape[3]};
    spec.stride = object.integer("stride", 1, kMostPixels);
    spec.groups = object.integer("groups", 1, kMostChannels);
    const std::vector<int64_t> pad = object.integers("pad", 0, kMostPixels);
    if (pad.size() != 4) object.fail("pad", "must be four numbers: left, right, top, bottom");
    spec.pad = {pad[0], pad[1], pad[2], pad[3]};
    const std::string activation = object.text("activation");
    if (activation != "none" && activation != "relu6") {
      object.fail("activation", "is '" + activation + "', which is none of none, relu6");
    }
    spec.relu6 = activation == "relu6";
    if (shape[2] > kMostPixels || shape[3] > kMostPixels)
      object.fail("shape", "has a kernel over 64 pixels");
    if (in.channels % spec.groups != 0 || shape[0] % spec.groups != 0 ||
        in.channels / spec.groups != shape[1]) {
      object.fail("shape", "does not fit an input of " + text_of(in) + " in " +
                               std::to_string(spec.groups) + " group(s)");
    }
    const int64_t height = in.height + pad[2] + pad[3] - shape[2];
    const int64_t width = in.width + pad[0] + pad[1] - shape[3];
    if (height < 0 || width < 0)
      object.fail("shape", "has a kernel larger than the input of " + text_of(in));
    return {shape[0], height / spec.stride + 1, width / spec.stride + 1};
  }

  ValueShape read_add(JsonObject& object, GraphStep& step) {
    step.op = GraphOp::kAdd;
    inputs(object, step);
    const ValueShape first = shapes_[step.inputs.front()];
    if (step.inputs.size() != 2) object.fail("inputs", "must name two values");
    if (shapes_[step.inputs[1]] != first) {
      object.fail("inputs", "differ in shape: " + text_of(first) + " and " +
                                text_of(shapes_[step.inputs[1]]));
    }
    return first;
  }

  ValueShape read_concat(JsonObject& object, GraphStep& step) {
    step.op = GraphOp::kConcat;
    inputs(object, step);
    ValueShape all = shapes_[step.inputs.front()];
    all.channels = 0;
    for (const size_t number : step.inputs) {
      const ValueShape& one = shapes_[number];
      if (one.height != all.height || one.width != all.width) {
        object.fail("inputs", "differ in height or width: " +
                                  text_of(shapes_[step.inputs.front()]) + " and " + text_of(one));
      }
      all.channels += one.channels;
    }
    if (all.channels > kMostChannels) object.fail("inputs", "have too many channels together");
    return all;
  }

  JsonObject& file_;
  Graph graph_;
  std::map<std::string, size_t, std::less<>> numbers_;  // of values, by name
  std::vector<ValueShape> shapes_;                      // by number
};

}  // namespace

Graph read_graph(const std::string& path, int size_px, int features, int grid) {
  JsonObject file = JsonObject::read(path);
  return Reader(file, size_px).finish({features, grid, grid});
}

}  // namespace m3
