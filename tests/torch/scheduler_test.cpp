#include "core/torch/scheduler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace m3 {
namespace {

// Runs what is queued and returns the order as letters.
class LettersInOrder {
 public:
  void push(WorkClass work, char letter, int times = 1) {
    for (int i = 0; i < times; ++i) queue_.push(work, [this, letter] { order_ += letter; });
  }
  bool run_one() {
    const UnitQueue::Unit unit = queue_.pop();
    if (unit) unit();
    return static_cast<bool>(unit);
  }
  std::string run_all() {
    while (run_one()) {
    }
    return order_;
  }

 private:
  UnitQueue queue_;
  std::string order_;
};

TEST(UnitQueue, RunsTheMostUrgentClassFirst) {
  LettersInOrder letters;
  letters.push(WorkClass::kStreamPrefill, 's');
  letters.push(WorkClass::kTower, 't');
  letters.push(WorkClass::kQuestionPrefill, 'q');
  letters.push(WorkClass::kDecodeStep, 'd');
  EXPECT_EQ(letters.run_all(), "dqts");
}

TEST(UnitQueue, KeepsTheOrderWithinAClass) {
  LettersInOrder letters;
  for (const char letter : std::string("abc")) letters.push(WorkClass::kTower, letter);
  EXPECT_EQ(letters.run_all(), "abc");
}

TEST(UnitQueue, AQuestionTakesTurnsWithAnswersBeingMade) {
  LettersInOrder letters;
  letters.push(WorkClass::kDecodeStep, 'd', 5);
  letters.push(WorkClass::kQuestionPrefill, 'q', 3);
  EXPECT_EQ(letters.run_all(), "dqdqdqdd");
}

TEST(UnitQueue, WhatIsDoneAtOncePassesNobodyOver) {
  LettersInOrder letters;
  letters.push(WorkClass::kDecodeStep, 'd', 8);
  letters.push(WorkClass::kStreamPrefill, 's');
  for (int i = 0; i < 5; ++i) letters.run_one();
  letters.push(WorkClass::kAtOnce, 'a', 9);
  EXPECT_EQ(letters.run_all(), "dddddaaaaaaaaaddsd");
}

TEST(UnitQueue, GivesAWaitingClassOneUnitInEight) {
  LettersInOrder letters;
  letters.push(WorkClass::kDecodeStep, 'd', 20);
  letters.push(WorkClass::kStreamPrefill, 's', 3);
  EXPECT_EQ(letters.run_all(), "dddddddsdddddddsdddddds");
}

TEST(UnitQueue, LetsEveryWaitingClassHaveItsTurn) {
  LettersInOrder letters;
  letters.push(WorkClass::kDecodeStep, 'd', 16);
  letters.push(WorkClass::kTower, 't');
  letters.push(WorkClass::kStreamPrefill, 's');
  EXPECT_EQ(letters.run_all(), "dddddddtsddddddddd");
}

TEST(UnitQueue, CountsOnlyUnitsThatWerePassedOverWhileWaiting) {
  LettersInOrder letters;
  letters.push(WorkClass::kDecodeStep, 'd', 7);
  while (letters.run_one()) {
  }
  letters.push(WorkClass::kDecodeStep, 'd', 1);
  letters.push(WorkClass::kStreamPrefill, 's');
  EXPECT_EQ(letters.run_all(), "dddddddds");
}

void plain(const std::function<void()>& loop) { loop(); }

TEST(Scheduler, RunsUnitsOnOneThreadOfItsOwn) {
  Scheduler scheduler(plain);
  std::promise<std::thread::id> first;
  std::promise<std::thread::id> second;
  scheduler.post(WorkClass::kTower, [&] { first.set_value(std::this_thread::get_id()); });
  scheduler.post(WorkClass::kDecodeStep, [&] { second.set_value(std::this_thread::get_id()); });
  const std::thread::id id = first.get_future().get();
  EXPECT_NE(id, std::this_thread::get_id());
  EXPECT_EQ(second.get_future().get(), id);
}

TEST(Scheduler, AUnitMayPostItsSuccessor) {
  Scheduler scheduler(plain);
  std::promise<int> done;
  int runs = 0;
  std::function<void()> unit = [&] {
    if (++runs == 3) return done.set_value(runs);
    scheduler.post(WorkClass::kTower, unit);
  };
  scheduler.post(WorkClass::kTower, unit);
  EXPECT_EQ(done.get_future().get(), 3);
}

TEST(Scheduler, CountsItsUnits) {
  Scheduler scheduler(plain);
  std::promise<uint64_t> third;
  uint64_t first = 0;
  scheduler.post(WorkClass::kTower, [&] { first = scheduler.units_run(); });
  scheduler.post(WorkClass::kTower, [] {});
  scheduler.post(WorkClass::kTower, [&] { third.set_value(scheduler.units_run()); });
  EXPECT_EQ(third.get_future().get(), 3U);
  EXPECT_EQ(first, 1U);
}

TEST(Scheduler, EndsAfterTheRunningUnitAndDropsTheRest) {
  const auto held = std::make_shared<int>(0);
  bool ran = false;
  {
    std::promise<void> running;
    std::promise<void> go_on;
    std::jthread releaser;
    Scheduler scheduler(plain);
    scheduler.post(WorkClass::kTower, [&] {
      running.set_value();
      go_on.get_future().wait();
    });
    running.get_future().wait();
    scheduler.post(WorkClass::kTower, [&ran, held] { ran = true; });
    // The end begins while the first unit is still running.
    releaser = std::jthread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      go_on.set_value();
    });
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Scheduler, SetsUpItsThreadAroundTheLoop) {
  std::string order;
  std::promise<void> unit_done;
  {
    Scheduler scheduler([&](const std::function<void()>& loop) {
      order += "before ";
      loop();
      order += "after";
    });
    scheduler.post(WorkClass::kTower, [&] {
      order += "unit ";
      unit_done.set_value();
    });
    unit_done.get_future().wait();
  }
  EXPECT_EQ(order, "before unit after");
}

}  // namespace
}  // namespace m3
