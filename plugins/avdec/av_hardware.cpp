#include "plugins/avdec/av_hardware.h"

#include <array>
#include <span>

extern "C" {
#include <libavutil/hwcontext.h>
}

namespace m3 {
namespace {

constexpr std::array kPreferred = {AV_HWDEVICE_TYPE_CUDA, AV_HWDEVICE_TYPE_VAAPI,
                                   AV_HWDEVICE_TYPE_VDPAU};

AVHWDeviceType type_of(Hardware hardware) {
  switch (hardware) {
    case Hardware::kCuda:
      return AV_HWDEVICE_TYPE_CUDA;
    case Hardware::kVaapi:
      return AV_HWDEVICE_TYPE_VAAPI;
    case Hardware::kVdpau:
      return AV_HWDEVICE_TYPE_VDPAU;
    case Hardware::kNone:
    case Hardware::kAuto:
      break;
  }
  return AV_HWDEVICE_TYPE_NONE;
}

bool decodes_on(const AVCodec* codec, AVHWDeviceType type) {
  for (int i = 0; const AVCodecHWConfig* config = avcodec_get_hw_config(codec, i); ++i) {
    if (config->device_type == type &&
        (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX)) {
      return true;
    }
  }
  return false;
}

}  // namespace

HardwareDevice open_hardware(Hardware wanted, AVCodecID codec_id) {
  HardwareDevice opened;
  if (wanted == Hardware::kNone) return opened;
  const AVCodec* codec = avcodec_find_decoder(codec_id);
  const AVHWDeviceType named = type_of(wanted);
  const std::span<const AVHWDeviceType> types = wanted == Hardware::kAuto
                                                    ? std::span<const AVHWDeviceType>(kPreferred)
                                                    : std::span(&named, 1);
  for (const AVHWDeviceType type : types) {
    const std::string name = av_hwdevice_get_type_name(type);
    if (!codec || !decodes_on(codec, type)) {
      opened.problem = "FFmpeg does not decode " + std::string(avcodec_get_name(codec_id)) +
                       " on " + name + " here";
      continue;
    }
    AVBufferRef* device = nullptr;
    const int result = av_hwdevice_ctx_create(&device, type, nullptr, nullptr, 0);
    if (result >= 0) return {AvPtr<AVBufferRef>(device), name, ""};
    opened.problem = "no " + name + " device can be opened: " + av_text(result);
  }
  if (wanted == Hardware::kAuto) opened.problem.clear();
  return opened;
}

bool in_device_memory(const AVFrame& frame) { return frame.hw_frames_ctx != nullptr; }

AvPtr<AVFrame> to_host_memory(const AVFrame& frame) {
  auto copy = av_owned(av_frame_alloc());
  int result = av_hwframe_transfer_data(copy.get(), &frame, 0);
  if (result >= 0) result = av_frame_copy_props(copy.get(), &frame);
  if (result < 0) {
    throw Error(ErrorCode::kDevice, "A picture cannot be read back from the hardware decoder: " +
                                        av_text(result) + "; set hwaccel=none");
  }
  return copy;
}

}  // namespace m3
