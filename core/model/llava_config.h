// LlavaConfig: what the config.json of a LLaVA model in Hugging Face's layout says, checked: a CLIP
// vision tower, a projector of two layers, a language model of the Llama family. Keys that are left
// out have the defaults of Hugging Face's classes; keys that nothing here depends on are ignored.
// Threads: a value.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/export.h"
#include "core/model/model_config.h"
#include "core/picture_fit.h"

namespace m3 {

enum class Activation { kGelu, kGeluTanh, kQuickGelu, kRelu, kSilu };

// A CLIP vision transformer. Its output has one class token in front of the patches.
struct ClipShape {
  int hidden = 0;        // 1..65536
  int intermediate = 0;  // 1..262144
  int layers = 0;        // 1..1024
  int heads = 0;         // 1..1024, divides `hidden`
  int image_px = 0;      // 1..4096; side of the input, a multiple of patch_px
  int patch_px = 0;      // 1..4096
  double epsilon = 1e-5;
  Activation activation = Activation::kQuickGelu;

  int grid() const { return image_px / patch_px; }  // patches a side
};

// Bytes to the tower's numbers: (byte * rescale - mean) / std, by channel R, G, B.
struct PixelScale {
  double rescale = 1.0 / 255;
  std::array<double, 3> mean{};
  std::array<double, 3> std{1, 1, 1};
};

struct LlavaConfig {
  std::string folder;  // where config.json lies
  std::string name;    // the folder's, for people
  ClipShape tower;
  // Hidden states that are joined along the channels, 0 (what enters the first layer) ..
  // tower.layers.
  std::vector<int> feature_layers;
  Activation projector_activation = Activation::kGelu;
  bool projector_bias = true;
  LlmShape llm;
  std::vector<int> ladder;       // ascending: grid^2 and its nested means
  std::vector<int32_t> end_ids;  // each ends an answer; may be empty
  PictureFit fit;
  PixelScale pixels;

  int features() const { return tower.hidden * static_cast<int>(feature_layers.size()); }
};

// Whether the JSON file at FOLDER/config.json, or the file itself, is one of these. Throws
// kNotFound, kCorrupt.
M3_API bool is_llava_config(const std::string& path);

// Reads it, with preprocessor_config.json (or processor_config.json) and generation_config.json
// beside it where they are. Throws kNotFound, kCorrupt (naming the key), kUnsupported for what this
// build does not run.
M3_API LlavaConfig read_llava_config(const std::string& path);

// The ladder of a grid: its side divided by its smallest prime factor until one token is left. 24
// gives 1, 9, 36, 144, 576.
M3_API std::vector<int> nested_ladder(int grid);

}  // namespace m3
