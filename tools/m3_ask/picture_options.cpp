#include "tools/m3_ask/picture_options.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/uuid.h"

namespace m3::ask {

std::shared_ptr<Engine> open_engine(const Options& options, Printer& printer,
                                    std::stop_token stop) {
  return shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { printer.progress(fraction, what); }, stop);
}

void check_scale(const ModelInfo& model, int scale, const std::string& where) {
  if (std::find(model.ladder.begin(), model.ladder.end(), scale) != model.ladder.end()) return;
  std::string ladder;
  for (const int step : model.ladder) ladder += (ladder.empty() ? "" : ", ") + std::to_string(step);
  throw Error(ErrorCode::kInvalidArgument, where + ": scale " + std::to_string(scale) +
                                               " is not on the model's ladder: " + ladder);
}

int automatic_scale(const ModelInfo& model, size_t pictures) {
  for (auto scale = model.ladder.rbegin(); scale != model.ladder.rend(); ++scale) {
    const bool fits =
        static_cast<size_t>(*scale) * pictures <= static_cast<size_t>(model.trained_visual_tokens);
    if (fits || model.trained_visual_tokens == 0) return *scale;
  }
  return model.ladder.front();
}

std::string under(const std::string& root, const std::string& file) {
  return root.empty() ? file : (std::filesystem::path(root) / file).string();
}

AnswerLine make_answer_line(size_t number, const std::string& question, Answer answer) {
  AnswerLine line;
  line.id = "q" + std::to_string(number);
  line.uid = uuid7();
  line.utc = utc_now();
  line.question = question;
  line.answer = std::move(answer);
  return line;
}

}  // namespace m3::ask
