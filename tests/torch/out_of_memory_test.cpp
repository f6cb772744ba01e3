// Memory that runs out at any moment of a stream ends one answer with one error, which says what
// would fit; other streams go on, and so does this one.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/torch/session_fixture.h"

namespace m3 {
namespace {

// The allocator that was there before, but for one allocation that fails, of whichever thread: the
// engine has its own.
class FailingAllocator final : public c10::Allocator {
 public:
  explicit FailingAllocator(c10::Allocator* real) : real_(real) {}

  // The `number`-th allocation from now on fails, from 1; 0: none.
  void fail(int number) { left_ = number; }
  bool has_failed() const { return left_ <= 0; }

  c10::DataPtr allocate(size_t bytes) override {
    if (left_ > 0 && --left_ == 0) throw std::bad_alloc();
    return real_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return real_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    real_->copy_data(to, from, bytes);
  }

 private:
  c10::Allocator* const real_;
  std::atomic<int> left_ = 0;
};

class OutOfMemory : public test::TorchSessionTest {
 protected:
  // Wraps what the engine has set when it was opened.
  static FailingAllocator& allocator() {
    engine();
    static FailingAllocator& made = *[] {
      auto* failing = new FailingAllocator(c10::GetCPUAllocator());
      c10::SetCPUAllocator(failing, 1);
      return failing;
    }();
    return made;
  }
  // A stream and what it is asked; its answer.
  Answer run(Session& session) {
    session.append(frame(1, 36));
    session.append(frame(2, 9));
    return ask(session, "What is it?");
  }
};

TEST_F(OutOfMemory, EndsOneAnswerWithOneErrorAndLetsAllStreamsLive) {
  const auto steady = this->session();
  const Answer wanted = run(*steady);
  std::vector<FrameTokens> frames = {frame(1, 36), frame(2, 9)};
  SessionOptions options;
  options.window_tokens = 30;  // the first frame is pooled when the second one comes
  const Answer whole = [&] {
    const auto fresh = engine()->create_session(options);
    for (const FrameTokens& one : frames) fresh->append(one);
    return ask(*fresh, "What is it?");
  }();
  int errors = 0;
  int number = 1;
  for (bool done = false; !done; number += 1 + number / 8) {
    options.prefill_early = number % 2 == 0;
    const auto session = engine()->create_session(options);
    allocator().fail(number);
    for (const FrameTokens& one : frames) session->append(one);
    const Answer answer = ask(*session, "What is it?");
    done = !allocator().has_failed();
    allocator().fail(0);
    if (answer.finish == Finish::kError) {
      ++errors;
      EXPECT_NE(answer.error.find("not enough memory"), std::string::npos) << answer.error;
      EXPECT_NE(answer.error.find("window-tokens="), std::string::npos) << answer.error;
      EXPECT_NE(answer.error.find("dtype=bfloat16"), std::string::npos) << answer.error;
    } else {
      EXPECT_EQ(answer.ids, whole.ids) << "allocation " << number;
    }
    EXPECT_EQ(ask(*steady, "What is it?").ids, wanted.ids) << "allocation " << number;
    session->flush();
    for (const FrameTokens& one : frames) session->append(one);
    EXPECT_EQ(ask(*session, "What is it?").ids, whole.ids) << "allocation " << number;
  }
  EXPECT_GT(errors, 5) << "of " << number << " allocations";
}

TEST_F(OutOfMemory, EndsTheAnswersOfNobodyElse) {
  const auto steady = this->session();
  steady->append(frame(3, 9));
  const Answer wanted = answer(steady->ask(question("Go on for long.", 24), sink_));
  ASSERT_GT(wanted.new_tokens, 8);
  int others = 0;
  for (int number = 5; number < 400; number += 97) {
    const auto session = this->session();
    session->append(frame(1, 36));
    const RequestId long_one = steady->ask(question("Go on for long.", 24), sink_);
    const RequestId other = session->ask(question("Go on for long.", 24), sink_);
    sink_->wait_pieces(long_one, 1);
    allocator().fail(number);
    const Answer first = answer(long_one);
    const Answer second = answer(other);
    allocator().fail(0);
    // One allocation failed: at most one of the two may have suffered.
    EXPECT_FALSE(first.finish == Finish::kError && second.finish == Finish::kError);
    if (first.finish != Finish::kError) {
      EXPECT_EQ(first.ids, wanted.ids);
      ++others;
    }
  }
  EXPECT_GT(others, 0);
}

TEST_F(OutOfMemory, AFrameThatCannotBeEncodedIsOneError) {
  test::Picture picture(PixelFormat::kRgb, 40, 30);
  int errors = 0;
  for (int number = 1; number < 12; number += 2) {
    allocator().fail(number);
    std::future<Tokens> encoded;
    try {
      encoded = engine()->encode({picture.view(), 36});
      encoded.get();
    } catch (const Error& error) {
      ++errors;
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory) << error.what();
    }
    allocator().fail(0);
    EXPECT_EQ(engine()->encode({picture.view(), 36}).get().scale(), 36);
  }
  EXPECT_GT(errors, 0);
}

}  // namespace
}  // namespace m3
