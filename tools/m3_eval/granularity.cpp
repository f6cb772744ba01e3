#include "tools/m3_eval/granularity.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "tools/m3_eval/scoring.h"
#include "tools/pictures/picture_asker.h"

namespace m3::eval {
namespace {

// The questions about one picture, in the order of first mention.
std::vector<std::vector<size_t>> by_picture(const std::vector<SetQuestion>& questions) {
  std::vector<std::vector<size_t>> groups;
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto [found, is_new] = place.try_emplace(questions[i].file, groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(i);
  }
  return groups;
}

// What ends a picture's questions: its file, or the engine.
struct AskFailure {
  std::string why;
};

class PictureExam {
 public:
  PictureExam(const std::shared_ptr<Engine>& engine, const std::vector<SetQuestion>& questions,
              std::stop_token stop, tools::PictureLook look)
      : scoring_(questions),
        questions_(questions),
        asker_(engine, session_for(engine->info()), Question(), std::move(stop), look) {}

  // Whether each of a picture's questions is answered right; nothing at all: interrupted.
  std::vector<bool> are_right(const std::string& path, int scale,
                              const std::vector<size_t>& indices) {
    std::vector<std::string> texts;
    for (const size_t index : indices) texts.push_back(questions_[index].question);
    const std::vector<Answer> answers = asker_.ask({{path, kNoTime, scale}}, texts);
    std::vector<bool> right;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].finish == Finish::kError) throw AskFailure{answers[i].error};
      right.push_back(scoring_.is_right(questions_[indices[i]], answers[i].text));
    }
    return right;
  }

 private:
  static SessionOptions session_for(const ModelInfo& model) {
    SessionOptions options;
    options.window_tokens = model.ladder.back();  // one picture
    return options;
  }

  const Scoring scoring_;
  const std::vector<SetQuestion>& questions_;
  tools::PictureAsker asker_;
};

std::vector<Outcome> outcomes_of(const std::vector<const Record*>& records,
                                 const std::function<double(const Record&)>& value) {
  std::vector<Outcome> outcomes;
  for (const Record* record : records) outcomes.push_back({record->picture, value(*record)});
  return outcomes;
}

KindTable table_of(const std::string& kind, const std::vector<const Record*>& records,
                   const std::vector<int>& ladder) {
  KindTable table;
  table.kind = kind;
  for (size_t scale = 0; scale < ladder.size(); ++scale) {
    table.scales.push_back(share_of(
        outcomes_of(records, [&](const Record& r) { return r.right[scale] ? 1.0 : 0.0; })));
  }
  const auto first_right = [](const Record& record) {
    return std::find(record.right.begin(), record.right.end(), true);
  };
  table.oracle = share_of(outcomes_of(
      records, [&](const Record& r) { return first_right(r) != r.right.end() ? 1.0 : 0.0; }));
  table.oracle_tokens = mean_of(outcomes_of(records, [&](const Record& r) {
    const auto found = first_right(r);
    const auto step = found == r.right.end() ? 0 : found - r.right.begin();
    return static_cast<double>(ladder[static_cast<size_t>(step)]);
  }));
  if (std::all_of(records.begin(), records.end(),
                  [](const Record* r) { return r->blind_right.has_value(); })) {
    table.blind =
        share_of(outcomes_of(records, [](const Record& r) { return *r.blind_right ? 1.0 : 0.0; }));
  }
  return table;
}

}  // namespace

Study ask_at_all_scales(const std::shared_ptr<Engine>& engine,
                        const std::vector<SetQuestion>& questions, const std::string& data_folder,
                        bool blind, std::stop_token stop,
                        const std::function<void(double, const std::string&)>& progress) {
  Study study;
  study.ladder = engine->info().ladder;
  PictureExam seeing(engine, questions, stop, tools::PictureLook::kAsItIs);
  PictureExam grey(engine, questions, stop, tools::PictureLook::kGrey);
  const auto groups = by_picture(questions);
  size_t asked = 0;
  for (size_t picture = 0; picture < groups.size(); ++picture) {
    const std::string& file = questions[groups[picture].front()].file;
    const std::string path = (std::filesystem::path(data_folder) / file).string();
    std::vector<Record> records;
    for (const size_t index : groups[picture]) records.push_back({index, picture, {}, {}});
    progress(static_cast<double>(asked) / static_cast<double>(questions.size()), file);
    try {
      for (const int scale : study.ladder) {
        const std::vector<bool> right = seeing.are_right(path, scale, groups[picture]);
        for (size_t i = 0; i < right.size(); ++i) records[i].right.push_back(right[i]);
        study.interrupted |= right.empty();
      }
      if (blind && !study.interrupted) {
        const std::vector<bool> right = grey.are_right(path, study.ladder.back(), groups[picture]);
        for (size_t i = 0; i < right.size(); ++i) records[i].blind_right = right[i];
        study.interrupted |= right.empty();
      }
      if (study.interrupted) return study;
      std::move(records.begin(), records.end(), std::back_inserter(study.records));
    } catch (const AskFailure& failure) {
      study.failures.push_back(failure.why);
    }
    asked += groups[picture].size();
  }
  return study;
}

std::vector<KindTable> tables_of(const Study& study, const std::vector<SetQuestion>& questions) {
  std::map<std::string, std::vector<const Record*>> kinds;
  std::vector<const Record*> all;
  for (const Record& record : study.records) {
    kinds[questions[record.question].kind].push_back(&record);
    all.push_back(&record);
  }
  std::vector<KindTable> tables;
  if (all.empty()) return tables;
  tables.push_back(table_of("all", all, study.ladder));
  for (const auto& [kind, records] : kinds) tables.push_back(table_of(kind, records, study.ladder));
  return tables;
}

}  // namespace m3::eval
