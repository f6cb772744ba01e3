// What tests of training share: a tiny model folder, pictures made by formula, and examples about
// them. Threads: used from one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/torch/train/torch_trainer.h"
#include "tests/support/temporary_folder.h"
#include "tests/torch/model_folder.h"

namespace m3::test {

class MadePictures final : public TrainingPictures {
 public:
  explicit MadePictures(size_t count) : count_(count) {}
  size_t size() const override { return count_; }
  std::string key(size_t i) const override { return "made " + std::to_string(i); }
  RgbPicture load(size_t i) const override {
    ++loads;
    if (i == bad) throw Error(ErrorCode::kCorrupt, "made " + std::to_string(i) + ": is damaged");
    RgbPicture picture{20, 16, std::vector<uint8_t>(size_t{20} * 16 * 3)};
    // Bright where the picture's number says: pictures differ in their mean and in their places.
    for (size_t byte = 0; byte < picture.rgb.size(); ++byte)
      picture.rgb[byte] = static_cast<uint8_t>((byte * (2 * i + 3) / 7 + 31 * i) % 251);
    return picture;
  }

  size_t bad = SIZE_MAX;  // this one cannot be read
  mutable size_t loads = 0;

 private:
  const size_t count_;
};

inline TrainerOptions options_for(const std::string& model, bool keep_adapter) {
  TrainerOptions options;
  options.model = model;
  options.keep_adapter = keep_adapter;
  options.device = "cpu";
  options.dtype = "float32";
  options.threads = 1;
  return options;
}

// A still picture and two frames of a video, with questions of several tokens and none.
inline std::vector<TrainingExample> made_examples() {
  TrainingExample still;
  still.frames = {{0, std::nullopt, 36}};
  still.turns = {{"hello!", "hello hello", "object"}, {"hell", "oh", "presence"}};
  TrainingExample video;
  video.frames = {{1, 0.0, 9}, {2, 3.5, 1}};
  video.turns = {{"he", "!", "now"}, {"llo hello", "", "order"}, {"o", "ell hello", "count"}};
  return {still, video};
}

}  // namespace m3::test
