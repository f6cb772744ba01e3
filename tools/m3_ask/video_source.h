// VideoSource: the part of a pipeline that turns a file or a URI into raw frames of its first video
// stream. Audio, subtitles and further video streams are recognised, and left as they are: nothing
// but the first video is decoded. Threads: made and asked from one thread; what it learns while
// playing comes from streaming threads, behind a mutex.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace m3::ask {

class VideoSource {
 public:
  // Name of the application message that is posted when the source has no video stream.
  static constexpr char kNoVideoMessage[] = "m3-ask-no-video";

  // Adds its elements to `pipeline` and links them to `sink`, an element that takes raw video. A
  // path is checked here: throws kNotFound and kCorrupt for what no pipeline can play.
  VideoSource(const std::string& file_or_uri, GstElement* pipeline, GstElement* sink);
  ~VideoSource();
  VideoSource(const VideoSource&) = delete;
  VideoSource& operator=(const VideoSource&) = delete;

  // Stream time at which the last buffer of any stream ended, compressed audio included: what
  // really came.
  int64_t end_ns() const;
  // Frames that came out of the decoder.
  int64_t frames() const;
  // Stream time, about, at which the decoder first met something that it could not make sense of: a
  // packet that it reported as an error or a frame that it marked as damaged. It goes on behind
  // them. None: all went well.
  std::optional<int64_t> damaged_at_ns() const;

  struct Shared;  // what callbacks on streaming threads use; lives as long as any of them

 private:
  std::shared_ptr<Shared> shared_;
  gpointer log_data_ = nullptr;  // marks our log function
};

}  // namespace m3::ask
