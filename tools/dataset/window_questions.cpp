#include "tools/dataset/window_questions.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "tools/dataset/noun.h"
#include "tools/dataset/picture_questions.h"

namespace m3::dataset {
namespace {

using Question = std::optional<QuestionAnswer>;

// What all the question makers need of a window.
class Window {
 public:
  Window(const Watched& watched, const Vocabulary& vocabulary, const Vocabulary& of_windows,
         Random& random)
      : watched_(watched), vocabulary_(vocabulary), of_windows_(of_windows), random_(random) {
    for (const Moment& moment : watched.moments) all_.push_back(moment.view);
    all_.insert(all_.end(), watched.gone.begin(), watched.gone.end());
  }

  Question now();
  Question still();
  Question ever();
  Question at();
  Question when();
  Question first();
  Question next();
  Question which_first();
  Question change();
  Question entries();
  Question movement();

 private:
  // A stretch of moments in which a name is there; what came before is known not to have it.
  struct Stretch {
    size_t begin = 0;
    size_t end = 0;  // the moment after
  };

  const Moment& last() const { return watched_.moments.back(); }
  size_t size() const { return watched_.moments.size(); }
  const View& view(size_t moment) const { return *watched_.moments[moment].view; }
  std::set<std::string> names() const;
  // Nothing: at some moment nobody knows whether it is there.
  std::optional<std::vector<Stretch>> stretches(const std::string& name) const;
  // What a moment is called: its class, or the only name that it shows.
  std::optional<std::string> title(size_t moment) const;
  // A name that is there for sure and was not, or the other way round.
  std::vector<std::string> in_but_not_in(const View& there, const View& missing) const;

