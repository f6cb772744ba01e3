#include "core/torch/train/torch_trainer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/tokens.h"
#include "core/torch/adapter_projector.h"
#include "core/torch/border.h"
#include "core/torch/device.h"
#include "core/torch/token_pool.h"
#include "core/torch/train/ridge.h"
#include "core/torch/train/window_target.h"

namespace m3 {
namespace {

// Rows that go through the language model together. What a pass must keep for its gradients grows
// with them, about 1.5 MB a row of the default model in float32; far fewer would leave the cores
// idle.
constexpr int64_t kMostRows = 1024;
constexpr size_t kMemoryKept = size_t{2} << 30;  // of tensors that come and go each step
constexpr size_t kFewestKnown = 8;               // fewer give no direction to start in

TrainingModel loaded(const TrainerOptions& options, const ProgressFn& progress,
                     std::stop_token stop) {
  // Said also where it is the default: sums are then cut alike in every run.
  at::set_num_threads(options.threads > 0 ? options.threads : at::get_num_threads());
  return load_training_model(options, progress, std::move(stop));
}

}  // namespace

TorchTrainer::TorchTrainer(const TrainerOptions& options, const TrainingPictures& pictures,
                           const ProgressFn& progress, std::stop_token stop)
    : pooled_(kMemoryKept),
      model_(loaded(options, progress, std::move(stop))),
      features_(std::move(model_.tower),
                {PictureFit::Kind::kStretch, model_.config.preprocess.size_px}, model_.device,
                pictures, model_.tower_id, options.features, options.features_bytes),
      adam_(model_.adapter.learned()),
      learned_numbers_(model_.adapter.learned_numbers()) {}

std::string TorchTrainer::device() const {
  return name_of(model_.device) + ", " + name_of(model_.dtype);
}

void TorchTrainer::look_at(size_t picture) {
  at_border("running the vision tower", [&] { features_.look_at(picture); });
}

// Mean word embedding, [width] float32; undefined for a gist without tokens.
at::Tensor TorchTrainer::gist_embedding(const std::string& gist) const {
  // As the word stands inside a sentence.
  const std::vector<int32_t> ids = model_.layout.tokenizer().encode_behind(" " + gist);
  if (ids.empty()) return {};
  return model_.decoder->embed(ids).to(at::kFloat).mean(0);
}

ProjectorStart TorchTrainer::fit_projector(std::span<const StartPicture> pictures) {
  return at_border("starting the projector", [&] {
    const at::NoGradGuard no_gradients;
    if (pictures.empty())
      throw Error(ErrorCode::kInvalidArgument, "starting the projector: there is no picture");
    FeatureStatistics statistics;
    std::vector<at::Tensor> means;
    std::vector<at::Tensor> wanted;
    for (const StartPicture& picture : pictures) {
      const at::Tensor features = features_.of(picture.picture);
      statistics.add(features);
      if (picture.gist.empty()) continue;
      const at::Tensor word = gist_embedding(picture.gist);
      if (!word.defined()) continue;
      means.push_back(features.mean(0));
      wanted.push_back(word);
    }
    AdapterTensors& adapter = model_.adapter;
    adapter.set("proj.mean", statistics.mean());
    adapter.set("proj.scale", statistics.scale());
    ProjectorStart start{pictures.size(), means.size(), 0};
    if (means.size() < kFewestKnown) return start;
    const at::Tensor x = (at::stack(means) - adapter.get("proj.mean")) * adapter.get("proj.scale");
    const LinearMap map = fit_ridge(x, at::stack(wanted));
    adapter.set("proj.linear.weight", map.weight);
    adapter.set("proj.linear.bias", map.bias);
    start.explained = map.explained;
    return start;
  });
}

// [visual tokens of the batch, width], in the order of its spans.
at::Tensor TorchTrainer::visual_tokens(const TrainingBatch& batch) {
  const AdapterTensors& adapter = model_.adapter;
  std::unordered_map<size_t, int64_t> places;  // of pictures
  std::vector<at::Tensor> pictures;
  for (const BatchSpan& span : batch.spans) {
    if (!places.try_emplace(span.picture, static_cast<int64_t>(pictures.size())).second) continue;
    pictures.push_back(features_.of(span.picture));
  }
  const at::Tensor features =
      ((at::stack(pictures) - adapter.get("proj.mean")) * adapter.get("proj.scale"))
          .to(model_.dtype);
  const AdapterProjector projector(adapter.projector(), model_.dtype);
  const at::Tensor projected = projector(features);
  std::vector<at::Tensor> tokens;
  for (const BatchSpan& span : batch.spans) {
    tokens.push_back(pool_square(projected.select(0, places.at(span.picture)),
                                 model_.config.tower.grid, grid_of(span.scale)));
  }
  return at::cat(tokens);
}

at::Tensor TorchTrainer::batch_loss(const TrainingBatch& batch) {
  const auto to_device = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(model_.device);
  };
  const Decoder& decoder = *model_.decoder;
  at::Tensor x = decoder.embed(batch.ids);
  if (!batch.spans.empty()) {
    std::vector<int64_t> rows;
    for (const BatchSpan& span : batch.spans) {
      for (int64_t i = 0; i < span.scale; ++i) rows.push_back(span.first + i);
    }
    x = x.index_copy(0, to_device(rows), visual_tokens(batch));
  }
  WindowTarget target(batch, decoder.rope(), decoder.options());
  DecoderPass pass(decoder, x, {{x.size(0), &target}});
  pass.finish();
  const at::Tensor logits =
      decoder.logits(pass.hidden().index_select(0, to_device(batch.asked))).to(at::kFloat);
  const at::Tensor losses =
      at::cross_entropy_loss(logits, to_device(batch.targets), {}, at::Reduction::None);
  return (losses * at::tensor(batch.weights).to(model_.device)).sum();
}

