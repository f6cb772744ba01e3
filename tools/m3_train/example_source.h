// ExampleSource: what there is to learn in a folder of data, as an endless list of examples.
// example(n) depends on the folder, the seed and n alone, so that a run which goes on after a
// crash sees what an unbroken one would have seen. Threads: used from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/training_example.h"
#include "core/training_pictures.h"
#include "tools/dataset/stream_maker.h"

namespace m3::train {

class ExampleSource {
 public:
  virtual ~ExampleSource() = default;

  // All pictures that examples name, those of held_out() too.
  virtual const TrainingPictures& pictures() const = 0;
  // The n-th example, from 0; there is no last one.
  virtual TrainingExample example(uint64_t n) const = 0;
  // A few examples about pictures that example() never shows, to tell when the model is at its
  // best; empty when the folder has no such pictures.
  virtual std::vector<TrainingExample> held_out() const = 0;
  // What a picture shows, in a few words, "white dress": the projector's start is fitted to it.
  // Empty: not known, or an image of another picture, which would tell the same again.
  virtual std::string gist(size_t picture) const = 0;
};

// data_folder: annotations.jsonl and the pictures that it names (tools/dataset/annotations.h);
// where they are, also texts/*.txt (a sentence a line, so that the model keeps its language) and
// clips/questions.jsonl with its clips (tools/dataset/clip_set.h). Of the split "train" only.
// windows: of the model's ladder. Throws kNotFound when the folder has nothing to learn
// from, kCorrupt naming file and line.
std::unique_ptr<ExampleSource> make_examples(const std::string& data_folder, uint64_t seed,
                                             const dataset::WindowOptions& windows);

}  // namespace m3::train
