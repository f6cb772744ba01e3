#include "tools/m3_eval/question_maker.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tools/dataset/picture_questions.h"
#include "tools/dataset/random.h"
#include "tools/dataset/vocabulary.h"
#include "tools/dataset/wording.h"

namespace m3::eval {
namespace {

using dataset::AnnotatedPicture;
using dataset::QuestionAnswer;
using dataset::Random;
using dataset::View;

struct ShownPicture {
  const std::string* file;
  View view;
};

class Maker {
 public:
  Maker(const std::vector<AnnotatedPicture>& pictures, uint64_t seed)
      : random_(seed),
        pictures_(views_of(pictures)),
        vocabulary_(pictures, samples_of(pictures_)) {}

  std::vector<SetQuestion> make() {
    ask_presence();
    static constexpr std::array<dataset::PictureQuestion, 5> kKinds = {
        dataset::object_question, dataset::count_question, dataset::colour_question,
        dataset::where_question, dataset::scene_question};
    for (const ShownPicture& picture : pictures_) {
      for (const auto ask : kKinds) {
        if (auto question = ask(picture.view, vocabulary_, "", random_))
          add(picture, *std::move(question));
      }
    }
    return balanced();
  }

 private:
  static std::vector<ShownPicture> views_of(const std::vector<AnnotatedPicture>& pictures) {
    std::vector<ShownPicture> shown;
    for (const AnnotatedPicture& picture : pictures)
      shown.push_back({&picture.file, dataset::view_of(picture)});
    return shown;
  }
  static std::vector<View> samples_of(const std::vector<ShownPicture>& pictures) {
    std::vector<View> views;
    for (const ShownPicture& picture : pictures) views.push_back(picture.view);
    return views;
  }

  void add(const ShownPicture& picture, QuestionAnswer question) {
    SetQuestion made;
    made.file = *picture.file;
    made.kind = std::move(question.kind);
    made.question = std::move(question.question);
    made.answer = std::move(question.answer);
    made.accept = std::move(question.accept);
    questions_.push_back(std::move(made));
  }
  void add_presence(const ShownPicture& picture, const std::string& name, bool yes) {
    add(picture,
        {"presence", dataset::ask_presence(name, "", random_), dataset::answer_yes_no(yes)});
  }

  // Every name that is asked for with a yes is asked for with a no in another picture.
  void ask_presence() {
    std::vector<std::pair<const ShownPicture*, std::string>> there;
    for (const ShownPicture& picture : pictures_) {
      if (const auto name = vocabulary_.affirmed(picture.view, random_))
        there.emplace_back(&picture, *name);
    }
    std::vector<const ShownPicture*> others;
    for (const auto& [picture, name] : there) others.push_back(picture);
    random_.shuffle(others);
    for (const auto& [picture, name] : there) {
      const auto other = std::find_if(others.begin(), others.end(),
                                      [&, &asked = name](const ShownPicture* candidate) {
                                        return vocabulary_.may_deny(asked, candidate->view);
                                      });
      if (other == others.end()) continue;  // neither of the two, or yes would be the better guess
      add_presence(*picture, name, true);
      add_presence(**other, name, false);
      others.erase(other);
    }
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
      random_.shuffle(most->second);
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
  const std::vector<ShownPicture> pictures_;
  const dataset::Vocabulary vocabulary_;
  std::vector<SetQuestion> questions_;
};

}  // namespace

std::vector<SetQuestion> make_questions(const std::vector<AnnotatedPicture>& pictures,
                                        uint64_t seed) {
  return Maker(pictures, seed).make();
}

std::vector<SetQuestion> some_of(std::vector<SetQuestion> questions, size_t most, uint64_t seed) {
  if (most == 0 || questions.size() <= most) return questions;
  std::map<std::string, std::vector<SetQuestion>> by_picture;
  for (SetQuestion& question : questions) by_picture[question.file].push_back(std::move(question));
  std::vector<std::string> files;
  for (const auto& [file, asked] : by_picture) files.push_back(file);
  Random random(seed);
  random.shuffle(files);
  std::vector<SetQuestion> chosen;
  for (const std::string& file : files) {
    for (SetQuestion& question : by_picture[file]) {
      if (chosen.size() < most) chosen.push_back(std::move(question));
    }
  }
  return chosen;
}

}  // namespace m3::eval
