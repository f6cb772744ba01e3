#include "tools/dataset/wording.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "tools/dataset/noun.h"

namespace m3::dataset {
namespace {

constexpr size_t kSeveral = 5;      // from here on
constexpr size_t kMostInScene = 3;  // names

// "{}" in the form becomes `word`.
std::string filled(std::string_view form, const std::string& word) {
  std::string text(form);
  const size_t at = text.find("{}");
  return at == std::string::npos ? text : text.replace(at, 2, word);
}

template <size_t N>
std::string one_form(const std::array<std::string_view, N>& forms, const std::string& word,
                     Random& random) {
  return filled(random.one_of(forms), word);
}

bool is_many(const std::string& thing) {
  // "black pants", "car on the left": the noun stands at the end, or before "on the".
  return is_always_plural(thing.substr(0, thing.find(" on the ")));
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

}  // namespace

std::string verb_of(const std::string& label) { return is_many(label) ? "are" : "is"; }

std::string ask_presence(const std::string& thing, const std::string& when, Random& random) {
  static constexpr std::array<std::string_view, 6> kForms = {"there {}",      "there {} in view",
                                                             "Do you see {}", "Can you see {}",
                                                             "{} visible",    "{} in view"};
  const std::string named = with_article(thing);
  const std::string_view form = random.one_of(kForms);
  const bool is_question = form.front() == 'D' || form.front() == 'C';
  const std::string start = is_question ? "" : capital(verb_of(thing)) + " ";
  return start + filled(form, named) + (when.empty() ? "" : " " + when) + "?";
}

std::string ask_ever(const std::string& thing, Random& random) {
  static constexpr std::array<std::string_view, 4> kForms = {
      "Did you see {}?", "Did {} appear?", "Have you seen {}?", "Did {} come into view?"};
  const std::string named = with_article(thing);
  if (random.chance(0.3))
    return (is_many(thing) ? "Were there " : "Was there ") + named + " earlier?";
  return one_form(kForms, named, random);
}

std::string ask_object(Random& random) {
  static constexpr std::array<std::string_view, 5> kForms = {
      "What is this?", "What object is shown?", "What is in the picture?", "What do you see?",
      "What is in view?"};
  return std::string(random.one_of(kForms));
}

std::string ask_count(const std::string& label, const std::string& when, Random& random) {
  static constexpr std::array<std::string_view, 4> kForms = {
      "How many {} are there", "How many {} do you see", "How many {} are visible",
      "How many {} are in view"};
  return one_form(kForms, plural_of(label), random) + (when.empty() ? "" : " " + when) + "?";
}

std::string ask_colour(const std::string& thing, Random& random) {
  const std::string verb = verb_of(thing);
  const std::string colour = random.chance(0.7) ? "colour" : "color";
  if (random.chance(0.15)) return "Which " + colour + " " + verb + " the " + thing + "?";
  const bool placed = thing.find(" on the ") != std::string::npos;
  const std::string in_view = !placed && random.chance(0.15) ? " in view" : "";
  return "What " + colour + " " + verb + " the " + thing + in_view + "?";
}

std::string ask_where(const std::string& label, Random& random) {
  const std::string verb = verb_of(label);
  if (random.chance(0.5)) return "Where " + verb + " the " + label + "?";
  return (random.chance(0.7) ? "On which side " : "In which part of the picture ") + verb +
         " the " + label + "?";
}

std::string ask_scene(Random& random) {
  static constexpr std::array<std::string_view, 5> kForms = {
      "What is in the scene?", "What is visible?", "What do you see?", "List what is visible.",
      "What is in view?"};
  return std::string(random.one_of(kForms));
}

std::string ask_caption(Random& random) {
  static constexpr std::array<std::string_view, 4> kForms = {
      "Describe the picture.", "What is going on?", "Describe what you see.",
      "Describe the scene in one sentence."};
  return std::string(random.one_of(kForms));
}

std::string ask_at(int second, Random& random) {
  static constexpr std::array<std::string_view, 4> kForms = {
      "What was there at {} seconds?", "What was in view at {} seconds?",
      "What did you see at second {}?", "What was visible at {} seconds?"};
  return one_form(kForms, std::to_string(second), random);
}

std::string ask_when(const std::string& label, Random& random) {
  static constexpr std::array<std::string_view, 4> kForms = {
      "When did the {} appear?", "At which second did the {} come into view?",
      "At about which second did the {} come into view?", "When did the {} come into view?"};
  if (random.chance(0.25)) {
    return (is_many(label) ? "When were there " : "When was there ") + with_article(label) + "?";
  }
  return one_form(kForms, label, random);
}

std::string ask_change(Random& random) {
  static constexpr std::array<std::string_view, 4> kForms = {
      "What just changed?", "What is new?", "What changed?", "What just happened?"};
  return std::string(random.one_of(kForms));
}

std::string answer_yes_no(bool yes) { return yes ? "yes" : "no"; }

std::string answer_count(size_t count) { return count > kMostCounted ? "many" : count_word(count); }

std::string side_word(Side side) {
  return side == Side::kLeft ? "left" : side == Side::kRight ? "right" : "middle";
}

std::string answer_where(Side side) {
  return (side == Side::kMiddle ? "in the " : "on the ") + side_word(side);
}

std::string answer_when(int second) { return "at " + std::to_string(second) + " seconds"; }

std::string came_into_view(const std::string& label) {
  return with_article(label) + " came into view";
}

std::string left_the_view(const std::string& label) { return "the " + label + " left"; }

std::optional<std::string> scene_of(const View& view) {
  if (view.things.empty() || !view.all_counted()) return std::nullopt;
  std::vector<std::pair<std::string, size_t>> counts;
  for (const Thing& thing : view.things) {
    const auto found = std::find_if(counts.begin(), counts.end(),
                                    [&](const auto& entry) { return entry.first == thing.label; });
    if (found == counts.end()) {
      counts.emplace_back(thing.label, 1);
    } else {
      ++found->second;
    }
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  counts.resize(std::min(counts.size(), kMostInScene));
  std::string text;
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto& [label, count] = counts[i];
    if (i > 0) text += counts.size() == 2 ? " and " : ", ";
    if (count > 1) {
      text += (count >= kSeveral ? "several" : count_word(count)) + " " + plural_of(label);
    } else {
      text += is_always_plural(label) ? label : "one " + label;
    }
  }
  return text;
}

}  // namespace m3::dataset
