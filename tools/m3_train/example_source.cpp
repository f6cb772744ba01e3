#include "tools/m3_train/example_source.h"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "tools/dataset/chat_texts.h"
#include "tools/dataset/clip_set.h"
#include "tools/dataset/picture_list.h"
#include "tools/dataset/picture_questions.h"
#include "tools/dataset/vocabulary.h"
#include "tools/dataset/window_questions.h"

namespace m3::train {
namespace {

using dataset::PictureList;
using dataset::QuestionAnswer;
using dataset::Random;

constexpr size_t kMostTurns = 6;  // of an example

// Of the examples; the rest are single pictures.
constexpr double kTexts = 0.05;
constexpr double kWindows = 0.43;
constexpr double kClips = 0.1;  // of those windows, where there are clips

constexpr size_t kMostMade = 8000;       // pictures that are put together,
constexpr size_t kMadeForEachReal = 2;   // and not more than this for each annotated one
constexpr size_t kHeldOutOf = 50;        // one picture in so many is not learned from
constexpr size_t kFewestHeldOut = 16;    // that tell anything
constexpr size_t kHeldOutPictures = 32;  // examples
constexpr size_t kHeldOutWindows = 16;
constexpr uint64_t kHeldOutSeed = 1;    // the same questions in every run
constexpr size_t kSampledViews = 4000;  // that the balance of names rests on
constexpr size_t kSampledWindows = 3000;
constexpr size_t kMostSentences = 200'000;
constexpr size_t kLongestSentence = 200;  // bytes
constexpr int kTries = 200;

bool is_held_out(const dataset::AnnotatedPicture& picture) {
  return XXH3_64bits(picture.file.data(), picture.file.size()) % kHeldOutOf == 0;
}

struct Split {
  std::vector<dataset::AnnotatedPicture> learned;
  std::vector<dataset::AnnotatedPicture> held_out;
};

// A large folder spares some of its pictures of the split "train"; of a small one all are needed.
Split split_of(const std::string& folder) {
  std::vector<dataset::AnnotatedPicture> all = dataset::read_annotations(folder, "train");
  Split split;
  const auto spared = static_cast<size_t>(std::count_if(all.begin(), all.end(), is_held_out));
  for (dataset::AnnotatedPicture& picture : all) {
    const bool spare = spared >= kFewestHeldOut && is_held_out(picture);
    (spare ? split.held_out : split.learned).push_back(std::move(picture));
  }
  return split;
}

// FOLDER/texts/*.txt, one sentence a line.
std::vector<std::string> read_sentences(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(folder) / "texts", error)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> sentences;
  for (const auto& path : files) {
    std::ifstream file(path);
    for (std::string line; sentences.size() < kMostSentences && std::getline(file, line);) {
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (!line.empty() && line.size() <= kLongestSentence) sentences.push_back(std::move(line));
    }
  }
  return sentences;
}

// The pictures that are learned from, behind them those that are held out, then frames of clips.
class Pictures final : public TrainingPictures {
 public:
  // held_out, clips: nullptr where there are none.
  Pictures(const PictureList& learned, const PictureList* held_out, const dataset::ClipSet* clips)
      : learned_(learned),
        held_out_(held_out),
        clips_(clips),
        first_clip_(learned.size() + (held_out != nullptr ? held_out->size() : 0)) {}

  size_t first_clip_frame() const { return first_clip_; }
  size_t size() const override { return first_clip_ + (clips_ != nullptr ? clips_->size() : 0); }
  std::string key(size_t i) const override {
    if (i >= first_clip_) return clips_->key(i - first_clip_);
    return i < learned_.size() ? learned_.key(i) : held_out_->key(i - learned_.size());
  }
  RgbPicture load(size_t i) const override {
    Image image = load_image(i);
    return {image.width_px, image.height_px, std::move(image.rgb)};
  }

 private:
  Image load_image(size_t i) const {
    if (i >= first_clip_) return clips_->load(i - first_clip_);
    return i < learned_.size() ? learned_.load(i) : held_out_->load(i - learned_.size());
  }

  const PictureList& learned_;
  const PictureList* held_out_;
  const dataset::ClipSet* clips_;
  const size_t first_clip_;
};

// Makes examples of one list of pictures.
class ExampleMaker {
 public:
  ExampleMaker(const PictureList& pictures, const dataset::WindowOptions& window,
               size_t first_number)
      : pictures_(pictures),
        window_(window),
        vocabulary_(pictures.pictures(), sampled_views(pictures)),
        of_windows_(pictures.pictures(), sampled_windows(pictures, window_)),
        first_number_(first_number) {}

  // Nothing: the pictures that were drawn tell too little.
  std::optional<TrainingExample> picture(Random& random) const {
    const size_t number = pictures_.any(random);
    return example(
        {{first_number_ + number, std::nullopt, 0}},
        dataset::picture_questions(pictures_.view(number), vocabulary_, kMostTurns, "", random));
  }
  std::optional<TrainingExample> window(Random& random) const {
    const dataset::MadeWindow made = dataset::make_window(pictures_, window_, random);
    std::vector<TrainingFrame> frames;
    for (const auto& frame : made.frames) {
      frames.push_back(
          {first_number_ + frame.picture, static_cast<double>(frame.second), frame.scale});
    }
    return example(std::move(frames), dataset::window_questions(made.watched, vocabulary_,
                                                                of_windows_, kMostTurns, random));
  }
  std::optional<TrainingExample> clip(const dataset::ClipSet& clips, size_t first_frame,
                                      Random& random) const {
    dataset::ClipSet::Window window = clips.window(window_, kMostTurns, random);
    std::vector<TrainingFrame> frames;
    for (const auto& frame : window.frames) {
      frames.push_back(
          {first_frame + frame.picture, static_cast<double>(frame.second), frame.scale});
    }
    return example(std::move(frames), std::move(window.questions));
  }

