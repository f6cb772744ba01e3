#include "core/torch/device.h"

#include <ATen/Context.h>
#include <ATen/Version.h>

#include <charconv>
#include <cstring>

#include "core/error.h"

namespace m3 {
namespace {

[[noreturn]] void refuse_device(const std::string& name) {
  throw Error(ErrorCode::kInvalidArgument,
              "Device \"" + name + "\" is not known; give auto, cpu, cuda or cuda:N");
}

c10::Device open_cuda(const std::string& name) {
  int index = 0;
  if (name != "cuda") {
    const char* end = name.data() + name.size();
    const auto [rest, status] = std::from_chars(name.data() + std::strlen("cuda:"), end, index);
    if (status != std::errc() || rest != end || index < 0 || index > 127) refuse_device(name);
  }
  const size_t devices = at::getNumGPUs();
  if (devices == 0) {
    throw Error(ErrorCode::kNotFound,
                "Device \"" + name +
                    "\" is not there: this libtorch was built without CUDA or the machine has "
                    "no usable GPU; give cpu");
  }
  if (static_cast<size_t>(index) >= devices) {
    throw Error(ErrorCode::kNotFound, "Device \"" + name + "\" is not there: this machine has " +
                                          std::to_string(devices) +
                                          " CUDA device(s), counted from 0");
  }
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace

bool computes_bfloat16() {
#if defined(__x86_64__)
  // libtorch's own choice as well: ATEN_CPU_CAPABILITY may forbid what the CPU has.
  return at::get_cpu_capability().starts_with("AVX512") && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

c10::Device open_device(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::DeviceType::CPU);
  if (name == "auto") {
    return at::getNumGPUs() > 0 ? c10::Device(c10::DeviceType::CUDA, 0)
                                : c10::Device(c10::DeviceType::CPU);
  }
  if (name == "cuda" || name.starts_with("cuda:")) return open_cuda(name);
  refuse_device(name);
}

c10::ScalarType open_dtype(const std::string& name, c10::Device device) {
  if (name == "float32") return c10::ScalarType::Float;
  if (name == "bfloat16") return c10::ScalarType::BFloat16;
  if (name == "float16") {
    if (device.is_cuda()) return c10::ScalarType::Half;
    throw Error(ErrorCode::kInvalidArgument,
                "Dtype \"float16\" is for CUDA only; give auto, float32 or bfloat16");
  }
  if (name == "auto") {
    return device.is_cuda() || computes_bfloat16() ? c10::ScalarType::BFloat16
                                                   : c10::ScalarType::Float;
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      "Dtype \"" + name + "\" is not known; give auto, float32, bfloat16 or, on CUDA, float16");
}

std::string name_of(c10::Device device) { return device.str(); }

std::string name_of(c10::ScalarType dtype) {
  if (dtype == c10::ScalarType::Half) return "float16";
  return dtype == c10::ScalarType::BFloat16 ? "bfloat16" : "float32";
}

}  // namespace m3
