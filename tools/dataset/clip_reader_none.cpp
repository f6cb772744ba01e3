// In place of clip_reader.cpp in a build without GStreamer.
#include "core/error.h"
#include "tools/dataset/clip_reader.h"

namespace m3::dataset {

struct ClipReader::State {};

ClipReader::ClipReader(const std::string& path) {
  throw Error(ErrorCode::kUnsupported, path + ": this build reads no clips, it has no GStreamer");
}
ClipReader::~ClipReader() = default;
double ClipReader::seconds() const noexcept { return 0; }
Image ClipReader::frame(double) { return {}; }

}  // namespace m3::dataset
