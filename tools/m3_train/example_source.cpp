#include "tools/m3_train/example_source.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/vision/image_file.h"
#include "tools/m3_eval/annotations.h"
#include "tools/m3_eval/question_maker.h"

namespace m3::train {
namespace {

constexpr size_t kMostTurns = 6;      // of an example
constexpr size_t kMostHeldOut = 48;   // examples
constexpr uint64_t kHeldOutSeed = 1;  // the same questions in every run

class PictureFiles final : public TrainingPictures {
 public:
  explicit PictureFiles(std::string folder) : folder_(std::move(folder)) {}

  size_t add(const std::string& file) {
    const auto [found, is_new] = numbers_.try_emplace(file, files_.size());
    if (is_new) files_.push_back(file);
    return found->second;
  }

  size_t size() const override { return files_.size(); }
  std::string key(size_t i) const override {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path(i), error);
    return files_[i] + ":" + (error ? std::string("absent") : std::to_string(bytes));
  }
  RgbPicture load(size_t i) const override {
    Image image = read_image(path(i));
    return {image.width_px, image.height_px, std::move(image.rgb)};
  }

 private:
  std::string path(size_t i) const { return (std::filesystem::path(folder_) / files_[i]).string(); }

  const std::string folder_;
  std::vector<std::string> files_;
  std::map<std::string, size_t> numbers_;
};

// Single pictures with the questions that their annotations answer.
class PictureExamples final : public ExampleSource {
 public:
  PictureExamples(const std::string& folder, uint64_t seed) : seed_(seed), pictures_(folder) {
    std::vector<eval::AnnotatedPicture> learned;
    std::vector<eval::AnnotatedPicture> others;
    try {
      learned = eval::read_annotations(folder, "train");
      others = eval::read_annotations(folder, "val");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
    }
    if (learned.empty()) std::swap(learned, others);
    if (learned.empty()) learned = eval::read_annotations(folder, "val");  // says what is missing
    examples_ = examples_of(learned, seed);
    held_out_ = examples_of(others, kHeldOutSeed);
    if (held_out_.size() > kMostHeldOut) held_out_.resize(kMostHeldOut);
    if (examples_.empty())
      throw Error(ErrorCode::kNotFound, folder + ": nothing can be asked about its annotations");
  }

  const TrainingPictures& pictures() const override { return pictures_; }
  TrainingExample example(uint64_t n) const override {
    std::seed_seq seed{seed_, seed_ >> 32, n, n >> 32};
    std::mt19937_64 random(seed);
    TrainingExample example = examples_[random() % examples_.size()];
    for (size_t left = example.turns.size(); left > 1; --left)
      std::swap(example.turns[left - 1], example.turns[random() % left]);
    if (example.turns.size() > kMostTurns) example.turns.resize(kMostTurns);
    return example;
  }
  std::vector<TrainingExample> held_out() const override { return held_out_; }
  std::string label(size_t picture) const override {
    const auto found = labels_.find(picture);
    return found == labels_.end() ? std::string() : found->second;
  }

 private:
  std::vector<TrainingExample> examples_of(const std::vector<eval::AnnotatedPicture>& pictures,
                                           uint64_t seed) {
    for (const eval::AnnotatedPicture& picture : pictures) {
      if (!picture.label.empty()) labels_[pictures_.add(picture.file)] = picture.label;
    }
    std::map<std::string, TrainingExample> by_file;
    for (const eval::SetQuestion& question : eval::make_questions(pictures, seed)) {
      TrainingExample& example = by_file[question.file];
      if (example.frames.empty())
        example.frames.push_back({pictures_.add(question.file), std::nullopt, 0});
      example.turns.push_back({question.question, question.answer, question.kind});
    }
    std::vector<TrainingExample> examples;
    for (auto& [file, example] : by_file) examples.push_back(std::move(example));
    return examples;
  }

  const uint64_t seed_;
  PictureFiles pictures_;
  std::map<size_t, std::string> labels_;  // by picture
  std::vector<TrainingExample> examples_;
  std::vector<TrainingExample> held_out_;
};

}  // namespace

std::unique_ptr<ExampleSource> make_examples(const std::string& data_folder, uint64_t seed,
                                             const std::vector<int>&) {
  return std::make_unique<PictureExamples>(data_folder, seed);
}

}  // namespace m3::train
