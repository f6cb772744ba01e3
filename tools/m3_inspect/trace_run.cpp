#include "tools/m3_inspect/trace_run.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/model/safetensors.h"
#ifdef M3_HAVE_IMAGES
#include "core/vision/image_file.h"
#else
#include "core/frame.h"
#endif

namespace m3::inspect {
namespace {

#ifndef M3_HAVE_IMAGES
struct Image {
  FrameView view() const { return {}; }
};
Image read_image(const std::string& path) {
  throw Error(ErrorCode::kUnsupported,
              path + ": this build reads no pictures (it was made without OpenCV); give --pixels");
}
#endif

TraceTensor read_pixels(const std::string& path) {
  const Safetensors file = Safetensors::open(path);
  const TensorView& tensor = file.at("pixel_values");
  size_t count = 1;
  for (const int64_t side : tensor.shape) count *= static_cast<size_t>(side);
  TraceTensor pixels;
  pixels.name = "pixel_values";
  pixels.shape = tensor.shape;
  pixels.values.resize(count);
  to_float(tensor, pixels.values);
  return pixels;
}

std::vector<TensorToWrite> to_write(const std::vector<TraceTensor>& stages) {
  std::vector<TensorToWrite> tensors;
  for (const TraceTensor& stage : stages) {
    const bool ids = stage.values.empty() && !stage.ids.empty();
    tensors.push_back(
        {stage.name, ids ? DType::kI64 : DType::kF32, stage.shape,
         ids ? std::as_bytes(std::span(stage.ids)) : std::as_bytes(std::span(stage.values))});
  }
  return tensors;
}

void print(const std::vector<TensorToWrite>& tensors, const Options& options) {
  if (options.json) {
    nlohmann::ordered_json line = {{"type", "trace"}, {"file", options.trace}};
    line["tensors"] = nlohmann::ordered_json::array();
    for (const TensorToWrite& tensor : tensors) {
      line["tensors"].push_back(
          {{"name", tensor.name}, {"dtype", to_string(tensor.dtype)}, {"shape", tensor.shape}});
    }
    std::printf(
        "%s\n",
        line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    return;
  }
  for (const TensorToWrite& tensor : tensors) {
    std::string shape;
    for (const int64_t side : tensor.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(side);
    std::printf("%-14s %s [%s]\n", tensor.name.c_str(), to_string(tensor.dtype), shape.c_str());
  }
}

}  // namespace

void trace_run(Engine& engine, const Options& options) {
  TraceRequest request;
  Image image;  // lent to the request
  if (!options.image.empty()) {
    image = read_image(options.image);
    request.picture = image.view();
  }
  if (!options.pixels.empty()) request.pixel_values = read_pixels(options.pixels);
  request.scale = options.scale;
  request.prompt = options.prompt;
  request.raw_prompt = options.raw_prompt;
  request.max_new_tokens = options.max_new_tokens;
  const std::vector<TraceTensor> stages = engine.trace(request);
  const std::vector<TensorToWrite> tensors = to_write(stages);
  write_safetensors(options.trace, tensors);
  print(tensors, options);
}

}  // namespace m3::inspect
