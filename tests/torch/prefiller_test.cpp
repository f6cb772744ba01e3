// Windows of several streams prefilled side by side, on the tiny seeded model.
#include "core/torch/prefiller.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/torch/failing_allocator.h"
#include "tests/torch/tiny_model.h"
#include "tests/torch/window_logits.h"

namespace m3 {
namespace {

using test::kSecond;
using test::made_tokens;
using test::question_logits;
using test::tiny_model;

class PrefillerTest : public testing::Test {
 protected:
  PrefillerTest()
      : scheduler_([](const std::function<void()>& loop) {
          const c10::InferenceMode inference;
          loop();
        }) {}

  // A window of `frames` frames, none of them read; the same for the same seed.
  static std::unique_ptr<StreamWindow> window(int seed, int frames = 6) {
    SessionOptions options;
    options.window_tokens = 1000;
    auto window = std::make_unique<StreamWindow>(tiny_model(), options);
    std::mt19937 random(static_cast<unsigned>(seed));
    for (int number = 1; number <= frames; ++number) {
      const int scale = std::vector<int>{1, 9, 36}[random() % 3];
      window->append(
          {made_tokens(static_cast<uint64_t>(100 * seed + number), scale), number * kSecond});
    }
    return window;
  }
  // On the scheduler's thread, in one unit.
  void on_thread(const std::function<void()>& work) {
    std::promise<void> done;
    scheduler_.post(WorkClass::kDecodeStep, [&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void wait_idle() {
    std::promise<void> done;
    scheduler_.post(WorkClass::kStreamPrefill, [&] { done.set_value(); });
    done.get_future().get();
  }
  void expect_as_alone(StreamWindow& window, int seed, int frames = 6) {
    ASSERT_FALSE(window.misses_rows());
    const auto alone = this->window(seed, frames);
    EXPECT_TRUE(question_logits(window, "What?").equal(question_logits(*alone, "What?"))) << seed;
  }

  const c10::InferenceMode inference_;
  Scheduler scheduler_;
};

TEST(PassLengths, AreFewAndHardlyLongerThanNeeded) {
  std::set<int64_t> lengths;
  for (int64_t rows = 1; rows <= 400; ++rows) {
    const int64_t padding = padding_of(rows);
    EXPECT_GE(padding, 0);
    EXPECT_LE(8 * padding, rows) << rows;
    lengths.insert(rows + padding);
  }
  EXPECT_EQ(padding_of(16), 0);
  EXPECT_EQ(padding_of(250), 6);
  EXPECT_LT(lengths.size(), 60U);
}

TEST_F(PrefillerTest, WindowsThatShareTheirPassesAreAsEachAlone) {
  Prefiller prefiller(tiny_model(), scheduler_);
  std::vector<std::unique_ptr<StreamWindow>> windows;
  for (int seed = 0; seed < 9; ++seed) windows.push_back(window(seed));
  std::promise<void> all;
  size_t ready = 0;
  on_thread([&] {
    for (const auto& one : windows) {
      prefiller.start(*one, Prefiller::kBackground, [&](std::exception_ptr error) {
        EXPECT_EQ(error, nullptr);
        if (++ready == windows.size()) all.set_value();
      });
    }
  });
  all.get_future().get();
  for (int seed = 0; seed < 9; ++seed) expect_as_alone(*windows[static_cast<size_t>(seed)], seed);
}

TEST_F(PrefillerTest, WhatAQuestionWaitsForOvertakesTheRest) {
  Prefiller prefiller(tiny_model(), scheduler_, std::chrono::seconds(0));
  std::vector<std::unique_ptr<StreamWindow>> windows;
  for (int seed = 0; seed < 4; ++seed) windows.push_back(window(seed, seed == 3 ? 6 : 40));
  std::promise<void> all;
  std::string order;
  const auto told = [&](char letter) {
    return [&, letter](std::exception_ptr) {
      order += letter;
      if (order.size() == windows.size()) all.set_value();
    };
  };
  on_thread([&] {
    for (const int i : {0, 1, 2})
      prefiller.start(*windows[static_cast<size_t>(i)], Prefiller::kBackground,
                      told(static_cast<char>('a' + i)));
  });
  on_thread([&] {
    prefiller.start(*windows[3], Prefiller::kQuestionWaits, told('q'));
    prefiller.hurry(*windows[2]);
  });
  all.get_future().get();
  EXPECT_EQ(order.front(), 'q');
  EXPECT_EQ(order.at(1), 'c');
  for (int seed = 0; seed < 4; ++seed)
    expect_as_alone(*windows[static_cast<size_t>(seed)], seed, seed == 3 ? 6 : 40);
}

TEST_F(PrefillerTest, WhoLeavesInTheMiddleOfAPassLeavesTheOthersAlone) {
  for (int units = 0; units < 8; ++units) {
    Prefiller prefiller(tiny_model(), scheduler_, std::chrono::seconds(0));
    std::vector<std::unique_ptr<StreamWindow>> windows;
    for (int seed = 0; seed < 3; ++seed) windows.push_back(window(seed));
    std::promise<void> two;
    std::string order;
    on_thread([&] {
      for (const int i : {0, 1, 2}) {
        prefiller.start(*windows[static_cast<size_t>(i)], Prefiller::kBackground,
                        [&, i](std::exception_ptr) {
                          order += static_cast<char>('a' + i);
                          if (order == "ac" || order == "ca") two.set_value();
                        });
      }
    });
    for (int i = 0; i < units; ++i) wait_idle();
    on_thread([&] {
      if (order.find('b') == std::string::npos) {
        prefiller.forget(*windows[1]);
        windows[1].reset();
      }
    });
    if (windows[1]) {  // it was done before
      wait_idle();
      for (const auto& one : windows) prefiller.forget(*one);
      EXPECT_GT(units, 3) << "nobody left in the middle";
      break;
    }
    two.get_future().get();
    expect_as_alone(*windows[0], 0);
    expect_as_alone(*windows[2], 2);
  }
}

TEST_F(PrefillerTest, WhenMemoryRunsOutEachOfThePassIsReadByItselfAndMayTryAgain) {
  Prefiller prefiller(tiny_model(), scheduler_);
  for (const int passed : {0, 5, 20, 60}) {
    for (const int count : {1, 3}) {
      std::vector<std::unique_ptr<StreamWindow>> windows;
      for (int seed = 0; seed < count; ++seed) windows.push_back(window(seed));
      const auto failures_of_a_run = [&](int fail_after) {
        std::promise<void> all;
        size_t ready = 0;
        int failures = 0;
        on_thread([&] {
          for (const auto& one : windows) {
            prefiller.start(*one, Prefiller::kBackground, [&](std::exception_ptr error) {
              if (error) ++failures;
              if (++ready == windows.size()) all.set_value();
            });
          }
          test::FailingAllocator::fail_after(fail_after);
        });
        all.get_future().get();
        return failures;
      };
      // What fails several together fails none of them alone. The first allocation is of a pass
      // that has nobody else yet.
      EXPECT_EQ(failures_of_a_run(passed), count == 1 || passed == 0 ? 1 : 0) << passed;
      EXPECT_EQ(failures_of_a_run(-1), 0);
      for (int seed = 0; seed < count; ++seed)
        expect_as_alone(*windows[static_cast<size_t>(seed)], seed);
    }
  }
}

}  // namespace
}  // namespace m3
