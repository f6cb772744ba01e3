// Writes a trained model as a folder that the engine opens.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/model/safetensors.h"
#include "core/torch/train/training_model.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(ErrorCode::kInternal, path.string() + ": cannot be written: " + why);
}

void check(const std::error_code& error, const fs::path& path) {
  if (error) fail(path, error.message());
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) fail(path, std::strerror(errno));
}

// The config as it was, with what training changed; already read strictly once.
std::string config_text(const TrainingModel& model, const TrainedWindow& window) {
  auto config =
      nlohmann::ordered_json::parse(text_of(fs::path(model.config.folder) / "config.json"));
  const UpdatesConfig& updates = model.adapter.updates();
  config["low_rank"] = {{"rank", updates.rank}, {"factor", updates.factor}};
  config["full_updates"] = updates.full;
  config["trained_window"] = {{"frames", window.frames}, {"visual_tokens", window.visual_tokens}};
  return config.dump(2) + "\n";
}

void write_adapter(const AdapterTensors& adapter, const fs::path& path) {
  std::vector<at::Tensor> alive;
  std::vector<TensorToWrite> entries;
  for (const auto& [name, tensor] : adapter.all()) {
    // Standardising is a difference of large numbers; all else bears bfloat16.
    const bool exact = !tensor.requires_grad();
    alive.push_back(tensor.detach().to(at::kCPU, exact ? at::kFloat : at::kBFloat16).contiguous());
    entries.push_back(
        {name,
         exact ? DType::kF32 : DType::kBf16,
         tensor.sizes().vec(),
         {static_cast<const std::byte*>(alive.back().const_data_ptr()), alive.back().nbytes()}});
  }
  write_safetensors(path.string(), entries);
}

// Base weights are found by name in the cache; those that lie beside the model's config would not
// be found from another folder.
void bring_base_file(const TrainingModel& model, const BaseFile& file, const fs::path& folder) {
  const fs::path beside = fs::path(model.config.folder) / file.name;
  std::error_code error;
  if (!fs::exists(beside, error)) return;
  fs::create_hard_link(beside, folder / file.name, error);
  if (!error) return;
  fs::copy_file(beside, folder / file.name, error);
  check(error, folder / file.name);
}

// Puts `made` in the place of `folder` in one move.
void replace(const fs::path& made, const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) {
    fs::rename(made, folder, error);
    return check(error, folder);
  }
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) != 0) {
    fs::remove_all(folder, error);  // a file system that cannot exchange
    fs::rename(made, folder, error);
    return check(error, folder);
  }
  fs::remove_all(made, error);
}

}  // namespace

void write_model_folder(const TrainingModel& model, const TrainedWindow& window,
                        const std::string& folder) {
  const fs::path made = folder + ".part";
  std::error_code error;
  fs::remove_all(made, error);
  fs::create_directories(made, error);
  check(error, made);
  try {
    write_adapter(model.adapter, made / model.config.adapter);
    write_text(made / "config.json", config_text(model, window));
    write_text(made / model.config.tower.graph,
               text_of(fs::path(model.config.folder) / model.config.tower.graph));
    bring_base_file(model, *model.config.tower.weights, made);
    bring_base_file(model, *model.config.llm_file, made);
    replace(made, folder);
  } catch (...) {
    fs::remove_all(made, error);
    throw;
  }
}

}  // namespace m3
