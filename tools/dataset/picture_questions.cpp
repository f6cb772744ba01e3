#include "tools/dataset/picture_questions.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tools/dataset/noun.h"

namespace m3::dataset {
namespace {

// Colours that are not told apart for sure: none of them is denied of a thing of another.
bool are_alike(const std::string& a, const std::string& b) {
  static const std::vector<std::set<std::string>> kAlike = {
      {"gray", "grey", "silver", "white"},    {"gray", "grey", "silver", "black", "blue"},
      {"brown", "beige", "orange", "red"},    {"pink", "purple", "red"},
      {"yellow", "orange", "beige", "white"}, {"white", "beige"},
  };
  return a == b || std::any_of(kAlike.begin(), kAlike.end(), [&](const auto& colours) {
           return colours.contains(a) && colours.contains(b);
         });
}

// Things that have a colour and stand out: the only one of their name, or the only one of it on
// their side.
std::vector<std::pair<const Thing*, std::string>> coloured(const View& view) {
  std::vector<std::pair<const Thing*, std::string>> found;
  for (const Thing& thing : view.things) {
    if (thing.colour.empty()) continue;
    if (view.only(thing.label) == &thing) {
      found.emplace_back(&thing, thing.label);
      continue;
    }
    const auto side = side_of(thing);
    if (!side || *side == Side::kMiddle || view.unsure.contains(thing.label)) continue;
    const auto same = view.of(thing.label);
    // Another one whose side is not clear could be meant, too.
    const bool alone = std::all_of(same.begin(), same.end(), [&](const Thing* other) {
      const auto others_side = side_of(*other);
      return other == &thing || (others_side && *others_side != *side);
    });
    if (alone) found.emplace_back(&thing, thing.label + " on the " + side_word(*side));
  }
  return found;
}

// "red car": there, or another colour of what is there. Asked only where it could be denied, too.
std::optional<QuestionAnswer> coloured_presence(const View& view, const std::string& when,
                                                Random& random) {
  static constexpr std::array<const char*, 8> kColours = {"white", "black", "red",    "blue",
                                                          "green", "gray",  "yellow", "brown"};
  std::vector<std::string> labels;
  for (const std::string& name : view.names()) {
    const auto things = view.of(name);
    const bool known = std::all_of(things.begin(), things.end(),
                                   [](const Thing* thing) { return !thing->colour.empty(); });
    if (known && view.count(name) && !is_always_plural(name)) labels.push_back(name);
  }
  if (labels.empty()) return std::nullopt;
  const std::string& label = random.one_of(labels);
  const auto things = view.of(label);
  std::vector<std::string> there, missing;
  for (const char* colour : kColours) {
    const auto is = [&](const Thing* thing) { return thing->colour == colour; };
    const auto could_be = [&](const Thing* thing) { return are_alike(thing->colour, colour); };
    if (std::any_of(things.begin(), things.end(), is)) there.emplace_back(colour);
    if (std::none_of(things.begin(), things.end(), could_be)) missing.emplace_back(colour);
  }
  if (there.empty() || missing.empty()) return std::nullopt;
  const bool yes = random.chance(0.5);
  const std::string& colour = random.one_of(yes ? there : missing);
  return QuestionAnswer{"presence",
                        ask_presence(colour + " " + label, when, random),
                        answer_yes_no(yes),
                        {},
                        colour + " " + label};
}

}  // namespace

std::optional<QuestionAnswer> presence_question(const View& view, const Vocabulary& vocabulary,
                                                const std::string& when, Random& random) {
  if (random.chance(0.15)) return coloured_presence(view, when, random);
  if (!vocabulary.affirms(view)) return std::nullopt;
  const bool yes = !random.chance(vocabulary.share_of_no());
  const auto name = yes ? vocabulary.affirmed(view, random) : vocabulary.denied({&view}, random);
  if (!name) return std::nullopt;
  return QuestionAnswer{
      "presence", ask_presence(*name, when, random), answer_yes_no(yes), {}, *name};
}

std::optional<QuestionAnswer> object_question(const View& view, const Vocabulary&,
                                              const std::string& when, Random& random) {
  constexpr double kFills = 0.25;  // of the picture: then it is what the picture shows
  std::string name = view.label;
  if (name.empty() && view.things.size() == 1 && view.all_counted() &&
      view.things.front().box.area() > kFills && view.things.front().placed) {
    name = view.things.front().label;
  }
  if (name.empty()) return std::nullopt;
  std::string question = ask_object(random);
  if (!when.empty() && random.chance(0.5)) question.insert(question.size() - 1, " " + when);
  return QuestionAnswer{"object", std::move(question), with_article(name), {name}, name};
}

std::optional<QuestionAnswer> count_question(const View& view, const Vocabulary& vocabulary,
                                             const std::string& when, Random& random) {
  if (random.chance(0.12)) {
    if (const auto missing = vocabulary.denied({&view}, random))
      return QuestionAnswer{
          "count", ask_count(*missing, when, random), answer_count(0), {}, *missing};
  }
  std::vector<std::string> counted;
  for (const std::string& name : view.names()) {
    const auto things = view.of(name);
    const bool single =
        std::none_of(things.begin(), things.end(), [](const Thing* thing) { return thing->whole; });
    if (single && view.count(name) && !is_always_plural(name)) counted.push_back(name);
  }
  if (counted.empty()) return std::nullopt;
  // More than one is rarer, and harder.
  std::string name = random.one_of(counted);
  for (int tries = 0; tries < 3 && *view.count(name) == 1; ++tries) name = random.one_of(counted);
  return QuestionAnswer{
      "count", ask_count(name, when, random), answer_count(*view.count(name)), {}, name};
}

std::vector<std::pair<std::string, std::string>> known_colours(const View& view) {
  std::vector<std::pair<std::string, std::string>> known;
  for (const auto& [thing, named] : coloured(view)) known.emplace_back(named, thing->colour);
  if (const Thing* person = view.only("person")) {
    if (!person->top_colour.empty()) known.emplace_back("top of the person", person->top_colour);
    if (!person->trousers_colour.empty())
      known.emplace_back("trousers of the person", person->trousers_colour);
  }
  return known;
}

std::optional<QuestionAnswer> colour_question(const View& view, const Vocabulary&,
                                              const std::string&, Random& random) {
  const auto known = known_colours(view);
  if (known.empty()) return std::nullopt;
  const auto& [named, colour] = random.one_of(known);
  std::vector<std::string> accept;
  if (colour == "gray") accept.push_back("grey");
  if (named == "trousers of the person") {
    return QuestionAnswer{"colour", "What colour are the trousers of the person?", colour, accept,
                          named};
  }
  return QuestionAnswer{"colour", ask_colour(named, random), colour, accept, named};
}

std::optional<QuestionAnswer> where_question(const View& view, const Vocabulary&,
                                             const std::string& when, Random& random) {
  std::vector<std::pair<std::string, Side>> known;
  for (const Thing& thing : view.things) {
    const auto side = side_of(thing);
    if (side && view.only(thing.label) == &thing) known.emplace_back(thing.label, *side);
  }
  if (known.empty()) return std::nullopt;
  const auto& [name, side] = random.one_of(known);
  std::string question = ask_where(name, random);
  if (!when.empty() && random.chance(0.5)) question.insert(question.size() - 1, " " + when);
  return QuestionAnswer{"where", std::move(question), answer_where(side), {side_word(side)}, name};
}

std::optional<QuestionAnswer> scene_question(const View& view, const Vocabulary&,
                                             const std::string& when, Random& random) {
  if (!view.label.empty()) return std::nullopt;  // the same words ask what the picture shows
  auto scene = scene_of(view);
  if (!scene) return std::nullopt;
  std::string question = ask_scene(random);
  if (!when.empty() && random.chance(0.5)) question.insert(question.size() - 1, " " + when);
  return QuestionAnswer{"scene", std::move(question), *std::move(scene)};
}

std::optional<QuestionAnswer> caption_question(const View& view, const Vocabulary&,
                                               const std::string&, Random& random) {
  if (view.captions.empty()) return std::nullopt;
  return QuestionAnswer{"caption", ask_caption(random), random.one_of(view.captions)};
}

std::vector<QuestionAnswer> picture_questions(const View& view, const Vocabulary& vocabulary,
                                              size_t most, const std::string& when,
                                              Random& random) {
  static constexpr std::array<PictureQuestion, 12> kKinds = {
      presence_question, presence_question, presence_question, object_question,
      count_question,    count_question,    colour_question,   colour_question,
      where_question,    where_question,    scene_question,    caption_question};
  std::vector<PictureQuestion> order(kKinds.begin(), kKinds.end());
  random.shuffle(order);
  std::vector<QuestionAnswer> made;
  for (const PictureQuestion ask : order) {
    if (made.size() >= most) break;
    auto question = ask(view, vocabulary, when, random);
    if (!question) continue;
    const bool known = std::any_of(made.begin(), made.end(), [&](const QuestionAnswer& other) {
      return other.kind == question->kind && other.about == question->about;
    });
    if (!known) made.push_back(*std::move(question));
  }
  return made;
}

}  // namespace m3::dataset
