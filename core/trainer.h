// Trainer: teaches a model of our own layout (docs/model-format.md) with the M3 objective (Cai et
// al. 2024): the same answers are wanted at every scale of the ladder. The vision tower stays
// as it is; the projector learns, and low-rank updates of the language model or all of its blocks.
// What the tower saw in a picture is kept on disk. This is the engine module's second entry: a
// trainer runs the engine's own tower, projector, pooling, window layout and decoder.
//
//   auto trainer = m3::open_trainer({.features = "run/features.bin"}, pictures);
//   trainer->fit_projector(known);
//   double loss = trainer->step(examples, {.rate = 1e-3, .seed = 17});
//   trainer->save("run/checkpoint.safetensors", {{"step", "1"}});
//   trainer->write_model("run/model");
//
// Threads: used from one thread at a time, the one that opened it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/export.h"
#include "core/training_example.h"
#include "core/training_pictures.h"

namespace m3 {

struct TrainerOptions {
  std::string model = "default";  // whose tower, language model, texts and ladder: "default", or a
                                  // folder of our own layout
  // true: go on with that model's projector and updates. false: begin anew; then fit_projector()
  // gives the projector its start.
  bool keep_adapter = false;
  int rank = 0;  // of the low-rank updates, 1..4096; 0: the model's, or 32 where it has none. With
                 // keep_adapter only 0 or the model's.
  // All matrices of the language model's blocks learn, in place of low-rank updates (rank 0): that
  // takes five times the memory, and a rate of some 1e-5. With keep_adapter from what the model's
  // own updates made of them.
  bool full = false;
  std::string features;  // file that keeps what the tower saw; made when it is not there
  int64_t features_bytes = 12LL << 30;  // that file's size at most; what does not fit is computed
                                        // again each time; 0: nothing is kept
  uint64_t seed = 1;                    // of the numbers that training begins with
  std::string device = "auto";          // as in EngineOptions
  std::string dtype = "auto";           // of the matrix products; what learns is float32
  int threads = 0;                      // compute threads on the CPU, 0..1024; 0: all cores
};

// A picture, and what it shows in a few words, "white dress"; empty: not known.
struct StartPicture {
  size_t picture = 0;
  std::string gist;
};

// How the projector was started.
struct ProjectorStart {
  size_t pictures = 0;  // that its statistics are of
  size_t known = 0;     // of those: with a gist
  // Share of the variance of mean word embeddings that the start explains, on known pictures it
  // was not fitted to; at most 1; 0 where there were too few.
  double explained = 0;
};

struct StepOptions {
  double rate = 1e-3;            // AdamW's learning rate of the low-rank updates, 0..1
  double projector_rate = 1e-4;  // and of the projector
  double clip = 1;               // the most that the gradient's length may be; 0: no limit
  uint64_t seed = 1;             // of the scales that are drawn
  // A frame whose scale is 0 is shown at every scale of the ladder, one after the other, and the
  // losses are averaged; else at one that is drawn.
  bool all_scales = false;
  std::vector<double> scale_weights;  // how often each scale of the ladder is drawn; empty: alike,
                                      // the finest half as often
};

class M3_API Trainer {
 public:
  virtual ~Trainer();

  virtual const std::vector<int>& ladder() const noexcept = 0;
  virtual std::string device() const = 0;  // as opened, with the dtype: "cpu, float32"
  virtual int64_t learned_numbers() const noexcept = 0;

  // Lets the tower see a picture unless it has. Throws what TrainingPictures::load throws, and
  // Error naming the file that keeps features when it cannot be written.
  virtual void look_at(size_t picture) = 0;
  // Standardises the tower's features by these pictures and starts the projector by ridge
  // regression: the mean of a picture's visual tokens lies at the mean word embedding of its
  // gist. At least one picture; look_at() each first to have errors and progress one by one.
  virtual ProjectorStart fit_projector(std::span<const StartPicture> pictures) = 0;

  // One step of AdamW (beta 0.9, 0.999; no weight decay) on these examples, at least one; returns
  // their loss before it: the mean over questions of the mean cross-entropy of an answer's tokens,
  // its end included. Throws kInvalidArgument for an example that is not one (a scale that is not
  // of the ladder, no turns, more positions than the model has), kInternal when the loss is not a
  // number: then nothing was learned.
  virtual double step(std::span<const TrainingExample> examples, const StepOptions& options) = 0;
  // The loss alone; nothing is learned.
  virtual double loss(std::span<const TrainingExample> examples, const StepOptions& options) = 0;

  // All that learns and the optimiser's state, with `notes`, under `path`: whole or not at all, and
  // on the disk when it returns. Throws kNotFound, kInternal (a full disk), naming the file.
  virtual void save(const std::string& path, const std::map<std::string, std::string>& notes) = 0;
  // Takes all that back; returns the notes. Throws kCorrupt, kMismatch (of another model).
  virtual std::map<std::string, std::string> load(const std::string& path) = 0;
  // A folder that `--model` takes; what was there under that name is replaced. Base weights are
  // linked or copied only when they lie beside the model that training began with.
  virtual void write_model(const std::string& folder) = 0;
};

// `pictures` is borrowed for the trainer's life. Blocks while the model loads. Throws what loading
// a model throws; kUnsupported for a model that is not of our own layout.
M3_API std::unique_ptr<Trainer> open_trainer(const TrainerOptions& options,
                                             const TrainingPictures& pictures,
                                             const ProgressFn& progress = {},
                                             std::stop_token stop = {});

// What an engine module that can train exports under the name kTrainerModuleEntry, beside its
// EngineModule. `abi` must be kTrainerAbi; it grows with every change of this header that moves
// anything.
inline constexpr char kTrainerModuleEntry[] = "m3_trainer_module";
inline constexpr int kTrainerAbi = 3;
struct TrainerModule {
  int abi;
  std::unique_ptr<Trainer> (*open)(const TrainerOptions&, const TrainingPictures&,
                                   const ProgressFn&, std::stop_token);
};

}  // namespace m3
