#include "core/question_schedule.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace m3 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kFrame = 40'000'000;  // 25 frames a second

using Asked = std::vector<std::pair<std::string, double>>;

Asked asked(const std::vector<DueQuestion>& questions) {
  Asked result;
  for (const DueQuestion& question : questions) {
    result.emplace_back(question.id, static_cast<double>(question.asked_at_ns) / kSecond);
  }
  return result;
}

ScheduledQuestion question(const std::string& id, double at, double every = 0) {
  return {id, id + "?", static_cast<int64_t>(at * kSecond), static_cast<int64_t>(every * kSecond)};
}

ScheduledQuestion question_at_end(const std::string& id) { return {id, id + "?"}; }

// Plays frames of 40 ms from `first` and collects what is asked, the end included.
Asked play(QuestionSchedule& schedule, int64_t first_ns, int frames) {
  Asked all;
  int64_t newest_ns = kNoTime;
  for (int i = 0; i < frames; ++i) {
    const int64_t frame_ns = first_ns + i * kFrame;
    for (auto& entry : asked(schedule.before(frame_ns, newest_ns))) all.push_back(entry);
    newest_ns = frame_ns;
  }
  for (auto& entry : asked(schedule.at_end(newest_ns, newest_ns + kFrame))) all.push_back(entry);
  return all;
}

TEST(QuestionSchedule, AsksAfterTheFrameAtItsTimeAndBeforeTheNext) {
  QuestionSchedule schedule;
  schedule.add(question("a", 2));
  EXPECT_TRUE(schedule.before(2 * kSecond, 2 * kSecond - kFrame).empty());
  EXPECT_EQ(asked(schedule.before(2 * kSecond + kFrame, 2 * kSecond)), (Asked{{"a", 2}}));
  EXPECT_TRUE(schedule.empty());
}

TEST(QuestionSchedule, AsksEveryIntervalAndOnTheEnd) {
  QuestionSchedule schedule;
  schedule.add(question("a", 2, 2));
  EXPECT_EQ(play(schedule, 0, 150), (Asked{{"a", 2}, {"a", 4}, {"a", 6}}));
}

TEST(QuestionSchedule, LeavesOutTheRoundThatTheStreamDoesNotReach) {
  QuestionSchedule schedule;
  schedule.add(question("a", 2, 2));
  EXPECT_EQ(play(schedule, 0, 149), (Asked{{"a", 2}, {"a", 4}}));
}

TEST(QuestionSchedule, AsksOnceAtTheEndWhenTheIntervalIsLongerThanTheStream) {
  QuestionSchedule schedule;
  schedule.add(question("a", 100, 100));
  EXPECT_EQ(play(schedule, 0, 50), (Asked{{"a", 1.96}}));
}

TEST(QuestionSchedule, AsksAtTheEndWhatWasNotReached) {
  QuestionSchedule schedule;
  schedule.add(question("late", 50));
  schedule.add(question_at_end("end"));
  EXPECT_EQ(play(schedule, 0, 50), (Asked{{"late", 1.96}, {"end", 1.96}}));
}

TEST(QuestionSchedule, AsksInOrderOfTimesAndOfArrivalWhenTheyAreEqual) {
  QuestionSchedule schedule;
  schedule.add(question("b", 0.05));
  schedule.add(question("a", 0.01));
  schedule.add(question("c", 0.05));
  EXPECT_EQ(asked(schedule.before(kSecond, 0)), (Asked{{"a", 0.01}, {"b", 0.05}, {"c", 0.05}}));
}

TEST(QuestionSchedule, AsksNothingOfAnEmptyWindow) {
  QuestionSchedule schedule;
  schedule.add(question("a", 1));
  schedule.add({"now", "now?", ScheduledQuestion::kNow});
  EXPECT_TRUE(schedule.before(5 * kSecond, kNoTime).empty());
  EXPECT_EQ(asked(schedule.before(5 * kSecond + kFrame, 5 * kSecond)),
            (Asked{{"a", 5}, {"now", 5}}));
}

TEST(QuestionSchedule, TellsThatAStreamWithoutFramesHasNoTime) {
  QuestionSchedule schedule;
  schedule.add(question("a", 1, 1));
  schedule.add(question_at_end("end"));
  const auto questions = schedule.at_end(kNoTime, kNoTime);
  ASSERT_EQ(questions.size(), 2U);
  EXPECT_EQ(questions[0].asked_at_ns, kNoTime);
  EXPECT_EQ(questions[1].asked_at_ns, kNoTime);
}

TEST(QuestionSchedule, AsksOnceForAllRoundsBetweenTwoFrames) {
  QuestionSchedule schedule;
  schedule.add(question("a", 1, 1));
  EXPECT_TRUE(schedule.before(0, kNoTime).empty());
  EXPECT_EQ(asked(schedule.before(3600 * kSecond, 0)), (Asked{{"a", 1}}));
  EXPECT_EQ(asked(schedule.before(3600 * kSecond + kFrame, 3600 * kSecond)), (Asked{{"a", 3600}}));
}

TEST(QuestionSchedule, StartsRecurringQuestionsOnTheirGridInTheMiddleOfAStream) {
  QuestionSchedule schedule;
  schedule.add(question("a", 2, 2));
  EXPECT_TRUE(schedule.before(5 * kSecond, 5 * kSecond - kFrame).empty());
  EXPECT_TRUE(schedule.before(6 * kSecond, 6 * kSecond - kFrame).empty());
  EXPECT_EQ(asked(schedule.before(6 * kSecond + kFrame, 6 * kSecond)), (Asked{{"a", 6}}));
}

TEST(QuestionSchedule, BeginsAnewBehindASeek) {
  QuestionSchedule schedule;
  schedule.add(question("a", 2, 2));
  play(schedule, 0, 150);
  schedule.restart();
  EXPECT_EQ(play(schedule, kSecond, 50), (Asked{{"a", 2}}));
}

TEST(QuestionSchedule, KeepsWhatStaysForTheNextStream) {
  QuestionSchedule schedule;
  ScheduledQuestion end = question_at_end("end");
  end.stays = true;
  schedule.add(end);
  schedule.add(question_at_end("once"));
  EXPECT_EQ(play(schedule, 0, 2), (Asked{{"end", 0.04}, {"once", 0.04}}));
  schedule.restart();
  EXPECT_EQ(play(schedule, 0, 2), (Asked{{"end", 0.04}}));
}

TEST(QuestionSchedule, ForgetsWhatIsRemoved) {
  QuestionSchedule schedule;
  schedule.add(question("a", 1, 1));
  EXPECT_TRUE(schedule.remove("a"));
  EXPECT_FALSE(schedule.remove("a"));
  EXPECT_EQ(play(schedule, 0, 100), Asked{});
}

}  // namespace
}  // namespace m3
