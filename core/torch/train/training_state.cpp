// What a trainer saves and takes back: tensors, the optimiser's moments, and notes.
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/model/safetensors.h"
#include "core/torch/border.h"
#include "core/torch/train/torch_trainer.h"
#include "core/torch/weights.h"

namespace m3 {
namespace {

// Metadata that are the trainer's own; notes have other names.
constexpr char kModel[] = "trainer.model";
constexpr char kSteps[] = "trainer.steps";
constexpr char kFrames[] = "trainer.frames";
constexpr char kVisualTokens[] = "trainer.visual_tokens";

int64_t whole_number(const Safetensors& file, const char* key) {
  const auto found = file.metadata().find(key);
  int64_t value = -1;
  if (found != file.metadata().end()) {
    const char* end = found->second.data() + found->second.size();
    const auto [rest, status] = std::from_chars(found->second.data(), end, value);
    if (status != std::errc() || rest != end) value = -1;
  }
  if (value < 0) {
    throw Error(ErrorCode::kCorrupt,
                file.path() + ": is no state of training (" + key + " is missing or wrong)");
  }
  return value;
}

}  // namespace

void TorchTrainer::save(const std::string& path, const std::map<std::string, std::string>& notes) {
  at_border("saving the training", [&] {
    std::vector<at::Tensor> alive;
    std::vector<TensorToWrite> entries;
    const auto add = [&](const std::string& name, const at::Tensor& tensor) {
      alive.push_back(tensor.detach().to(at::kCPU).contiguous());
      entries.push_back(
          {name,
           DType::kF32,
           tensor.sizes().vec(),
           {static_cast<const std::byte*>(alive.back().const_data_ptr()), alive.back().nbytes()}});
    };
    for (const auto& [name, tensor] : model_.adapter.all()) add(name, tensor);
    const std::vector<std::string> names = model_.adapter.learned_names();
    for (size_t i = 0; i < names.size(); ++i) {
      add("first." + names[i], adam_.first()[i]);
      add("second." + names[i], adam_.second()[i]);
    }
    std::map<std::string, std::string> metadata = notes;
    metadata[kModel] = model_.id;
    metadata[kSteps] = std::to_string(adam_.steps());
    metadata[kFrames] = std::to_string(largest_.frames);
    metadata[kVisualTokens] = std::to_string(largest_.visual_tokens);
    write_safetensors(path, entries, metadata);
  });
}

std::map<std::string, std::string> TorchTrainer::load(const std::string& path) {
  return at_border("taking up the training", [&] {
    const Safetensors file = Safetensors::open(path);
    const int64_t steps = whole_number(file, kSteps);
    const auto frames = static_cast<int>(whole_number(file, kFrames));
    const auto visual_tokens = static_cast<int>(whole_number(file, kVisualTokens));
    const auto model = file.metadata().find(kModel);
    if (model == file.metadata().end() || model->second != model_.id) {
      throw Error(ErrorCode::kMismatch,
                  path + ": is of the training of another model; give another folder");
    }
    SafetensorsSource source(path);
    // All is read before anything is changed.
    std::vector<std::pair<std::string, at::Tensor>> numbers;
    for (const auto& [name, tensor] : model_.adapter.all())
      numbers.emplace_back(name, source.take(name, tensor.sizes().vec()));
    std::vector<std::pair<at::Tensor, at::Tensor>> moments;
    const std::vector<std::string> names = model_.adapter.learned_names();
    for (size_t i = 0; i < names.size(); ++i) {
      for (const auto& [prefix, moment] :
           {std::pair("first.", adam_.first()[i]), std::pair("second.", adam_.second()[i])}) {
        moments.emplace_back(moment, source.take(prefix + names[i], moment.sizes().vec()));
      }
    }
    for (const auto& [name, values] : numbers) model_.adapter.set(name, values);
    for (const auto& [moment, values] : moments) moment.copy_(values);
    adam_.set_steps(steps);
    largest_ = {frames, visual_tokens};
    std::map<std::string, std::string> notes = file.metadata();
    for (const char* own : {kModel, kSteps, kFrames, kVisualTokens}) notes.erase(own);
    return notes;
  });
}

}  // namespace m3
