#include "tools/m3_ask/picture_store.h"

#include "core/error.h"
#include "core/vision/image_file.h"

namespace m3::ask {
namespace {

constexpr size_t kMostPictures = 64;  // 20 MB at 144 tokens of 576 floats

}  // namespace

PictureStore::PictureStore(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

Tokens PictureStore::tokens(const std::string& path) {
  if (const auto found = by_path_.find(path); found != by_path_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return recent_.front().second;
  }
  const Image image = read_image(path);
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

}  // namespace m3::ask
