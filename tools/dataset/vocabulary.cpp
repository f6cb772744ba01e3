#include "tools/dataset/vocabulary.h"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace m3::dataset {
namespace {

constexpr int kRounds = 24;  // of fitting the weights

using Names = std::set<std::string>;

// Names in one line are taken for each other, or come with each other unlabelled.
const std::vector<Names>& families() {
  static const std::vector<Names> families = {
      {"car", "truck", "bus", "van", "ambulance", "taxi", "vehicle", "train"},
      {"motorcycle", "bicycle", "scooter", "vehicle"},
      {"person", "man", "woman", "child", "face", "head", "rider", "helmet"},
      {"person", "man", "woman", "child", "hat", "shirt", "t-shirt", "long sleeve shirt", "jacket",
       "dress", "skirt", "shorts", "pants", "trousers", "jeans", "shoes", "tie", "backpack",
       "handbag"},
      {"boat", "ketch", "schooner", "ferry", "ship"},
      {"bird", "ibis", "rooster", "pigeon", "emu", "flamingo", "duck", "chicken"},
      {"cat", "cougar", "leopard", "wildcat", "garfield", "lion", "tiger"},
      {"dog", "dalmatian", "snoopy", "wolf"},
      {"chair", "couch", "bench", "wheelchair", "bed"},
      {"potted plant", "bonsai", "joshua tree", "lotus", "water lily", "sunflower", "vase"},
      {"cup", "bowl", "wine glass", "vase", "bottle", "ewer", "mug", "glass"},
      {"soccer ball", "sports ball"},
      {"crab", "lobster", "crayfish", "scorpion"},
      {"mayfly", "dragonfly", "butterfly", "ant", "tick"},
      {"stegosaurus", "brontosaurus"},
      {"watch", "clock"},
      {"lamp", "chandelier", "ceiling fan", "menorah"},
      {"tv", "laptop", "keyboard", "monitor"},
      {"electric guitar", "mandolin"},
      {"saxophone", "euphonium"},
      {"pizza", "cake", "donut", "sandwich", "food"},
      {"knife", "fork", "spoon", "scissors"},
      {"teddy bear", "panda", "bear"},
      {"cow", "horse", "sheep", "llama", "gerenuk", "okapi"},
  };
  return families;
}

Names words_of(const std::string& name) {
  std::istringstream words(name);
  return {std::istream_iterator<std::string>(words), {}};
}

}  // namespace

bool Vocabulary::are_related(const std::string& a, const std::string& b) {
  const Names words = words_of(a);
  const Names others = words_of(b);
  if (std::any_of(words.begin(), words.end(),
                  [&](const std::string& word) { return others.contains(word); }))
    return true;
  return std::any_of(families().begin(), families().end(),
                     [&](const Names& family) { return family.contains(a) && family.contains(b); });
}

Vocabulary::Vocabulary(const std::vector<AnnotatedPicture>& pictures,
                       const std::vector<View>& samples) {
  Names all, boxed;
  std::map<std::string, Names> by_source;
  for (const AnnotatedPicture& picture : pictures) {
    Names names = picture.names();
    by_source[picture.source].insert(names.begin(), names.end());
    for (const AnnotatedObject& object : picture.objects) {
      if (object.label != picture.label) boxed.insert(object.label);
    }
    all.merge(names);
  }
  names_.assign(all.begin(), all.end());
  for (const auto& [source, names] : by_source) {
    std::vector<char>& own = own_names_of_source_[source];
    for (const std::string& name : names_) own.push_back(names.contains(name) ? 1 : 0);
  }
  for (const std::string& name : names_) {
    is_class_.push_back(boxed.contains(name) ? 0 : 1);
    related_.emplace_back();
    for (size_t other = 0; other < names_.size(); ++other) {
      if (are_related(name, names_[other])) related_.back().push_back(other);
    }
  }
  balance(samples);
}

std::optional<size_t> Vocabulary::number_of(const std::string& name) const {
  const auto found = std::lower_bound(names_.begin(), names_.end(), name);
  if (found == names_.end() || *found != name) return std::nullopt;
  return static_cast<size_t>(found - names_.begin());
}

