// Pack: a run in pieces of under 60 MB, to be carried to another machine, such as a bare one with a
// GPU, where the same command goes on: examples with the questions, what the tower saw in their
// pictures, the model's files, and the run's last checkpoint. Threads: free functions.
#pragma once

#include <string>

namespace m3::train {

// Names inside a run's folder that a pack fills.
inline constexpr char kPackedExamples[] = "examples.jsonl";
inline constexpr char kPackedModel[] = "base";  // folder of the model that training began with

inline constexpr char kPackedFeatures[] = "features.bin";

// Cuts examples.jsonl, checkpoint.safetensors and curve.csv of the run `out`, the file of features
// and the files of the model in `model_folder` into `to`, which is made and must not hold a pack
// yet. Throws kNotFound, kMismatch, kInternal (a full disk).
void write_pack(const std::string& out, const std::string& features,
                const std::string& model_folder, const std::string& to);

bool is_pack(const std::string& folder);

// Puts together in `out` what is not there yet; what a run there has since written stays. Throws
// kCorrupt, kNotFound (a piece that has not come), kInternal.
void unpack(const std::string& pack, const std::string& out);

}  // namespace m3::train
