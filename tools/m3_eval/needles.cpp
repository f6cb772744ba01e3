#include "tools/m3_eval/needles.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "core/error.h"
#include "tools/dataset/noun.h"

namespace m3::eval {
namespace {

SetQuestion asked(const std::string& kind, const std::string& text, const std::string& answer) {
  SetQuestion question;
  question.kind = kind;
  question.question = text;
  question.answer = answer;
  return question;
}

class Hider {
 public:
  Hider(const std::vector<dataset::AnnotatedPicture>& pictures, uint64_t seed) : random_(seed) {
    for (const dataset::AnnotatedPicture& picture : pictures) {
      if (picture.label.empty() || picture.complete == false) continue;
      labelled_.push_back(&picture);
      by_label_[picture.label].push_back(&picture);
    }
    for (const auto& [label, of_label] : by_label_) labels_.push_back(label);
    if (labels_.size() < 4) {
      throw Error(ErrorCode::kNotFound,
                  "the annotations name fewer than four different pictures: nothing can be hidden "
                  "among others");
    }
    std::shuffle(labels_.begin(), labels_.end(), random_);
  }

  std::vector<Haystack> hide(size_t count, int second, size_t scenes) {
    // Half of the labels at least stay for the other video.
    const size_t together = std::clamp<size_t>(labels_.size() / 2 - 1, 1, kNeedlesAHaystack);
    std::vector<Haystack> haystacks;
    for (size_t first = 0; first < count; first += together) {
      const size_t end = std::min(count, first + together);
      Haystack& haystack = haystacks.emplace_back();
      std::set<std::string> names;
      for (size_t i = first; i < end; ++i) {
        haystack.needles.push_back(needle(label(i), label(i + 1), second));
        names.insert({label(i), label(i + 1)});
      }
      haystack.video = video(names, scenes);
    }
    return haystacks;
  }

 private:
  const std::string& label(size_t number) const { return labels_[number % labels_.size()]; }

  Needle needle(const std::string& label, const std::string& decoy, int second) {
    const std::string name = dataset::with_article(dataset::spoken_name(label));
    const std::string absent = dataset::with_article(dataset::spoken_name(decoy));
    const auto& of_label = by_label_[label];
    // One that does not show what is asked for in vain, where there is one.
    std::vector<const dataset::AnnotatedPicture*> fit;
    for (const dataset::AnnotatedPicture* picture : of_label) {
      if (!picture->names().contains(decoy)) fit.push_back(picture);
    }
    if (fit.empty()) fit = of_label;
    Needle needle;
    needle.picture = fit[random_() % fit.size()];
    needle.questions = {
        asked("ever", "Did you see " + name + "?", "yes"),
        asked("ever", "Did you see " + absent + "?", "no"),
        asked("at", "What was in view at " + std::to_string(second) + " seconds?", name)};
    return needle;
  }

  std::vector<const dataset::AnnotatedPicture*> video(const std::set<std::string>& without,
                                                      size_t scenes) {
    std::vector<const dataset::AnnotatedPicture*> others;
    for (const dataset::AnnotatedPicture* picture : labelled_) {
      const std::set<std::string> names = picture->names();
      const bool shows = std::any_of(names.begin(), names.end(),
                                     [&](const auto& name) { return without.contains(name); });
      if (!shows) others.push_back(picture);
    }
    if (others.empty()) {
      throw Error(ErrorCode::kNotFound,
                  "every picture shows " + *without.begin() + " or what is asked for beside it");
    }
    std::vector<const dataset::AnnotatedPicture*> video;
    for (size_t scene = 0; scene < scenes; ++scene)
      video.push_back(others[random_() % others.size()]);
    return video;
  }

  std::mt19937_64 random_;
  std::vector<const dataset::AnnotatedPicture*> labelled_;
  std::map<std::string, std::vector<const dataset::AnnotatedPicture*>> by_label_;
  std::vector<std::string> labels_;
};

}  // namespace

std::vector<Haystack> hide_needles(const std::vector<dataset::AnnotatedPicture>& pictures,
                                   size_t count, int second, size_t scenes, uint64_t seed) {
  return Hider(pictures, seed).hide(count, second, scenes);
}

}  // namespace m3::eval
