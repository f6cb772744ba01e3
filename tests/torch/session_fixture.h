// Sessions as a caller sees them: through the engine module, on the tiny seeded model.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/engine.h"
#include "tests/support/collecting_sink.h"
#include "tests/support/picture.h"

namespace m3::test {

class TorchSessionTest : public testing::Test {
 protected:
  static constexpr int64_t kSecondNs = 1'000'000'000;

  static std::shared_ptr<Engine> engine() {
    EngineOptions options;
    options.model = std::string("random:") + M3_TINY_MODEL + "/config.json,7";
    options.device = "cpu";
    options.dtype = "float32";
    static const std::shared_ptr<Engine> engine = shared_engine(options);
    return engine;
  }
  static Tokens tokens(int number, int scale) {
    Picture picture(PixelFormat::kRgb, 40, 30);
    picture.fill(0, [&](int byte, int row) { return byte * (number + 1) + row * 7 * number; });
    return engine()->encode({picture.view(), 36}).get().pool_to(scale);
  }
  static FrameTokens frame(int number, int scale = 9) {
    return {tokens(number, scale), number * kSecondNs};
  }
  static Question question(const std::string& text, int max_new_tokens = 12) {
    Question question;
    question.text = text;
    question.max_new_tokens = max_new_tokens;
    return question;
  }
  std::unique_ptr<Session> session(bool prefill_early = false) {
    SessionOptions options;
    options.prefill_early = prefill_early;
    return engine()->create_session(options);
  }
  Answer answer(RequestId id) {
    const CollectingSink::Heard heard = sink_->wait(id);
    EXPECT_EQ(heard.answers.size(), 1u);
    EXPECT_FALSE(heard.piece_after_end);
    EXPECT_EQ(heard.joined(), heard.answers.at(0).text);
    return heard.answers.at(0);
  }
  Answer ask(Session& session, const std::string& text) {
    return answer(session.ask(question(text), sink_));
  }

  const std::shared_ptr<CollectingSink> sink_ = std::make_shared<CollectingSink>();
};

}  // namespace m3::test
