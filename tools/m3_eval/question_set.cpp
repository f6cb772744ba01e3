#include "tools/m3_eval/question_set.h"

#include "core/error.h"
#include "tools/common/json_line_file.h"

namespace m3::eval {
namespace {

using tools::Json;
using tools::LineFault;

std::string needed(const Json& object, const char* key) {
  std::string text = tools::text_of(object, key);
  if (text.empty()) throw LineFault{std::string("\"") + key + "\" is missing or empty"};
  return text;
}

std::optional<double> number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number()) throw LineFault{std::string("\"") + key + "\" is not a number"};
  return found->get<double>();
}

SetQuestion to_question(const Json& object, const char* file_key) {
  SetQuestion question;
  question.file = needed(object, file_key);
  question.question = needed(object, "question");
  question.answer = needed(object, "answer");
  question.kind = needed(object, "type");
  if (question.kind == "all") throw LineFault{"the type \"all\" stands for all types"};
  question.seconds = number_of(object, "seconds");
  question.tolerance = number_of(object, "tolerance").value_or(question.tolerance);
  question.accept = tools::texts_of(object, "accept");
  return question;
}

}  // namespace

std::vector<SetQuestion> read_question_set(const std::string& path, size_t limit) {
  std::vector<SetQuestion> questions;
  tools::read_json_lines(path, [&](const Json& object, int) {
    if (limit == 0 || questions.size() < limit) questions.push_back(to_question(object, "file"));
  });
  if (questions.empty()) throw Error(ErrorCode::kCorrupt, path + ": holds no question");
  return questions;
}

std::vector<SetQuestion> read_clip_questions(const std::string& path) {
  constexpr double kLongestSeconds = 1e8;
  std::vector<SetQuestion> questions;
  tools::read_json_lines(path, [&](const Json& object, int) {
    questions.push_back(to_question(object, "video"));
    const auto at = number_of(object, "t1");
    if (at && !(*at >= 0 && *at <= kLongestSeconds))
      throw LineFault{"\"t1\" is not a second of a stream"};
    questions.back().ask_at_seconds = at;
  });
  if (questions.empty()) throw Error(ErrorCode::kCorrupt, path + ": holds no question");
  return questions;
}

std::string to_json_line(const SetQuestion& question) {
  nlohmann::ordered_json line = {{"file", question.file},
                                 {"question", question.question},
                                 {"answer", question.answer},
                                 {"accept", question.accept},
                                 {"type", question.kind}};
  if (question.seconds) {
    line["seconds"] = *question.seconds;
    line["tolerance"] = question.tolerance;
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace m3::eval
