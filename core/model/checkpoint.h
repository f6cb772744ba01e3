// Checkpoint: the safetensors files of a model in Hugging Face's layout, one or several, as one set
// of tensors. Names differ between versions of the library that wrote them; here each tensor has
// one name: language_model.*, lm_head.weight, multi_modal_projector.*, vision_tower.*. Threads:
// immutable after open; safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/export.h"
#include "core/model/safetensors.h"

namespace m3 {

class M3_API Checkpoint {
 public:
  // FOLDER/model.safetensors, or the files that FOLDER/model.safetensors.index.json names. Throws
  // kNotFound (saying what a folder must hold), kCorrupt, kUnsupported.
  static Checkpoint open(const std::string& folder);
  Checkpoint(const Checkpoint&) = delete;  // places point into the files
  Checkpoint(Checkpoint&&) = default;

  // Throws kCorrupt when there is no such tensor.
  const TensorView& at(std::string_view name) const;
  bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  // The folder, or the file that holds the tensor; for errors.
  const std::string& path_of(std::string_view name) const;
  const std::vector<Safetensors>& files() const noexcept { return files_; }
  int64_t parameters() const;

 private:
  Checkpoint() = default;
  struct Place {
    size_t file;
    const TensorView* view;
  };
  std::string folder_;
  std::vector<Safetensors> files_;
  std::map<std::string, Place, std::less<>> tensors_;
};

// The one name of a tensor: "language_model.model.norm.weight" and
// "model.language_model.norm.weight" are both "language_model.norm.weight".
M3_API std::string canonical_name(std::string_view name);

}  // namespace m3