double TorchTrainer::run(std::span<const TrainingExample> examples, const StepOptions& options,
                         bool learning) {
  if (examples.empty())
    throw Error(ErrorCode::kInvalidArgument, "Training: a step needs an example");
  const std::vector<PlannedWindow> windows = plan_windows(examples, ladder(), options);
  const at::AutoGradMode gradients(learning);
  double sum = 0;
  for (std::span<const PlannedWindow> left = windows; !left.empty();) {
    const TrainingBatch batch =
        lay_out(left, model_.layout, model_.decoder->shape().context, kMostRows);
    const at::Tensor part = batch_loss(batch);
    sum += part.item<double>();
    if (learning) part.backward();
    left = left.subspan(batch.taken);
  }
  for (const PlannedWindow& window : windows) {
    int tokens = 0;
    for (const int scale : window.scales) tokens += scale;
    largest_.frames = std::max(largest_.frames, static_cast<int>(window.scales.size()));
    largest_.visual_tokens = std::max(largest_.visual_tokens, tokens);
  }
  return sum;
}

double TorchTrainer::gather_gradients(std::span<const TrainingExample> examples,
                                      const StepOptions& options) {
  return at_border("a step of training", [&] {
    adam_.forget_gradients();
    return run(examples, options, true);
  });
}

double TorchTrainer::step(std::span<const TrainingExample> examples, const StepOptions& options) {
  const double loss = gather_gradients(examples, options);
  return at_border("a step of training", [&] {
    if (!std::isfinite(loss)) {
      adam_.forget_gradients();
      throw Error(ErrorCode::kInternal,
                  "a step of training: the loss is not a number; a lower rate may help");
    }
    std::vector<double> rates;
    for (const std::string& name : model_.adapter.learned_names()) {
      rates.push_back(AdapterTensors::is_of_projector(name) ? options.projector_rate
                                                            : options.rate);
    }
    adam_.step(rates, options.clip);
    return loss;
  });
}

double TorchTrainer::loss(std::span<const TrainingExample> examples, const StepOptions& options) {
  return at_border("measuring the loss", [&] {
    const TrainedWindow learned = largest_;
    const double loss = run(examples, options, false);
    largest_ = learned;
    return loss;
  });
}

void TorchTrainer::write_model(const std::string& folder) {
  at_border("writing the model", [&] { write_model_folder(model_, largest_, folder); });
}

}  // namespace m3
