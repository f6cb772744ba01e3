// Hardware that decodes through FFmpeg: opening a device, and bringing its pictures into host
// memory. Threads: pure functions; one device may serve several decoders.
#pragma once

#include <string>

#include "plugins/avdec/av_ptr.h"

namespace m3 {

// Values of the property `hwaccel`.
enum class Hardware { kNone, kAuto, kCuda, kVaapi, kVdpau };

struct HardwareDevice {
  AvPtr<AVBufferRef> device;  // null: none
  std::string name;           // FFmpeg's word for it: "cuda"
  std::string
      problem;  // why there is none; empty with kNone, and with kAuto on a machine that has none
};

// A device of that kind that FFmpeg's decoder of the codec can use; kAuto: the first one there is.
HardwareDevice open_hardware(Hardware wanted, AVCodecID codec);

// True when the picture lies in a device's memory.
bool in_device_memory(const AVFrame& frame);

// A copy of the picture in host memory, with all its properties. Throws kDevice.
AvPtr<AVFrame> to_host_memory(const AVFrame& frame);

}  // namespace m3
