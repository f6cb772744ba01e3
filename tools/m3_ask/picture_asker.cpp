#include "tools/m3_ask/picture_asker.h"

#include <future>
#include <utility>

#include "core/error.h"

namespace m3::ask {
namespace {

// Hands the finished answer to the thread that waits for it.
class AnswerBox final : public AnswerSink {
 public:
  std::future<Answer> future() { return promise_.get_future(); }
  void on_piece(RequestId, std::string_view) override {}
  void on_done(RequestId, Answer answer) override { promise_.set_value(std::move(answer)); }

 private:
  std::promise<Answer> promise_;
};

void add(EndLine& sum, const SessionStats& stats) {
  sum.frames += stats.frames;
  sum.visual_tokens += stats.visual_tokens;
  sum.text_tokens += stats.text_tokens;
}

}  // namespace

PictureAsker::PictureAsker(std::shared_ptr<Engine> engine, const SessionOptions& session,
                           Question question, std::stop_token stop)
    : engine_(std::move(engine)),
      question_(std::move(question)),
      stop_(std::move(stop)),
      pictures_(engine_),
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
  if (stop_.stop_requested()) return std::nullopt;
  try {
    show(window);
    Question asked = question_;
    asked.text = question;
    asked.asked_at_ns = window.empty() ? kNoTime : window.back().pts_ns;
    const auto box = std::make_shared<AnswerBox>();
    std::future<Answer> answer = box->future();
    const RequestId id = session_->ask(std::move(asked), box);
    const std::stop_callback on_stop(stop_, [&] { session_->cancel(id); });
    Answer result = answer.get();
    if (stop_.stop_requested() && result.finish == Finish::kCancelled) return std::nullopt;
    return result;
  } catch (const Error& error) {
    Answer failed;
    failed.finish = Finish::kError;
    failed.error = error.what();
    return failed;
  }
}

EndLine PictureAsker::totals() const {
  EndLine sum = earlier_windows_;
  add(sum, session_->stats());
  sum.frames_encoded = pictures_.tower_runs();
  sum.frames_reused = sum.frames - sum.frames_encoded;
  return sum;
}

}  // namespace m3::ask
