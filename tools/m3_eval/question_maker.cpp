#include "tools/m3_eval/question_maker.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "tools/m3_eval/noun.h"

namespace m3::eval {
namespace {

constexpr size_t kMostCounted = 6;  // beyond, labels are seldom complete

using Random = std::mt19937_64;

// The same in every run and with every library, unlike std::shuffle and std::sample.
template <typename Value>
void shuffle(std::vector<Value>& values, Random& random) {
  for (size_t left = values.size(); left > 1; --left)
    std::swap(values[left - 1], values[random() % left]);
}

const std::string& one_of(const std::vector<std::string>& values, Random& random) {
  return values[random() % values.size()];
}

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  std::vector<SetQuestion> make(const std::vector<AnnotatedPicture>& pictures) {
    for (const AnnotatedPicture& picture : pictures) {
      const std::set<std::string> names = picture.names();
      names_of_source_[picture.source].insert(names.begin(), names.end());
    }
    ask_presence(pictures);
    for (const AnnotatedPicture& picture : pictures) {
      ask_object(picture);
      ask_about_one(picture);
      ask_count(picture);
    }
    return balanced();
  }

 private:
  void add(const AnnotatedPicture& picture, const char* kind, std::string question,
           std::string answer, std::vector<std::string> accept = {}) {
    SetQuestion made;
    made.file = picture.file;
    made.kind = kind;
    made.question = std::move(question);
    made.answer = std::move(answer);
    made.accept = std::move(accept);
    questions_.push_back(std::move(made));
  }

  std::string presence(const std::string& name) {
    static const std::vector<std::string> starts = {"Is there ", "Do you see ", "Can you see "};
    const std::string& start = one_of(starts, random_);
    const bool many = is_always_plural(name) && start == "Is there ";
    return (many ? "Are there " : start) + with_article(name) + "?";
  }

  bool may_deny(const AnnotatedPicture& picture, const std::string& name) const {
    return picture.complete && names_of_source_.at(picture.source).contains(name) &&
           !picture.names().contains(name);
  }

  // Every name that is asked for with a yes is asked for with a no in another picture.
  void ask_presence(const std::vector<AnnotatedPicture>& pictures) {
    std::vector<std::pair<const AnnotatedPicture*, std::string>> there;
    for (const AnnotatedPicture& picture : pictures) {
      const std::set<std::string> names = picture.names();
      if (names.empty()) continue;
      there.emplace_back(&picture, one_of({names.begin(), names.end()}, random_));
    }
    std::vector<const AnnotatedPicture*> others;
    for (const auto& [picture, name] : there) others.push_back(picture);
    shuffle(others, random_);
    for (const auto& [picture, name] : there) {
      const auto other =
          std::find_if(others.begin(), others.end(),
                       [&, &asked = name](auto* candidate) { return may_deny(*candidate, asked); });
      if (other == others.end()) continue;  // neither of the two, or yes would be the better guess
      add(*picture, "presence", presence(name), "yes");
      add(**other, "presence", presence(name), "no");
      others.erase(other);
    }
  }

  void ask_object(const AnnotatedPicture& picture) {
    static const std::vector<std::string> texts = {"What is this?", "What object is shown?",
                                                   "What is in the picture?"};
    if (!picture.label.empty())
      add(picture, "object", one_of(texts, random_), with_article(picture.label));
  }

  // Colour and place, of something that is there once.
  void ask_about_one(const AnnotatedPicture& picture) {
    std::map<std::string, std::vector<const AnnotatedObject*>> by_label;
    for (const AnnotatedObject& object : picture.objects) by_label[object.label].push_back(&object);
    std::vector<const AnnotatedObject*> coloured;
    std::vector<const AnnotatedObject*> placed;
    for (const auto& [label, objects] : by_label) {
      if (objects.size() != 1 || picture.crowd.contains(label)) continue;
      if (!objects.front()->colour.empty()) coloured.push_back(objects.front());
      if (objects.front()->side) placed.push_back(objects.front());
    }
    if (!coloured.empty()) {
      const AnnotatedObject& object = *coloured[random_() % coloured.size()];
      const std::string verb = is_always_plural(object.label) ? "are" : "is";
      add(picture, "colour", "What colour " + verb + " the " + object.label + "?", object.colour);
    }
    if (!placed.empty()) {
      const AnnotatedObject& object = *placed[random_() % placed.size()];
      static const std::map<Side, std::string> words = {
          {Side::kLeft, "left"}, {Side::kMiddle, "middle"}, {Side::kRight, "right"}};
      const std::string& word = words.at(*object.side);
      add(picture, "where", "On which side is the " + object.label + "?",
          (object.side == Side::kMiddle ? "in the " : "on the ") + word, {word});
    }
  }

  void ask_count(const AnnotatedPicture& picture) {
    if (!picture.complete) return;
    std::map<std::string, size_t> counts;
    for (const AnnotatedObject& object : picture.objects) ++counts[object.label];
    std::vector<std::string> countable;
    for (const auto& [label, count] : counts) {
      if (count <= kMostCounted && !picture.crowd.contains(label) && !is_always_plural(label))
        countable.push_back(label);
    }
    if (countable.empty()) return;
    const std::string& label = one_of(countable, random_);
    static const std::vector<std::string> ends = {" are there?", " do you see?", " are visible?"};
    add(picture, "count", "How many " + plural_of(label) + one_of(ends, random_),
        count_word(counts.at(label)));
  }

  // Leaves out, at random, what the most frequent answer of a kind has more than all others.
  std::vector<SetQuestion> balanced() {
    std::map<std::string, std::map<std::string, std::vector<size_t>>> by_answer;  // of each kind
    for (size_t i = 0; i < questions_.size(); ++i)
      by_answer[questions_[i].kind][questions_[i].answer].push_back(i);
    std::set<size_t> left_out;
    for (auto& [kind, answers] : by_answer) {
      auto most = answers.begin();
      size_t all = 0;
      for (auto answer = answers.begin(); answer != answers.end(); ++answer) {
        all += answer->second.size();
        if (answer->second.size() > most->second.size()) most = answer;
      }
      const size_t others = all - most->second.size();
      shuffle(most->second, random_);
      while (others > 0 && most->second.size() > others) {
        left_out.insert(most->second.back());
        most->second.pop_back();
      }
    }
    std::vector<SetQuestion> kept;
    for (size_t i = 0; i < questions_.size(); ++i) {
      if (!left_out.contains(i)) kept.push_back(std::move(questions_[i]));
    }
    return kept;
  }

  Random random_;
  std::map<std::string, std::set<std::string>> names_of_source_;
  std::vector<SetQuestion> questions_;
};

}  // namespace

std::vector<SetQuestion> make_questions(const std::vector<AnnotatedPicture>& pictures,
                                        uint64_t seed) {
  return Maker(seed).make(pictures);
}

std::vector<SetQuestion> some_of(std::vector<SetQuestion> questions, size_t most, uint64_t seed) {
  if (most == 0 || questions.size() <= most) return questions;
  std::map<std::string, std::vector<SetQuestion>> by_picture;
  for (SetQuestion& question : questions) by_picture[question.file].push_back(std::move(question));
  std::vector<std::string> files;
  for (const auto& [file, asked] : by_picture) files.push_back(file);
  Random random(seed);
  shuffle(files, random);
  std::vector<SetQuestion> chosen;
  for (const std::string& file : files) {
    for (SetQuestion& question : by_picture[file]) {
      if (chosen.size() < most) chosen.push_back(std::move(question));
    }
  }
  return chosen;
}

}  // namespace m3::eval
