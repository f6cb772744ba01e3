// PackedExamples: examples that were drawn on one machine, as a file for another. The pictures
// themselves stay behind: their features are carried. Threads: as ExampleSource.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/training_example.h"
#include "core/training_pictures.h"
#include "tools/m3_train/example_source.h"

namespace m3::train {

// Writes examples number `first` and on, and those held out, with the keys of their pictures.
// Throws kInternal (a full disk), naming the file.
void write_packed_examples(const std::string& path, uint64_t first,
                           const std::vector<TrainingExample>& examples,
                           const std::vector<TrainingExample>& held_out,
                           const TrainingPictures& pictures);

// Behind the last example comes the first one again. Throws kNotFound, kCorrupt naming the line.
std::unique_ptr<ExampleSource> read_packed_examples(const std::string& path);

}  // namespace m3::train
