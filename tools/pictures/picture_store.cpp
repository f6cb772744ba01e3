#include "tools/pictures/picture_store.h"

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "core/vision/image_file.h"

namespace m3::tools {
namespace {

constexpr uint8_t kGreyLevel = 128;
constexpr size_t kMostPictures = 64;  // 20 MB at 144 tokens of 576 floats

}  // namespace

PictureStore::PictureStore(std::shared_ptr<Engine> engine, PictureLook look)
    : engine_(std::move(engine)), look_(look) {}

Tokens PictureStore::tokens(const std::string& path) {
  if (const auto found = by_path_.find(path); found != by_path_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return recent_.front().second;
  }
  Image image = read_image(path);
  if (look_ == PictureLook::kGrey) std::fill(image.rgb.begin(), image.rgb.end(), kGreyLevel);
  EncodeRequest request;
  request.frame = image.view();
  request.keep_scale = engine_->info().ladder.back();
  Tokens tokens = engine_->encode(request).get();
  ++tower_runs_;
  if (recent_.size() >= kMostPictures) {
    by_path_.erase(recent_.back().first);
    recent_.pop_back();
  }
  recent_.emplace_front(path, std::move(tokens));
  by_path_[recent_.front().first] = recent_.begin();
  return recent_.front().second;
}

}  // namespace m3::tools
