// Streams on LLaVA models of several random shapes: answers depend on the window, not on how it was
// filled. Where the model was nearly undecided (a lead of at most 0.01 somewhere in the answer)
// nothing is said about ids, as sums of another order may then decide otherwise.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/engine.h"
#include "tests/support/collecting_sink.h"
#include "tests/support/picture.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using nlohmann::json;
using test::CollectingSink;
using test::Picture;

constexpr double kClear = 0.01;
constexpr int64_t kSecond = 1'000'000'000;

struct Shape {
  const char* name;
  const char* text_config;  // merged into the fixture's
};

const Shape kShapes[] = {
    {"grouped", R"({"num_attention_heads": 4, "num_key_value_heads": 2})"},
    {"one_key_head", R"({"num_attention_heads": 4, "num_key_value_heads": 1})"},
    {"linear_rope",
     R"({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500000.0}})"},
    {"llama3_rope", R"({"rope_parameters": {"rope_type": "llama3", "factor": 8.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        "rope_theta": 10000.0}})"},
    {"tied_and_biased", R"({"tie_word_embeddings": true, "attention_bias": true})"},
};

class LlavaStreams : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    json config =
        json::parse(std::ifstream(std::string(M3_GOLDEN_DIR) + "/llava/grouped/config.json"));
    config["text_config"]["max_position_embeddings"] = 4096;
    config["text_config"].merge_patch(json::parse(GetParam().text_config));
    EngineOptions options;
    options.model = "random:" + folder_.write("config.json", config.dump()) + ",11";
    options.device = "cpu";
    options.dtype = "float32";
    engine_ = shared_engine(options);
    ASSERT_EQ(engine_->info().ladder, (std::vector<int>{1, 9, 36, 144, 576}));
    for (int number = 0; number < 6; ++number) {
      Picture picture(PixelFormat::kRgb, 60, 40);
      picture.fill(0, [&](int byte, int row) { return byte * (number + 1) + row * 5 * number; });
      tokens_.push_back(engine_->encode({picture.view(), 576}).get());
    }
  }

  struct How {
    bool early;      // frames are prefilled as they come
    bool wait;       // until each is done
    bool questions;  // are asked in between
  };
  std::vector<Answer> run(How how) {
    SessionOptions options;
    options.prefill_early = how.early;
    const auto session = engine_->create_session(options);
    const auto sink = std::make_shared<CollectingSink>();
    const auto ask = [&](const std::string& text, int most) {
      Question question;
      question.text = text;
      question.max_new_tokens = most;
      return session->ask(question, sink);
    };
    const int scales[] = {36, 1, 144, 9, 576, 36};
    std::vector<RequestId> asked;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      session->append({tokens_[i].pool_to(scales[i]), static_cast<int64_t>(i) * kSecond});
      if (how.wait) session->drain().get();
      if (how.questions) ask("In between?", 2);
      if (i % 2 == 1) asked.push_back(ask("What is it?", 8));
    }
    std::vector<Answer> answers;
    for (const RequestId id : asked) answers.push_back(sink->wait(id).answers.at(0));
    return answers;
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Engine> engine_;
  std::vector<Tokens> tokens_;
};

TEST_P(LlavaStreams, AnswersDoNotDependOnHowTheStreamWasCut) {
  const std::vector<Answer> wanted = run({false, false, false});
  ASSERT_EQ(wanted.size(), 3u);
  int clear = 0;
  for (const How how : {How{true, false, false}, How{false, true, true}, How{true, true, true}}) {
    const std::vector<Answer> found = run(how);
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_NE(found[i].finish, Finish::kError) << found[i].error;
      EXPECT_EQ(found[i].visual_tokens, wanted[i].visual_tokens);
      if (wanted[i].margin <= kClear) continue;
      ++clear;
      EXPECT_EQ(found[i].ids, wanted[i].ids) << "question " << i;
    }
  }
  EXPECT_GT(clear, 0) << "no answer was clear enough to be compared";
}

INSTANTIATE_TEST_SUITE_P(Shapes, LlavaStreams, testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

// The short version of `m3-bench soak`: every frame changes the window, whose memory stays the
// same.
TEST(LlavaStream, KeepsItsSizeHoweverLongItRuns) {
  EngineOptions options;
  options.model = std::string("random:") + M3_GOLDEN_DIR + "/llava/biased/config.json,2";
  options.device = "cpu";
  options.dtype = "float32";
  const auto engine = shared_engine(options);
  SessionOptions small;
  small.window_tokens = 64;
  const auto session = engine->create_session(small);
  Picture picture(PixelFormat::kRgb, 64, 64);
  const int finest = engine->info().ladder.back();
  int most_tokens = 0;
  int most_positions = 0;
  const auto sink = std::make_shared<CollectingSink>();
  for (int number = 0; number < 200; ++number) {
    picture.fill(0, [&](int byte, int row) { return byte * number + row * 3; });
    session->append({engine->encode({picture.view(), finest}).get(), number * kSecond / 2});
    if (number % 40 != 39) continue;
    Question question;
    question.text = "What?";
    question.max_new_tokens = 2;
    const Answer answer = sink->wait(session->ask(question, sink)).answers.at(0);
    ASSERT_NE(answer.finish, Finish::kError) << answer.error;
    most_tokens = std::max(most_tokens, session->stats().window_visual_tokens);
    most_positions = std::max(most_positions, session->stats().window_positions);
  }
  EXPECT_EQ(session->stats().frames, 200u);
  EXPECT_LE(most_tokens, 64);
  EXPECT_LE(most_positions, engine->info().context_tokens);
}

}  // namespace
}  // namespace m3
