// In place of study_video.cpp in a build without the elements.
#include "core/error.h"
#include "tools/m3_eval/studies.h"

namespace m3::eval {

int study_video(const VideoOptions&, std::stop_token) {
  throw Error(ErrorCode::kUnsupported, "this build plays no clips: it was made without GStreamer");
}

}  // namespace m3::eval
