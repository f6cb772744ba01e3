#include "core/question_schedule.h"

#include <algorithm>
#include <utility>

namespace m3 {
namespace {

// The first round at `from_ns` or later.
int64_t round_from(const ScheduledQuestion& question, int64_t from_ns) {
  if (question.at_ns >= from_ns) return question.at_ns;
  const int64_t behind = from_ns - question.at_ns;
  const int64_t rounds = (behind + question.every_ns - 1) / question.every_ns;
  return question.at_ns + rounds * question.every_ns;
}

DueQuestion due(const ScheduledQuestion& question, int64_t asked_at_ns) {
  return {question.id, question.text, asked_at_ns, question.every_ns};
}

bool recurs(const ScheduledQuestion& question) {
  return question.every_ns > 0 && question.at_ns != ScheduledQuestion::kAtEnd &&
         question.at_ns != ScheduledQuestion::kNow;
}

void sort_by_time(std::vector<DueQuestion>& questions) {
  std::stable_sort(questions.begin(), questions.end(),
                   [](const DueQuestion& left, const DueQuestion& right) {
                     return left.asked_at_ns < right.asked_at_ns;
                   });
}

}  // namespace

void QuestionSchedule::add(ScheduledQuestion question) {
  entries_.push_back({std::move(question)});
}

bool QuestionSchedule::remove(const std::string& id) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.question.id == id; }) > 0;
}

std::vector<DueQuestion> QuestionSchedule::before(int64_t frame_ns, int64_t newest_ns) {
  std::vector<DueQuestion> questions;
  const bool nothing_seen = newest_ns == kNoTime;
  for (Entry& entry : entries_) {
    const ScheduledQuestion& question = entry.question;
    if (recurs(question)) {
      if (!entry.placed) {
        entry.next_ns = round_from(question, nothing_seen ? frame_ns : newest_ns);
        entry.placed = true;
      }
      if (nothing_seen || entry.next_ns >= frame_ns) continue;
      questions.push_back(due(question, std::max(entry.next_ns, newest_ns)));
      entry.next_ns = round_from(question, frame_ns);
      entry.asked = true;
    } else if (!nothing_seen && question.at_ns < frame_ns) {
      questions.push_back(due(question, std::max(question.at_ns, newest_ns)));
      entry.asked = true;
    }
  }
  std::erase_if(entries_, [](const Entry& entry) {
    return entry.asked && !recurs(entry.question) && !entry.question.stays;
  });
  sort_by_time(questions);
  return questions;
}

std::vector<DueQuestion> QuestionSchedule::at_end(int64_t newest_ns, int64_t end_ns) {
  std::vector<DueQuestion> questions;
  for (Entry& entry : entries_) {
    const ScheduledQuestion& question = entry.question;
    const int64_t at_ns = recurs(question) && entry.placed ? entry.next_ns : question.at_ns;
    const bool reached = newest_ns != kNoTime && at_ns <= end_ns;
    if (recurs(question) && !reached && entry.asked) continue;
    questions.push_back(due(question, reached ? std::max(at_ns, newest_ns) : newest_ns));
    entry.asked = true;
  }
  std::erase_if(entries_, [](const Entry& entry) {
    return !recurs(entry.question) && !entry.question.stays;
  });
  sort_by_time(questions);
  return questions;
}

void QuestionSchedule::restart() {
  for (Entry& entry : entries_) entry.placed = entry.asked = false;
}

}  // namespace m3
