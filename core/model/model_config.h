// ModelConfig: what a model folder's config.json says (docs/model-format.md), checked. Our own layout: an adapter over
// base weights that come from elsewhere.
// Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/export.h"
#include "core/model/chat_template.h"
#include "core/window_layout.h"

namespace m3 {

// Shape of a Llama-family language model.
struct LlmShape {
  int hidden = 0;
  int intermediate = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int vocabulary = 0;
  int context = 0;  // positions
  double rope_theta = 10000;
  double rms_epsilon = 1e-5;
  bool tied_head = true;
};

// A file that is not part of the model folder: found in the base-weight cache by name, told apart by its size.
struct BaseFile {
  std::string name;
  std::string sha256;  // checked when it is fetched
  int64_t bytes = 0;   // checked when it is opened, 0: not checked
};

struct PreprocessConfig {
  int size_px = 384;  // the tower's square input; pictures are stretched to it, bytes 0..255 as float
};

struct TowerConfig {
  std::string graph;         // file in the model folder: the list of operations
  BaseFile weights;          // safetensors
  int features = 0;          // channels of one cell
  int grid = 0;              // cells a side
};

struct ProjectorConfig {
  int hidden = 0;
};

struct LowRankConfig {
  int rank = 0;       // 0: none
  double factor = 1;  // y = W x + factor * B (A x)
};

struct ModelConfig {
  std::string folder;
  std::string name;
  int layout_version = 0;
  Attention attention = Attention::kSpans;
  std::vector<int> ladder;  // ascending
  ChatTemplate chat;
  PreprocessConfig preprocess;
  TowerConfig tower;
  ProjectorConfig projector;
  LowRankConfig low_rank;
  std::string adapter;               // file in the model folder
  std::optional<BaseFile> llm_file;  // GGUF; none: `llm` gives a shape for random weights
  std::optional<LlmShape> llm;
  int trained_frames = 0;
  int trained_visual_tokens = 0;
};

// Reads and checks FOLDER/config.json, or the file itself. Throws kNotFound, kCorrupt (naming the key), kMismatch (layout version).
M3_API ModelConfig read_model_config(const std::string& path);

// The folder of the model called `name`: "default" is looked for in M3_MODEL_PATH (colon-separated), then where models
// were installed; anything else is a path. Throws kNotFound, saying where it looked.
M3_API std::string find_model(const std::string& name);

// The path of a base file: beside the config, then in the cache folder (M3_CACHE, else XDG_CACHE_HOME/gst-matryoshka,
// else ~/.cache/gst-matryoshka, in its folder base/). Throws kNotFound, saying which command fetches it, and kCorrupt when its
// size is not the one expected.
M3_API std::string find_base_file(const ModelConfig& config, const BaseFile& file);

}  // namespace m3
