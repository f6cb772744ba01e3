#include "tools/m3_eval/stream_of_pictures.h"

#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/vision/image_file.h"

namespace m3::eval {
namespace {

constexpr int kFinest = 36;
constexpr uint8_t kGreyLevel = 128;

}  // namespace

PictureTokens::PictureTokens(std::shared_ptr<Engine> engine, std::string folder)
    : engine_(std::move(engine)), folder_(std::move(folder)) {
  const std::vector<int>& ladder = engine_->info().ladder;
  fine_scale_ = coarse_scale_ = ladder.front();
  for (const int scale : ladder) {
    if (scale > kFinest) break;
    coarse_scale_ = fine_scale_;
    fine_scale_ = scale;
  }
}

const Tokens& PictureTokens::of(const std::string& file) {
  if (const auto found = known_.find(file); found != known_.end()) return found->second;
  const Image image = read_image((std::filesystem::path(folder_) / file).string());
  return known_.emplace(file, encode(image.view())).first->second;
}

const Tokens& PictureTokens::grey() {
  if (grey_) return *grey_;
  Image image;
  image.width_px = image.height_px = 64;
  image.rgb.assign(64 * 64 * 3, kGreyLevel);
  return grey_.emplace(encode(image.view()));
}

Tokens PictureTokens::encode(const FrameView& frame) {
  EncodeRequest request;
  request.frame = frame;
  request.keep_scale = fine_scale_;
  return engine_->encode(request).get();
}

void StreamOfPictures::begin_scene(const std::string& file) {
  in_view_ = file;
  scene_began_ = now_;
  next_look_ = now_ + kLookAgain;
  look(pictures_.fine_scale());
}

void StreamOfPictures::go_on(double seconds) {
  const double end = now_ + seconds;
  for (; next_look_ < end - 1e-6; next_look_ += kLookAgain) {
    now_ = next_look_;
    look(pictures_.coarse_scale());
  }
  now_ = end;
}

void StreamOfPictures::look(int scale) {
  const Tokens& tokens = grey_ ? pictures_.grey() : pictures_.of(in_view_);
  take_({tokens.pool_to(scale), std::llround(now_ * 1e9)});
}

}  // namespace m3::eval