 private:
  static std::vector<dataset::View> sampled_views(const PictureList& pictures) {
    std::vector<dataset::View> views;
    Random random(pictures.size());
    for (size_t i = 0; i < kSampledViews; ++i) views.push_back(pictures.view(pictures.any(random)));
    return views;
  }
  static std::vector<dataset::View> sampled_windows(const PictureList& pictures,
                                                    const dataset::WindowOptions& options) {
    std::vector<dataset::View> views;
    Random random(pictures.size());
    for (size_t i = 0; i < kSampledWindows; ++i) {
      const dataset::MadeWindow made = dataset::make_window(pictures, options, random);
      std::vector<const dataset::View*> shown = made.watched.gone;
      for (const dataset::Moment& moment : made.watched.moments) shown.push_back(moment.view);
      views.push_back(dataset::joined(shown));
    }
    return views;
  }
  static std::optional<TrainingExample> example(std::vector<TrainingFrame> frames,
                                                std::vector<QuestionAnswer> questions) {
    if (questions.empty()) return std::nullopt;
    TrainingExample made;
    made.frames = std::move(frames);
    for (QuestionAnswer& question : questions) {
      made.turns.push_back(
          {std::move(question.question), std::move(question.answer), std::move(question.kind)});
    }
    return made;
  }

  const PictureList& pictures_;
  const dataset::WindowOptions window_;
  const dataset::Vocabulary vocabulary_;  // balanced for single pictures
  const dataset::Vocabulary of_windows_;  // and for windows
  const size_t first_number_;
};

class FolderExamples final : public ExampleSource {
 public:
  FolderExamples(const std::string& folder, uint64_t seed, const dataset::WindowOptions& windows,
                 const Split& split)
      : seed_(seed),
        learned_(folder, split.learned, list_options(split.learned.size(), seed)),
        held_out_(held_out_list(folder, split.held_out)),
        clips_(clips_of(folder)),
        pictures_(learned_, held_out_.get(), clips_.get()),
        maker_(learned_, windows, 0),
        sentences_(read_sentences(folder)) {
    Random random(seed, 0);
    bool any = false;
    for (int tries = 0; tries < kTries && !any; ++tries) any = maker_.picture(random).has_value();
    if (!any)
      throw Error(ErrorCode::kNotFound, folder + ": nothing can be asked about its annotations");
    if (held_out_) make_held_out(windows);
  }

  const TrainingPictures& pictures() const override { return pictures_; }

  TrainingExample example(uint64_t n) const override {
    Random random(seed_, n);
    for (;;) {
      const double drawn = random.unit();
      std::optional<TrainingExample> made;
      if (drawn < kTexts) {
        const QuestionAnswer text = dataset::text_question(sentences_, random);
        made = TrainingExample{{}, {{text.question, text.answer, text.kind}}};
      } else if (clips_ && drawn < kTexts + kClips * kWindows) {
        made = maker_.clip(*clips_, pictures_.first_clip_frame(), random);
      } else {
        made = drawn < kTexts + kWindows ? maker_.window(random) : maker_.picture(random);
      }
      if (made) return *std::move(made);
    }
  }

  std::vector<TrainingExample> held_out() const override { return held_out_examples_; }

  std::string gist(size_t picture) const override {
    const bool is_original = picture < learned_.pictures().size();
    return is_original ? dataset::gist_of(learned_.view(picture)) : std::string();
  }

 private:
  static dataset::ListOptions list_options(size_t pictures, uint64_t seed) {
    dataset::ListOptions options;
    options.seed = seed;
    options.made = std::min(kMostMade, kMadeForEachReal * pictures);
    return options;
  }
  static std::unique_ptr<PictureList> held_out_list(
      const std::string& folder, std::vector<dataset::AnnotatedPicture> pictures) {
    if (pictures.empty()) return nullptr;
    dataset::ListOptions options;
    options.seed = kHeldOutSeed;
    options.mirrored = false;
    options.made = pictures.size() / 2;
    return std::make_unique<PictureList>(folder, std::move(pictures), options);
  }
  // FOLDER/clips, where it is.
  static std::unique_ptr<dataset::ClipSet> clips_of(const std::string& folder) {
    const std::filesystem::path clips = std::filesystem::path(folder) / "clips";
    std::error_code error;
    if (!std::filesystem::exists(clips / "questions.jsonl", error)) return nullptr;
    return std::make_unique<dataset::ClipSet>(clips.string());
  }
  void make_held_out(const dataset::WindowOptions& windows) {
    const ExampleMaker maker(*held_out_, windows, learned_.size());
    Random random(kHeldOutSeed);
    const auto add = [&](size_t wanted, auto make) {
      for (int tries = 0; wanted > 0 && tries < kTries; ++tries) {
        std::optional<TrainingExample> made = make();
        if (!made) continue;
        held_out_examples_.push_back(*std::move(made));
        --wanted;
      }
    };
    add(kHeldOutPictures, [&] { return maker.picture(random); });
    add(kHeldOutWindows, [&] { return maker.window(random); });
  }

  const uint64_t seed_;
  const PictureList learned_;
  const std::unique_ptr<const PictureList> held_out_;
  const std::unique_ptr<const dataset::ClipSet> clips_;
  const Pictures pictures_;
  const ExampleMaker maker_;
  const std::vector<std::string> sentences_;
  std::vector<TrainingExample> held_out_examples_;
};

}  // namespace

std::unique_ptr<ExampleSource> make_examples(const std::string& data_folder, uint64_t seed,
                                             const dataset::WindowOptions& windows) {
  return std::make_unique<FolderExamples>(data_folder, seed, windows, split_of(data_folder));
}

}  // namespace m3::train