  const Watched& watched_;
  const Vocabulary& vocabulary_;
  const Vocabulary& of_windows_;
  Random& random_;
  std::vector<const View*> all_;
};

std::set<std::string> Window::names() const {
  std::set<std::string> names;
  for (const Moment& moment : watched_.moments) names.merge(moment.view->names());
  return names;
}

std::optional<std::vector<Window::Stretch>> Window::stretches(const std::string& name) const {
  std::vector<Stretch> found;
  for (const View* gone : watched_.gone) {
    if (!vocabulary_.may_deny(name, *gone)) return std::nullopt;
  }
  for (size_t i = 0; i < size(); ++i) {
    if (!view(i).has(name)) {
      if (!vocabulary_.may_deny(name, view(i))) return std::nullopt;
      continue;
    }
    if (found.empty() || found.back().end != i) found.push_back({i, i});
    found.back().end = i + 1;
  }
  return found;
}

std::optional<std::string> Window::title(size_t moment) const {
  const View& shown = view(moment);
  if (!shown.label.empty()) return shown.label;
  const std::set<std::string> names = shown.names();
  if (names.size() != 1 || !shown.all_counted()) return std::nullopt;
  return *names.begin();
}

std::vector<std::string> Window::in_but_not_in(const View& there, const View& missing) const {
  std::vector<std::string> found;
  for (const std::string& name : there.names()) {
    if (!missing.has(name) && vocabulary_.may_deny(name, missing)) found.push_back(name);
  }
  return found;
}

Question Window::now() {
  if (!vocabulary_.affirms(*last().view)) return std::nullopt;
  // What was there before is the harder question.
  std::vector<std::string> earlier;
  for (const std::string& seen : names()) {
    if (vocabulary_.may_deny(seen, *last().view)) earlier.push_back(seen);
  }
  const bool harder = !earlier.empty() && random_.chance(0.25);
  const auto missing =
      harder ? std::optional(random_.one_of(earlier)) : vocabulary_.denied({last().view}, random_);
  const bool yes = !random_.chance(vocabulary_.share_of_no());
  const auto name = yes ? vocabulary_.affirmed(*last().view, random_) : missing;
  if (!name) return std::nullopt;
  return QuestionAnswer{"now", ask_presence(*name, "now", random_), answer_yes_no(yes), {}, *name};
}

// What stayed and what left since the last frame, where there are both.
Question Window::still() {
  if (size() < 2) return std::nullopt;
  const View& before = view(size() - 2);
  std::vector<std::string> stayed;
  for (const std::string& name : before.names()) {
    if (last().view->has(name)) stayed.push_back(name);
  }
  const std::vector<std::string> left = in_but_not_in(before, *last().view);
  if (stayed.empty() || left.empty()) return std::nullopt;
  const bool yes = random_.chance(0.5);
  const std::string& name = random_.one_of(yes ? stayed : left);
  const std::string verb = is_always_plural(name) ? "Are the " : "Is the ";
  return QuestionAnswer{"now", verb + name + " still in view?", answer_yes_no(yes), {}, name};
}

Question Window::ever() {
  std::vector<const View*> shown;
  for (const Moment& moment : watched_.moments) shown.push_back(moment.view);
  const View all = joined(shown);
  if (!of_windows_.affirms(all)) return std::nullopt;
  const bool yes = !random_.chance(of_windows_.share_of_no());
  const auto name = yes ? of_windows_.affirmed(all, random_) : of_windows_.denied(all_, random_);
  if (!name) return std::nullopt;
  return QuestionAnswer{"ever", ask_ever(*name, random_), answer_yes_no(yes), {}, *name};
}

Question Window::at() {
  const size_t i = random_.below(size());
  const auto shown = title(i);
  const auto scene = scene_of(view(i));
  if (!shown && !scene) return std::nullopt;
  int second = watched_.moments[i].second;
  // A picture stands until the next one comes.
  if (i + 1 < size() && random_.chance(0.3))
    second = random_.between(second, std::max(second, watched_.moments[i + 1].second - 1));
  const std::string answer = shown ? with_article(*shown) : *scene;
  return QuestionAnswer{"at", ask_at(second, random_), answer,
                        shown ? std::vector<std::string>{*shown} : std::vector<std::string>{}};
}

Question Window::when() {
  std::vector<std::pair<std::string, int>> known;
  for (const std::string& name : names()) {
    const auto found = stretches(name);
    if (!found || found->size() != 1) continue;
    known.emplace_back(name, watched_.moments[found->front().begin].second);
  }
  if (known.empty()) return std::nullopt;
  const auto& [name, second] = random_.one_of(known);
  return QuestionAnswer{"when", ask_when(name, random_), answer_when(second), {}, name};
}

Question Window::first() {
  const auto shown = title(0);
  if (!shown || size() < 2 || !watched_.gone.empty()) return std::nullopt;
  static constexpr std::array<const char*, 3> kForms = {
      "What came first?", "What did you see first?", "What was there at the start?"};
  return QuestionAnswer{"order", random_.one_of(kForms), with_article(*shown), {*shown}};
}

Question Window::next() {
  if (size() < 2) return std::nullopt;
  const size_t i = random_.below(size() - 1);
  const auto before = title(i);
  const auto after = title(i + 1);
  if (!before || !after || *before == *after) return std::nullopt;
  const auto found = stretches(*before);
  if (!found || found->size() != 1 || found->front().end != i + 1) return std::nullopt;
  return QuestionAnswer{
      "order", "What came after the " + *before + "?", with_article(*after), {*after}};
}

Question Window::which_first() {
  std::vector<std::pair<std::string, size_t>> known;
  for (const std::string& name : names()) {
    const auto found = stretches(name);
    if (found && !found->empty()) known.emplace_back(name, found->front().begin);
  }
  random_.shuffle(known);
  if (known.size() < 2 || known[0].second == known[1].second) return std::nullopt;
  const auto& [a, a_at] = known[0];
  const auto& [b, b_at] = known[1];
  static constexpr std::array<const char*, 3> kForms = {
      "Which came first, the ", "What came first, the ", "Which comes into view first, the "};
  const std::string& earlier = a_at < b_at ? a : b;
  return QuestionAnswer{
      "order", random_.one_of(kForms) + a + " or the " + b + "?", "the " + earlier, {earlier}};
}

Question Window::change() {
  if (size() < 2) return std::nullopt;
  const View& before = view(size() - 2);
  const View& now = view(size() - 1);
  const std::string question = ask_change(random_);
  if (last().picture == watched_.moments[size() - 2].picture) {
    return random_.chance(0.3) ? Question({"change", question, "nothing"}) : std::nullopt;
  }
  const std::vector<std::string> came = in_but_not_in(now, before);
  const std::vector<std::string> went = in_but_not_in(before, now);
  if (came.size() == 1 && (!watched_.one_camera || went.empty())) {
    return QuestionAnswer{"change", question, came_into_view(came[0]), {came[0]}};
  }
  if (watched_.one_camera && came.empty() && went.size() == 1)
    return QuestionAnswer{"change", question, left_the_view(went[0]), {went[0] + " left"}};
  return std::nullopt;
}

// How often a name came into view.
Question Window::entries() {
  std::vector<std::pair<std::string, size_t>> known;
  for (const std::string& name : names()) {
    const auto found = stretches(name);
    if (!found || is_always_plural(name)) continue;
    const bool alone = std::all_of(all_.begin(), all_.end(),
                                   [&](const View* shown) { return shown->of(name).size() < 2; });
    if (alone) known.emplace_back(name, found->size());
  }
  if (known.empty()) return std::nullopt;
  const auto& [name, count] = random_.one_of(known);
  if (count == 1 && random_.chance(0.5)) return std::nullopt;
  const std::string often = count == 1   ? "once"
                            : count == 2 ? "twice"
                                         : count_word(count) + " times";
  return QuestionAnswer{"count",
                        "How many times did " + with_article(name) + " appear?",
                        answer_count(count),
                        {often, count_word(count) + " times"}};
}

// What one thing did since the last frame.
Question Window::movement() {
  if (size() < 2 || !watched_.one_camera) return std::nullopt;
  const View& before = view(size() - 2);
  const View& now = view(size() - 1);
  for (const Thing& thing : now.things) {
    const Thing* was = before.only(thing.label);
    if (was == nullptr || now.only(thing.label) != &thing || !was->placed || !thing.placed)
      continue;
    constexpr double kMoved = 0.12;  // of the picture
    const double dx = thing.box.middle_x() - was->box.middle_x();
    const double dy = thing.box.middle_y() - was->box.middle_y();
    const bool sideways = std::abs(dx) > kMoved;
    const bool upright = std::abs(dy) > kMoved;
    if (!sideways && !upright) continue;
    if (sideways && (!upright || random_.chance(0.5))) {
      const std::string way = dx > 0 ? "right" : "left";
      return QuestionAnswer{
          "action", "Did the " + thing.label + " move left or right?", way, {"to the " + way}};
    }
    return QuestionAnswer{"action", "Did the " + thing.label + " move up or down in the picture?",
                          dy > 0 ? "down" : "up"};
  }
  return std::nullopt;
}

}  // namespace

std::vector<QuestionAnswer> window_questions(const Watched& watched, const Vocabulary& vocabulary,
                                             const Vocabulary& of_windows, size_t most,
                                             Random& random) {
  using Maker = Question (Window::*)();
  static constexpr std::array<Maker, 15> kMakers = {
      &Window::still,       &Window::now,    &Window::now,    &Window::ever,    &Window::ever,
      &Window::at,          &Window::when,   &Window::when,   &Window::first,   &Window::next,
      &Window::which_first, &Window::change, &Window::change, &Window::entries, &Window::movement};
  std::vector<Maker> order(kMakers.begin(), kMakers.end());
  random.shuffle(order);
  // A few are tried, whatever comes of it: to try on until there are enough would ask more often
  // where little can be denied, and so affirm more often than deny.
  order.resize(std::min(order.size(), 3 * most / 2));
  // About the newest picture, too.
  std::vector<QuestionAnswer> made =
      picture_questions(*watched.moments.back().view, vocabulary, most / 3, "now", random);
  Window window(watched, vocabulary, of_windows, random);
  for (const Maker maker : order) {
    if (made.size() >= most) break;
    Question question = (window.*maker)();
    if (!question) continue;
    const bool known = std::any_of(made.begin(), made.end(), [&](const QuestionAnswer& other) {
      return other.question == question->question ||
             (other.kind == question->kind && !question->about.empty() &&
              other.about == question->about);
    });
    if (!known) made.push_back(*std::move(question));
  }
  return made;
}

}  // namespace m3::dataset