std::vector<char> Vocabulary::deniable(const std::vector<const View*>& views) const {
  std::vector<char> allowed(names_.size(), 1);
  const auto forbid = [&](const std::string& name) {
    const auto number = number_of(name);
    if (!number) return;
    for (const size_t other : related_[*number]) allowed[other] = 0;
  };
  for (const View* view : views) {
    for (const Claim& claim : view->claims) {
      const auto own = own_names_of_source_.find(claim.source);
      for (size_t i = 0; i < allowed.size(); ++i) {
        const bool known = own != own_names_of_source_.end() && own->second[i] != 0;
        const bool foreign = !claim.complete && is_class_[i] != 0;
        if (!claim.complete.value_or(true) || (!known && !foreign)) allowed[i] = 0;
      }
    }
    for (const Thing& thing : view->things) forbid(thing.label);
    for (const std::string& name : view->unsure) forbid(name);
  }
  return allowed;
}

bool Vocabulary::may_deny(const std::string& name, const View& view) const {
  const auto number = number_of(name);
  return number && deniable({&view})[*number] != 0;
}

bool Vocabulary::is_balanced(const std::string& name) const {
  const auto number = number_of(name);
  return number && is_balanced_[*number] != 0;
}

// Fits the weights so that the names that are denied of the samples are spread as those that are
// affirmed of them (iterative proportional fitting). What is there nearly everywhere can be denied
// too seldom; it is then affirmed less often.
void Vocabulary::balance(const std::vector<View>& samples) {
  std::vector<std::vector<size_t>> allowed;  // names that may be denied; of views with names only
  std::vector<std::vector<size_t>> there;
  is_balanced_.assign(names_.size(), 0);
  for (const View& view : samples) {
    const std::vector<char> flags = deniable({&view});
    allowed.emplace_back();
    for (size_t name = 0; name < names_.size(); ++name) {
      if (flags[name] == 0) continue;
      allowed.back().push_back(name);
      is_balanced_[name] = 1;
    }
  }
  std::vector<double> affirmed(names_.size(), 0);
  for (size_t i = 0; i < samples.size(); ++i) {
    there.emplace_back();
    for (const std::string& name : samples[i].names()) {
      const auto number = number_of(name);
      if (number && is_balanced_[*number] != 0) there.back().push_back(*number);
    }
    for (const size_t name : there.back())
      affirmed[name] += 1 / static_cast<double>(there.back().size());
    if (there.back().empty()) allowed[i].clear();
  }
  weight_ = affirmed;
  keep_.assign(names_.size(), 1);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> denied(names_.size(), 0);
    double views = 0;
    for (const std::vector<size_t>& names : allowed) {
      double sum = 0;
      for (const size_t name : names) sum += weight_[name];
      if (!(sum > 0)) continue;
      for (const size_t name : names) denied[name] += weight_[name] / sum;
      views += 1;
    }
    double yes = 0;
    for (size_t name = 0; name < names_.size(); ++name) yes += keep_[name] * affirmed[name];
    if (!(views > 0 && yes > 0)) return;
    share_of_no_ = yes / (yes + views);
    for (size_t name = 0; name < names_.size(); ++name) {
      if (!(denied[name] > 0 && affirmed[name] > 0)) continue;
      const double balance =
          share_of_no_ * denied[name] / ((1 - share_of_no_) * keep_[name] * affirmed[name]);
      weight_[name] /= balance;
      // The weights settle first.
      if (round >= kRounds / 2) keep_[name] = std::min(1.0, keep_[name] * balance);
    }
  }
}

std::optional<std::string> Vocabulary::denied(const std::vector<const View*>& views,
                                              Random& random) const {
  const std::vector<char> allowed = deniable(views);
  double sum = 0;
  for (size_t i = 0; i < names_.size(); ++i) sum += allowed[i] != 0 ? weight_[i] : 0;
  if (!(sum > 0)) return std::nullopt;
  double left = random.unit() * sum;
  std::optional<std::string> last;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (allowed[i] == 0 || !(weight_[i] > 0)) continue;
    last = names_[i];
    left -= weight_[i];
    if (left < 0) break;
  }
  return last;
}

bool Vocabulary::affirms(const View& view) const {
  return std::any_of(view.things.begin(), view.things.end(),
                     [&](const Thing& thing) { return is_balanced(thing.label); });
}

std::optional<std::string> Vocabulary::affirmed(const View& view, Random& random) const {
  std::vector<std::string> there;
  for (const std::string& name : view.names()) {
    if (is_balanced(name)) there.push_back(name);
  }
  if (there.empty()) return std::nullopt;
  const std::string& name = random.one_of(there);
  if (!random.chance(keep_[*number_of(name)])) return std::nullopt;
  return name;
}

}  // namespace m3::dataset
