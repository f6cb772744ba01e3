#include "core/torch/weights.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <span>

#include "core/error.h"

namespace m3 {
namespace {

constexpr double kVectorSpread = 0.1;

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

void check_shape(const std::string& path, const std::string& name, const Shape& found,
                 const Shape& wanted) {
  if (found == wanted) return;
  throw Error(ErrorCode::kCorrupt, path + ": tensor " + name + " has shape " + text_of(found) +
                                       ", the model needs " + text_of(wanted));
}

std::span<float> floats_of(const at::Tensor& tensor) {
  return {tensor.mutable_data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

at::Tensor empty_float(const Shape& shape) {
  return at::empty(shape, at::TensorOptions().dtype(at::kFloat));
}

}  // namespace

at::Tensor SafetensorsSource::take(const std::string& name, const Shape& shape) {
  const TensorView& view = file_.at(name);
  check_shape(file_.path(), name, view.shape, shape);
  at::Tensor tensor = empty_float(shape);
  to_float(view, floats_of(tensor));
  return tensor;
}

at::Tensor CheckpointSource::take(const std::string& name, const Shape& shape) {
  const TensorView& view = checkpoint_.at(name);
  check_shape(checkpoint_.path_of(name), name, view.shape, shape);
  at::Tensor tensor = empty_float(shape);
  to_float(view, floats_of(tensor));
  return tensor;
}

at::Tensor GgufSource::take(const std::string& name, const Shape& shape) {
  const GgufTensor& found = file_.tensor(name);
  check_shape(file_.path(), name, found.shape, shape);
  at::Tensor tensor = empty_float(shape);
  dequantize(found, floats_of(tensor));
  return tensor;
}

at::Tensor RandomSource::take(const std::string&, const Shape& shape) {
  if (shape.size() < 2) return uniform(shape, kVectorSpread);
  double inputs = 1;
  for (size_t i = 1; i < shape.size(); ++i) inputs *= static_cast<double>(shape[i]);
  return uniform(shape, 1 / std::sqrt(inputs));
}

at::Tensor RandomSource::uniform(const Shape& shape, double spread) {
  at::Tensor tensor = empty_float(shape);
  const float width = static_cast<float>(spread * std::sqrt(12.0));
  for (float& value : floats_of(tensor)) {
    // SplitMix64 (Steele, Lea, Flood 2014): one multiply chain a number, so that a large model is
    // made in seconds.
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    value = (static_cast<float>(mixed >> 40) * 0x1p-24F - 0.5F) * width;
  }
  return tensor;
}

}  // namespace m3
