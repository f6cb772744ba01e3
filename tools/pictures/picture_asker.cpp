#include "tools/pictures/picture_asker.h"

#include <algorithm>
#include <future>
#include <utility>

#include "core/error.h"
#include "tools/pictures/answer_box.h"

namespace m3::tools {
namespace {

void add(EndLine& sum, const SessionStats& stats) {
  sum.frames += stats.frames;
  sum.visual_tokens += stats.visual_tokens;
  sum.text_tokens += stats.text_tokens;
}

}  // namespace

PictureAsker::PictureAsker(std::shared_ptr<Engine> engine, const SessionOptions& session,
                           Question question, std::stop_token stop, PictureLook look)
    : engine_(std::move(engine)),
      question_(std::move(question)),
      stop_(std::move(stop)),
      pictures_(engine_, look),
      session_(engine_->create_session(session)) {}

void PictureAsker::show(const std::vector<ShownPicture>& window) {
  if (window == shown_) return;
  add(earlier_windows_, session_->stats());
  session_->flush();
  shown_.clear();
  std::vector<FrameTokens> frames;
  for (const ShownPicture& picture : window) {
    frames.push_back({pictures_.tokens(picture.path).pool_to(picture.scale), picture.pts_ns});
  }
  for (FrameTokens& frame : frames) session_->append(std::move(frame));
  shown_ = window;
}

std::optional<Answer> PictureAsker::ask(const std::vector<ShownPicture>& window,
                                        const std::string& question) {
  std::vector<Answer> answers = ask(window, std::vector{question});
  return answers.empty() ? std::nullopt : std::optional(std::move(answers.front()));
}

std::vector<Answer> PictureAsker::ask(const std::vector<ShownPicture>& window,
                                      const std::vector<std::string>& questions) {
  if (stop_.stop_requested()) return {};
  std::vector<Answer> answers;
  try {
    show(window);
    std::vector<std::future<Answer>> open;
    std::vector<RequestId> ids;
    for (const std::string& question : questions) {
      Question asked = question_;
      asked.text = question;
      asked.asked_at_ns = window.empty() ? kNoTime : window.back().pts_ns;
      const auto box = std::make_shared<AnswerBox>();
      open.push_back(box->future());
      ids.push_back(session_->ask(std::move(asked), box));
    }
    const std::stop_callback on_stop(stop_, [&] {
      for (const RequestId id : ids) session_->cancel(id);
    });
    for (std::future<Answer>& answer : open) answers.push_back(answer.get());
  } catch (const Error& error) {
    Answer failed;
    failed.finish = Finish::kError;
    failed.error = error.what();
    answers.assign(questions.size(), failed);
  }
  const bool cancelled = std::any_of(answers.begin(), answers.end(), [](const Answer& answer) {
    return answer.finish == Finish::kCancelled;
  });
  if (stop_.stop_requested() && cancelled) return {};
  return answers;
}

EndLine PictureAsker::totals() const {
  EndLine sum = earlier_windows_;
  add(sum, session_->stats());
  sum.frames_encoded = pictures_.tower_runs();
  sum.frames_reused = sum.frames - sum.frames_encoded;
  return sum;
}

}  // namespace m3::tools
