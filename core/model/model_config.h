// ModelConfig: what a model folder's config.json says (docs/model-format.md), checked. Our own
// layout: an adapter over base weights that come from elsewhere. Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/export.h"
#include "core/model/chat_template.h"
#include "core/window_layout.h"

namespace m3 {

// How rotary frequencies are stretched for contexts longer than those of pre-training.
struct RopeScaling {
  enum class Kind {
    kNone,
    kLinear,  // every frequency divided by `factor`
    kLlama3,  // long waves divided by `factor`, short ones kept, a smooth way between
  };
  Kind kind = Kind::kNone;
  double factor = 1;  // above 0
  double low_frequency_factor =
      1;  // the rest: kLlama3 only; waves above original_context / low are
  double high_frequency_factor = 4;  // long, below original_context / high short; high > low > 0
  int original_context = 8192;       // positions
};

// Shape of a Llama-family language model.
struct LlmShape {
  int hidden = 0;             // 1..65536; width of the model
  int intermediate = 0;       // 1..262144; width of the feed-forward part
  int layers = 0;             // 1..1024
  int heads = 0;              // 1..1024; of queries
  int kv_heads = 0;           // of keys and values; divides `heads`
  int head_dim = 0;           // 2..1024, even; heads * head_dim need not be `hidden`
  int vocabulary = 0;         // 1..2^20; rows of the embedding
  int context = 0;            // 1..2^24 positions
  double rope_theta = 10000;  // 1..1e9
  double rms_epsilon = 1e-5;  // 0..1
  bool tied_head = true;      // the embedding is the head's matrix too
  RopeScaling rope_scaling;
  bool qkv_bias = false;  // biases of queries, keys and values,
  bool out_bias = false;  // of attention's output,
  bool mlp_bias = false;  // of gate, up and down
};

// A file that is not part of the model folder: found in the base-weight cache by name, told apart
// by its size.
struct BaseFile {
  std::string name;
  std::string sha256;  // checked when it is fetched
  int64_t bytes = 0;   // checked when it is opened, 0: not checked
};

struct PreprocessConfig {
  int size_px = 384;  // 1..4096; the tower's square input; pictures are stretched to it, bytes
                      // 0..255 as float
};

struct TowerConfig {
  std::string graph;                // file in the model folder: the list of operations
  std::optional<BaseFile> weights;  // safetensors; none: only for random weights
  int features = 0;                 // 1..65536; channels of one cell
  int grid = 0;                     // 1..256; cells a side
};

struct ProjectorConfig {
  int hidden = 0;  // 1..65536; width of its middle layer
};

// What the adapter adds to each matrix W of a block: y = (W + full) x + factor * B (A x).
struct UpdatesConfig {
  int rank = 0;  // of B A, 0: none; up to 4096
  double factor = 1;
  bool full = false;  // whether there is a matrix as large as W; then rank is 0

  bool any() const noexcept { return full || rank > 0; }
};

struct ModelConfig {
  std::string folder;  // where config.json lies; the model's other files are looked for there
  std::string name;    // for people
  int layout_version = 0;
  Attention attention = Attention::kSpans;
  std::vector<int> ladder;  // ascending
  ChatTemplate chat;
  PreprocessConfig preprocess;
  TowerConfig tower;
  ProjectorConfig projector;
  UpdatesConfig updates;
  std::string adapter;               // file in the model folder; empty: only for random weights
  std::optional<BaseFile> llm_file;  // GGUF; none: only for random weights
  std::optional<LlmShape> llm;  // shape of random weights; a GGUF brings its own, which must agree
  // Random weights use 256 byte tokens and these behind them; a GGUF brings its own tokenizer.
  std::vector<std::string> special_tokens;
  int trained_frames = 0;         // 0: not known
  int trained_visual_tokens = 0;  // 0: not known
};

// Reads and checks FOLDER/config.json, or the file itself. Throws kNotFound, kCorrupt (naming the
// key), kMismatch (layout version).
M3_API ModelConfig read_model_config(const std::string& path);

// The folder of the model called `name`: "default" is looked for in M3_MODEL_PATH
// (colon-separated), then where models were installed; anything else is a path. Throws kNotFound,
// saying where it looked.
M3_API std::string find_model(const std::string& name);

// The path of a base file: beside the config, then in the cache folder (M3_CACHE, else
// XDG_CACHE_HOME/gst-matryoshka, else ~/.cache/gst-matryoshka, in its folder base/). Throws
// kNotFound, saying which command fetches it, and kCorrupt when its size is not the one expected.
M3_API std::string find_base_file(const ModelConfig& config, const BaseFile& file);

}  // namespace m3
