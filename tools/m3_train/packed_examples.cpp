#include "tools/m3_train/packed_examples.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "tools/common/json_line_file.h"

namespace m3::train {
namespace {

using tools::Json;
using tools::LineFault;

// One line each: {"first": N}, {"key": ...} for picture 0, 1 ..., {"frames", "turns"[,
// "held_out"]}.
class Writer {
 public:
  Writer(const std::string& path, const TrainingPictures& pictures)
      : path_(path), pictures_(pictures), file_(path, std::ios::binary) {}

  void add(const Json& line) {
    file_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  void add(const TrainingExample& example, bool held_out) {
    Json line;
    Json frames = Json::array();
    for (const TrainingFrame& frame : example.frames) {
      Json second = nullptr;
      if (frame.second) second = *frame.second;
      frames.push_back({number_of(frame.picture), std::move(second), frame.scale});
    }
    Json turns = Json::array();
    for (const TrainingTurn& turn : example.turns)
      turns.push_back({turn.question, turn.answer, turn.kind});
    line["frames"] = std::move(frames);
    line["turns"] = std::move(turns);
    if (held_out) line["held_out"] = true;
    add(line);
  }
  void close() {
    file_.close();
    if (!file_)
      throw Error(ErrorCode::kInternal, path_ + ": cannot be written: " + std::strerror(errno));
  }

 private:
  // A picture's key stands before the first example that shows it.
  size_t number_of(size_t picture) {
    const auto [place, fresh] = numbers_.try_emplace(picture, numbers_.size());
    if (fresh) add(Json{{"key", pictures_.key(picture)}});
    return place->second;
  }

  const std::string path_;
  const TrainingPictures& pictures_;
  std::ofstream file_;
  std::unordered_map<size_t, size_t> numbers_;
};

class Keys final : public TrainingPictures {
 public:
  size_t size() const override { return keys.size(); }
  std::string key(size_t i) const override { return keys[i]; }
  RgbPicture load(size_t i) const override {
    throw Error(ErrorCode::kNotFound,
                keys[i] + ": the pack does not hold what the vision tower saw in this picture");
  }
  std::vector<std::string> keys;
};

class PackedExamples final : public ExampleSource {
 public:
  explicit PackedExamples(const std::string& path) {
    tools::read_json_lines(path, [&](const Json& line, int) { take(line); });
    if (examples_.empty())
      throw Error(ErrorCode::kCorrupt, path + ": holds no example; make the pack again");
  }

  const TrainingPictures& pictures() const override { return keys_; }
  TrainingExample example(uint64_t n) const override {
    return examples_[(n - first_) % examples_.size()];  // unsigned: also before the first one
  }
  std::vector<TrainingExample> held_out() const override { return held_out_; }
  std::string gist(size_t) const override { return {}; }

 private:
  void take(const Json& line) {
    try {
      if (line.contains("first")) {
        first_ = line.at("first").get<uint64_t>();
      } else if (line.contains("key")) {
        keys_.keys.push_back(line.at("key").get<std::string>());
      } else {
        (line.value("held_out", false) ? held_out_ : examples_).push_back(example_of(line));
      }
    } catch (const Json::exception& error) {
      throw LineFault{error.what()};
    }
  }
  TrainingExample example_of(const Json& line) const {
    TrainingExample example;
    for (const Json& frame : line.at("frames")) {
      const auto picture = frame.at(0).get<size_t>();
      if (picture >= keys_.size()) throw LineFault{"a frame shows a picture without a key"};
      std::optional<double> second;
      if (!frame.at(1).is_null()) second = frame.at(1).get<double>();
      example.frames.push_back({picture, second, frame.at(2).get<int>()});
    }
    for (const Json& turn : line.at("turns")) {
      example.turns.push_back({turn.at(0).get<std::string>(), turn.at(1).get<std::string>(),
                               turn.at(2).get<std::string>()});
    }
    return example;
  }

  uint64_t first_ = 0;
  Keys keys_;
  std::vector<TrainingExample> examples_;
  std::vector<TrainingExample> held_out_;
};

}  // namespace

void write_packed_examples(const std::string& path, uint64_t first,
                           const std::vector<TrainingExample>& examples,
                           const std::vector<TrainingExample>& held_out,
                           const TrainingPictures& pictures) {
  Writer writer(path, pictures);
  writer.add(Json{{"first", first}});
  for (const TrainingExample& example : examples) writer.add(example, false);
  for (const TrainingExample& example : held_out) writer.add(example, true);
  writer.close();
}

std::unique_ptr<ExampleSource> read_packed_examples(const std::string& path) {
  return std::make_unique<PackedExamples>(path);
}

}  // namespace m3::train
