#include "core/model/hf_tokenizer_file.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "core/model/in_quotes.h"
#include "core/model/json_file.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

using Data = HfTokenizerData;

constexpr size_t kMostBytes = size_t{256} << 20;
constexpr int kMostIds = 1 << 20;
constexpr char kMeta[] = "\u2581";
// GPT-2's pattern, which the library's ByteLevel step has built in.
constexpr char kGpt2[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, path + ": " + what +
                                           " is not something this build knows; a folder with a " +
                                           "tokenizer.model works too");
}

bool flag(JsonObject& object, std::string_view key, bool otherwise) {
  return object.has_value(key) ? object.boolean(key) : otherwise;
}

std::string text_or(JsonObject& object, std::string_view key, const char* otherwise) {
  return object.has_value(key) ? object.text(key) : otherwise;
}

// The members of a Sequence, or the one object that stands in its place.
std::vector<JsonObject> steps_of(JsonObject& root, std::string_view key, std::string_view members) {
  std::vector<JsonObject> steps;
  if (!root.has_value(key)) return steps;
  JsonObject object = root.object(key);
  if (object.text("type") != "Sequence") {
    steps.push_back(std::move(object));
    return steps;
  }
  return object.objects(members);
}

void read_normalizer(JsonObject& root, const std::string& path, Data& data) {
  for (JsonObject& step : steps_of(root, "normalizer", "normalizers")) {
    const std::string type = step.text("type");
    if (type == "Prepend") {
      data.normalizer.push_back({"", step.text("prepend")});
    } else if (type == "Replace") {
      JsonObject pattern = step.object("pattern");
      if (!pattern.has_value("String")) refuse(path, "a normalizer that replaces by a pattern");
      std::string from = pattern.text("String");
      if (from.empty()) pattern.fail("String", "must not be empty");
      data.normalizer.push_back({std::move(from), step.text("content")});
    } else if (type == "NFC") {
      if (!data.normalizer.empty()) refuse(path, "the normalizer \"NFC\" behind another one");
      data.composes = true;
    } else {
      refuse(path, "the normalizer " + in_quotes(type));
    }
  }
}

void read_metaspace(JsonObject& step, const std::string& path, Data& data) {
  if (text_or(step, "replacement", kMeta) != kMeta) refuse(path, "another sign than ▁ for spaces");
  data.uses_metaspace = true;
  data.splits_metaspace = flag(step, "split", true);
  std::string scheme = flag(step, "add_prefix_space", true) ? "always" : "never";
  scheme = text_or(step, "prepend_scheme", scheme.c_str());
  data.metaspace = scheme == "always"  ? Data::Prefix::kAlways
                   : scheme == "first" ? Data::Prefix::kFirst
                                       : Data::Prefix::kNever;
}

void read_pre_tokenizer(JsonObject& root, const std::string& path, Data& data) {
  for (JsonObject& step : steps_of(root, "pre_tokenizer", "pretokenizers")) {
    const std::string type = step.text("type");
    if (type == "Metaspace") {
      read_metaspace(step, path, data);
    } else if (type == "ByteLevel") {
      data.byte_level = true;
      if (flag(step, "add_prefix_space", false)) data.normalizer.push_back({"", " "});
      if (flag(step, "use_regex", true)) data.cuts.push_back({Data::Cut::Kind::kPattern, kGpt2});
    } else if (type == "Digits") {
      if (!flag(step, "individual_digits", false)) refuse(path, "a step that joins digits");
      data.cuts.push_back({Data::Cut::Kind::kDigits, {}});
    } else if (type == "Split") {
      JsonObject pattern = step.object("pattern");
      if (!pattern.has_value("Regex") || text_or(step, "behavior", "") != "Isolated" ||
          flag(step, "invert", false)) {
        refuse(path, "a step \"Split\" that does not isolate the matches of a pattern");
      }
      data.cuts.push_back({Data::Cut::Kind::kPattern, pattern.text("Regex")});
    } else {
      refuse(path, "the pre-tokenizer " + in_quotes(type));
    }
  }
}

int32_t id_of(JsonObject& object, std::string_view key) {
  return static_cast<int32_t>(object.integer(key, 0, kMostIds - 1));
}

void read_model(JsonObject model, const std::string& path, Data& data) {
  const std::string type = text_or(model, "type", "BPE");
  if (type != "BPE") refuse(path, "a tokenizer of the kind " + in_quotes(type));
  if (!text_or(model, "continuing_subword_prefix", "").empty() ||
      !text_or(model, "end_of_word_suffix", "").empty()) {
    refuse(path, "a vocabulary with marks within words");
  }
  JsonObject vocabulary = model.object("vocab");
  for (std::string& text : vocabulary.keys()) {
    const int32_t id = id_of(vocabulary, text);
    data.vocabulary.emplace_back(std::move(text), id);
  }
  data.merges = model.pairs("merges");
  data.byte_fallback = flag(model, "byte_fallback", false);
  data.ignores_merges = flag(model, "ignore_merges", false);
  data.fuses_unknown = flag(model, "fuse_unk", false);
  data.unknown = text_or(model, "unk_token", "");
}

void read_added(JsonObject& root, Data& data) {
  if (!root.has_value("added_tokens")) return;
  for (JsonObject& token : root.objects("added_tokens")) {
    data.added.push_back({token.text("content"), id_of(token, "id"), flag(token, "special", false),
                          flag(token, "lstrip", false), flag(token, "rstrip", false)});
  }
}

std::optional<int32_t> id_of_text(const Data& data, const std::string& text) {
  for (const Data::Token& token : data.added) {
    if (token.text == text) return token.id;
  }
  for (const auto& [known, id] : data.vocabulary) {
    if (known == text) return id;
  }
  return std::nullopt;
}

// Special tokens that the template of a single sequence puts in front of it.
void read_post_processor(JsonObject& root, Data& data) {
  for (JsonObject& step : steps_of(root, "post_processor", "processors")) {
    if (step.text("type") != "TemplateProcessing") continue;
    for (JsonObject& part : step.objects("single")) {
      if (part.has_value("Sequence")) break;
      if (!part.has_value("SpecialToken")) continue;
      JsonObject special = part.object("SpecialToken");
      if (const auto id = id_of_text(data, special.text("id"))) data.opening_ids.push_back(*id);
    }
  }
}

// tokenizer_config.json says it more loudly than the template does.
void read_opening(const std::string& path, Data& data) {
  const fs::path file = fs::path(path).parent_path() / "tokenizer_config.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return;
  JsonObject config = JsonObject::read(file.string());
  if (!config.has_value("add_bos_token")) return;
  if (!config.boolean("add_bos_token")) {
    data.opening_ids.clear();
    return;
  }
  if (!data.opening_ids.empty() || !config.has_value("bos_token")) return;
  const std::string text = config.is_text("bos_token") ? config.text("bos_token")
                                                       : config.object("bos_token").text("content");
  const auto id = id_of_text(data, text);
  if (!id) config.fail("bos_token", "is not a token of tokenizer.json");
  data.opening_ids.push_back(*id);
}

}  // namespace

HfTokenizerData read_hf_tokenizer(const std::string& path) {
  JsonObject root = JsonObject::read(path, kMostBytes);
  Data data;
  read_model(root.object("model"), path, data);
  read_added(root, data);
  read_normalizer(root, path, data);
  read_pre_tokenizer(root, path, data);
  read_post_processor(root, data);
  read_opening(path, data);
  return data;
}

}  // namespace m3
