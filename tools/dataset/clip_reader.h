// ClipReader: single frames of a video file, by their time. Threads: one thread.
#pragma once

#include <memory>
#include <string>

#include "core/vision/image_file.h"

namespace m3::dataset {

class ClipReader {
 public:
  // Throws kNotFound for what is no file, kCorrupt for what cannot be played or has no length,
  // kUnsupported in a build without GStreamer.
  explicit ClipReader(const std::string& path);
  ~ClipReader();
  ClipReader(const ClipReader&) = delete;
  ClipReader& operator=(const ClipReader&) = delete;

  double seconds() const noexcept;  // how long it is, above 0
  // The frame that is shown at this second, 0..seconds(); near the end the last one. Throws
  // kCorrupt.
  Image frame(double second);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace m3::dataset
