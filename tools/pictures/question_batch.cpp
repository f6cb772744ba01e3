#include "tools/pictures/question_batch.h"

#include <memory>
#include <utility>

#include "core/error.h"
#include "tools/common/answer_box.h"

namespace m3::tools {

size_t QuestionBatch::ask(Session& session, Question question) {
  const auto box = std::make_shared<AnswerBox>();
  std::future<Answer> answer = box->future();
  const RequestId id = session.ask(std::move(question), box);
  open_.push_back({&session, id, std::move(answer)});
  return open_.size() - 1;
}

std::vector<Answer> QuestionBatch::answers() {
  const std::stop_callback on_stop(stop_, [&] {
    for (const Open& one : open_) one.session->cancel(one.id);
  });
  std::vector<Answer> answers;
  for (Open& one : open_) answers.push_back(one.answer.get());
  for (const Answer& answer : answers) {
    if (answer.finish == Finish::kError) throw Error(ErrorCode::kInternal, answer.error);
  }
  return answers;
}

}  // namespace m3::tools
