#include "tools/dataset/clip_set.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "tools/common/json_line_file.h"

namespace m3::dataset {
namespace {

using tools::Json;
using tools::LineFault;

constexpr double kLongestSeconds = 24 * 3600;

std::string needed(const Json& object, const char* key) {
  std::string text = tools::text_of(object, key);
  if (text.empty()) throw LineFault{std::string("\"") + key + "\" is missing or empty"};
  return text;
}

std::optional<double> second_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  const double second = found->is_number() ? found->get<double>() : -1;
  if (!(second >= 0 && second <= kLongestSeconds))
    throw LineFault{std::string("\"") + key + "\" is not a second of a clip"};
  return second;
}

}  // namespace

ClipSet::ClipSet(std::string folder) : folder_(std::move(folder)) {
  std::map<std::string, size_t> numbers;
  tools::read_json_lines((std::filesystem::path(folder_) / "questions.jsonl").string(),
                         [&](const Json& object, int) {
                           Line line;
                           const std::string file = needed(object, "video");
                           line.question.question = needed(object, "question");
                           line.question.answer = needed(object, "answer");
                           line.question.kind = needed(object, "type");
                           line.from = second_of(object, "t0");
                           line.to = second_of(object, "t1");
                           const auto [found, is_new] = numbers.try_emplace(file, clips_.size());
                           if (is_new) clips_.push_back({file, 0, 0});
                           line.clip = found->second;
                           lines_.push_back(std::move(line));
                         });
  if (lines_.empty())
    throw Error(ErrorCode::kCorrupt, folder_ + "/questions.jsonl: holds no question");
  for (size_t clip = 0; clip < clips_.size(); ++clip) {
    reader_ =
        std::make_unique<ClipReader>((std::filesystem::path(folder_) / clips_[clip].file).string());
    open_clip_ = clip;
    clips_[clip].first_frame = frames_.size();
    clips_[clip].frames = 1 + static_cast<size_t>(std::min(reader_->seconds(), kLongestSeconds));
    for (size_t second = 0; second < clips_[clip].frames; ++second)
      frames_.push_back({clip, static_cast<int>(second)});
  }
}

std::string ClipSet::key(size_t number) const {
  const Frame& frame = frames_[number];
  const std::string& file = clips_[frame.clip].file;
  std::error_code error;
  const auto bytes = std::filesystem::file_size(std::filesystem::path(folder_) / file, error);
  return "clip " + file + ":" + (error ? std::string("absent") : std::to_string(bytes)) + "@" +
         std::to_string(frame.second);
}

Image ClipSet::load(size_t number) const {
  const Frame& frame = frames_[number];
  if (!reader_ || open_clip_ != frame.clip) {
    reader_ = std::make_unique<ClipReader>(
        (std::filesystem::path(folder_) / clips_[frame.clip].file).string());
    open_clip_ = frame.clip;
  }
  return reader_->frame(frame.second);
}

ClipSet::Window ClipSet::window(const WindowOptions& options, size_t most, Random& random) const {
  const Line& first = random.one_of(lines_);
  const Clip& clip = clips_[first.clip];
  const double end = static_cast<double>(clip.frames - 1);
  // Asked at some time at which its answer holds; about the whole clip: at its end.
  const double to = std::min(first.to.value_or(end), end);
  const double from = first.to ? std::min(first.from.value_or(to), to) : end;
  const int now = static_cast<int>(std::floor(random.between(from, to + 1e-3)));
  Window window;
  window.frames = clip_window(clip.first_frame, now, options, random);
  window.questions.push_back(first.question);
  std::vector<const Line*> others;
  for (const Line& line : lines_) {
    const bool holds = line.to ? line.from.value_or(*line.to) <= now && now <= *line.to
                               : static_cast<double>(now) >= end;
    if (&line != &first && line.clip == first.clip && holds) others.push_back(&line);
  }
  random.shuffle(others);
  for (const Line* line : others) {
    if (window.questions.size() < most) window.questions.push_back(line->question);
  }
  return window;
}

}  // namespace m3::dataset
