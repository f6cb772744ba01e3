#include "core/torch/memory_check.h"

#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <cstdio>

#include "core/error.h"
#include "core/machine_memory.h"
#include "core/torch/device.h"

namespace m3 {
namespace {

constexpr int64_t kRoomForText = 512;  // tokens of prefix, markers, question and answer

std::string gigabytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace

int64_t resident_numbers(const LlmShape& shape) {
  const int64_t hidden = shape.hidden;
  const int64_t attention = 2 * hidden * shape.head_dim * (shape.heads + shape.kv_heads);
  const int64_t mlp = 3 * hidden * shape.intermediate;
  const int64_t rope = int64_t{shape.context} * shape.head_dim;
  return 2 * int64_t{shape.vocabulary} * hidden + rope + hidden +
         shape.layers * (attention + mlp + 2 * hidden);
}

int64_t free_bytes_of(at::Device device) {
  if (device.is_cpu()) return free_memory_bytes();
  return static_cast<int64_t>(
      c10::getDeviceAllocator(device.type())->getMemoryInfo(device.index()).first);
}

int64_t largest_matrix(const LlmShape& shape) {
  return shape.hidden * std::max<int64_t>(shape.vocabulary, int64_t{2} * shape.intermediate);
}

void check_weights_fit(const std::string& model, int64_t numbers, int64_t at_once,
                       at::Device device, at::ScalarType dtype) {
  const int64_t free = free_bytes_of(device);
  const auto needed_in = [&](at::ScalarType type) {
    return numbers * static_cast<int64_t>(c10::elementSize(type)) +
           (device.is_cpu() ? at_once * static_cast<int64_t>(sizeof(float) + c10::elementSize(type))
                            : 0);
  };
  if (free == 0 || needed_in(dtype) <= free) return;
  const int64_t halved = needed_in(at::kBFloat16);
  const std::string advice =
      dtype != at::kBFloat16 && halved <= free
          ? "give dtype bfloat16, which needs " + gigabytes(halved)
          : std::string("take a smaller model or a machine with more memory");
  throw Error(ErrorCode::kOutOfMemory, "Model " + model + " needs " + gigabytes(needed_in(dtype)) +
                                           " for its weights in " + name_of(dtype) + ", " +
                                           name_of(device) + " has " + gigabytes(free) + " free; " +
                                           advice);
}

std::string memory_advice(int64_t visual_tokens, int64_t kv_bytes_per_token, at::Device device,
                          at::ScalarType dtype) {
  // At most half of what did not do, and no more than there is room for now.
  int64_t fits = visual_tokens / 2;
  const int64_t free = free_bytes_of(device);
  if (free > 0) fits = std::min(fits, free / (2 * kv_bytes_per_token) - kRoomForText);
  std::string advice;
  if (fits > 0) advice = "window-tokens=" + std::to_string(fits);
  if (c10::elementSize(dtype) > 2)
    advice += advice.empty() ? "dtype=bfloat16" : " or dtype=bfloat16";
  if (advice.empty()) return "a smaller model or a machine with more memory is needed";
  return "give " + advice + ", which fits";
}

void check_window_fits(int64_t visual_tokens, int64_t kv_bytes_per_token, int64_t context,
                       at::Device device, at::ScalarType dtype) {
  const int64_t free = free_bytes_of(device);
  const auto needed = [&](int64_t tokens) {
    return 2 * kv_bytes_per_token * std::min(context, tokens + kRoomForText);
  };
  if (free == 0 || needed(visual_tokens) <= free) return;
  const int64_t fits = free / (2 * kv_bytes_per_token) - kRoomForText;
  std::string advice = "take a smaller model or a machine with more memory";
  if (fits > 0) {
    advice = "window-tokens=" + std::to_string(fits) + " fits";
  } else if (c10::elementSize(dtype) > 2) {
    advice = "give dtype bfloat16, which needs half of that";
  }
  throw Error(ErrorCode::kOutOfMemory,
              "A window of " + std::to_string(visual_tokens) + " visual tokens needs up to " +
                  gigabytes(needed(visual_tokens)) + " in " + name_of(dtype) + ", " +
                  name_of(device) + " has " + gigabytes(free) + " free; " + advice);
}

}  // namespace m3
