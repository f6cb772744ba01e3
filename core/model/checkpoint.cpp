#include "core/model/checkpoint.h"

#include <array>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/model/json_file.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

constexpr char kWhole[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::vector<std::string> file_names(const std::string& folder) {
  if (is_there(fs::path(folder) / kWhole)) return {kWhole};
  const fs::path index = fs::path(folder) / kIndex;
  if (!is_there(index)) {
    throw Error(ErrorCode::kNotFound, folder + ": holds neither " + kWhole + " nor " + kIndex +
                                          "; weights in other formats (.bin) must be converted to "
                                          "safetensors first");
  }
  JsonObject root = JsonObject::read(index.string());
  JsonObject map = root.object("weight_map");
  std::set<std::string> names;
  for (const std::string& tensor : map.keys()) names.insert(map.file_name(tensor));
  if (names.empty()) root.fail("weight_map", "names no file");
  return {names.begin(), names.end()};
}

bool replace_start(std::string& name, std::string_view from, std::string_view to) {
  if (!name.starts_with(from)) return false;
  name.replace(0, from.size(), to);
  return true;
}

}  // namespace

std::string canonical_name(std::string_view tensor) {
  std::string name(tensor);
  for (const std::string_view part :
       {"language_model.", "vision_tower.", "multi_modal_projector."}) {
    if (replace_start(name, "model." + std::string(part), part)) break;
  }
  if (!replace_start(name, "language_model.lm_head.", "lm_head.")) {
    replace_start(name, "language_model.model.", "language_model.");
  }
  replace_start(name, "vision_tower.vision_model.", "vision_tower.");
  return name;
}

Checkpoint Checkpoint::open(const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  const std::vector<std::string> names = file_names(folder);
  for (const std::string& name : names) {
    const fs::path path = fs::path(folder) / name;
    if (!is_there(path)) {
      throw Error(ErrorCode::kNotFound,
                  path.string() + ": a part of the model's weights is missing; " + kIndex +
                      " names " + std::to_string(names.size()) + " files");
    }
    checkpoint.files_.push_back(Safetensors::open(path.string()));
  }
  for (size_t file = 0; file < checkpoint.files_.size(); ++file) {
    for (const auto& [name, view] : checkpoint.files_[file].tensors()) {
      if (!checkpoint.tensors_.emplace(canonical_name(name), Place{file, &view}).second) {
        throw Error(ErrorCode::kCorrupt, checkpoint.files_[file].path() + ": the tensor " + name +
                                             " is there twice under two names");
      }
    }
  }
  return checkpoint;
}

const TensorView& Checkpoint::at(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw Error(ErrorCode::kCorrupt, folder_ + ": there is no tensor " + std::string(name) +
                                         " among the model's weights");
  }
  return *found->second.view;
}

const std::string& Checkpoint::path_of(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? folder_ : files_[found->second.file].path();
}

int64_t Checkpoint::parameters() const {
  int64_t sum = 0;
  for (const auto& [name, place] : tensors_) {
    sum += static_cast<int64_t>(place.view->bytes.size() / size_of(place.view->dtype));
  }
  return sum;
}

}  // namespace m3
