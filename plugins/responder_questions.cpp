// The half of Responder that takes questions: when each is due, and what becomes of it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "plugins/responder.h"

namespace m3 {
namespace {

// Questions of the stream that may be with the engine at once, before the stream waits for it.
constexpr size_t kQuestionsInFlight = 8;
// Questions that may wait in all, those of ask() included.
constexpr size_t kQuestionsWaiting = 64;
constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();
// The latest time that is told apart from never: over a century.
constexpr guint64 kLatestNs = guint64{4} << 60;

int64_t nanoseconds(double seconds) { return std::llround(seconds * GST_SECOND); }

}  // namespace

std::string Responder::next_id() { return "q" + std::to_string(++ids_); }

// The property's question is one of the schedule's that stays for every stream.
void Responder::schedule_property() {
  if (!property_id_.empty()) schedule_.remove(property_id_);
  property_id_.clear();
  if (settings_.question.empty()) return;
  ScheduledQuestion question;
  question.id = property_id_ = next_id();
  question.text = settings_.question;
  question.stays = true;
  if (settings_.interval > 0) {
    question.at_ns = question.every_ns = std::max<int64_t>(1, nanoseconds(settings_.interval));
  }
  schedule_.add(std::move(question));
}

std::string Responder::schedule(const std::string& text, int64_t at_ns, int64_t every_ns) {
  const std::lock_guard lock(mutex_);
  if (schedule_.size() >= kQuestionsWaiting) return {};
  ScheduledQuestion question{next_id(), text, at_ns, every_ns};
  std::string id = question.id;
  schedule_.add(std::move(question));
  return id;
}

std::string Responder::ask(const std::string& text) {
  AskedQuestion asked;
  asked.text = text;
  {
    const std::lock_guard lock(mutex_);
    if (seen_) {
      asked.id = next_id();
      asked.asked_at_ns = newest_ns_;
      asked.pts = newest_pts_;
    }
  }
  if (asked.id.empty()) return schedule(text, ScheduledQuestion::kNow, 0);
  if (answers_.outbox().waiting() >= kQuestionsWaiting) return {};
  std::string id = asked.id;
  return put_question(std::move(asked)) ? id : std::string();
}

std::string Responder::ask_at(const std::string& text, guint64 at_ns, guint64 every_ns) {
  const int64_t at = at_ns == GST_CLOCK_TIME_NONE
                         ? ScheduledQuestion::kAtEnd
                         : static_cast<int64_t>(std::min(at_ns, kLatestNs));
  return schedule(text, at, static_cast<int64_t>(std::min(every_ns, kLatestNs)));
}

bool Responder::cancel(const std::string& id) {
  bool scheduled = false;
  {
    const std::lock_guard lock(mutex_);
    scheduled = schedule_.remove(id);
  }
  const bool asked = answers_.cancel(id);
  return scheduled || asked;
}

Question Responder::question_of(const AskedQuestion& asked) const {
  ResponderSettings settings;
  bool of_property = false;
  {
    const std::lock_guard lock(mutex_);
    settings = settings_;
    of_property = !asked.id.empty() && asked.id == property_id_;
  }
  Question question;
  question.text = asked.text;
  question.asked_at_ns = asked.asked_at_ns;
  question.max_new_tokens = settings.max_new_tokens;
  question.temperature = settings.temperature;
  question.top_p = settings.top_p;
  question.seed = settings.seed;
  question.stop = settings.stop;
  question.deadline_ms = static_cast<int64_t>(std::ceil(settings.deadline * 1000));
  if (!of_property) question.conversation = settings.conversation;
  return question;
}

bool Responder::put_question(AskedQuestion asked) {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    if (seen_) session = session_;
  }
  const Question question = question_of(asked);
  const std::shared_ptr<Request> request = answers_.open(std::move(asked));
  if (!request) return false;
  if (!session) {
    request->end(Finish::kError, "The stream ended before a frame of it was looked at");
    return true;
  }
  try {
    request->taken_by(session, session->ask(question, request));
  } catch (const Error& error) {
    request->end(Finish::kError, error.what());
  }
  return true;
}

GstFlowReturn Responder::ask_due(const std::vector<DueQuestion>& due, bool ended) {
  for (const DueQuestion& question : due) {
    Outbox& outbox = answers_.outbox();
    const bool recurs = question.every_ns > 0;
    if (drops_ && recurs && !ended && outbox.waiting() >= kQuestionsInFlight) {
      GST_INFO_OBJECT(element_, "%s is not asked now, %" G_GSIZE_FORMAT " wait",
                      question.id.c_str(), outbox.waiting());
      continue;
    }
    if (!drops_) {
      const GstFlowReturn flow = outbox.wait_for_room(kQuestionsInFlight, kAnyNumber);
      if (flow != GST_FLOW_OK) return flow;
    }
    AskedQuestion asked{question.id, question.text, question.asked_at_ns, question.every_ns};
    {
      const std::lock_guard lock(mutex_);
      if (question.asked_at_ns != kNoTime) asked.pts = time_.pts_at(question.asked_at_ns);
      // Sinks clip what lies on or behind the end of the segment.
      if (ended || !GST_CLOCK_TIME_IS_VALID(asked.pts)) asked.pts = newest_pts_;
    }
    put_question(std::move(asked));
  }
  return answers_.outbox().flow();
}

}  // namespace m3
