// The elements with the real engine, on the tiny seeded model, and with the fake one: what has to
// be quick is quick in the middle of an answer, too.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

constexpr char kSource[] =
    "videotestsrc pattern=ball ! video/x-raw,width=160,height=120,framerate=25/1 ! ";

struct Kind {
  const char* name;
  const char* model;  // whose answers go on for as long as they may
};

class RealModel : public testing::TestWithParam<Kind> {
 protected:
  static std::string qa(const std::string& properties) {
    return std::string("m3qa name=qa model=") + GetParam().model + " device=cpu " + properties +
           " ! ";
  }
  void start(const std::string& launch, GstState state = GST_STATE_PLAYING) {
    line_ = pipeline(launch);
    bus_ = gst_element_get_bus(line_.get());
    qa_.reset(gst_bin_get_by_name(GST_BIN(line_.get()), "qa"));
    gst_element_set_state(line_.get(), state);
    if (state != GST_STATE_PAUSED) return;
    ASSERT_EQ(gst_element_get_state(line_.get(), nullptr, nullptr, kWait),
              GST_STATE_CHANGE_SUCCESS);
  }
  void TearDown() override {
    if (line_) gst_element_set_state(line_.get(), GST_STATE_NULL);
    if (bus_) gst_object_unref(bus_);
  }
  // The next message of the line that counts; fails for an error.
  MessagePtr next() {
    MessagePtr message(gst_bus_timed_pop_filtered(
        bus_, kWait,
        static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    EXPECT_TRUE(message);
    if (message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_ERROR)
      ADD_FAILURE() << error_of(message);
    return message;
  }
  // The first message of this name; null: the stream ended before.
  MessagePtr wait_for(const std::string& name) {
    for (MessagePtr message = next(); message && GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_EOS;
         message = next()) {
      if (name_of(message) == name) return message;
    }
    ADD_FAILURE() << "no " << name;
    return nullptr;
  }
  // All answers until the end of the stream.
  std::vector<MessagePtr> answers_to_the_end() {
    std::vector<MessagePtr> answers;
    for (MessagePtr message = next(); message && GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_EOS;
         message = next()) {
      if (name_of(message) == "m3-answer") answers.push_back(std::move(message));
    }
    return answers;
  }
  bool seek(GstClockTime from, GstClockTime to) {
    return gst_element_seek(line_.get(), 1, GST_FORMAT_TIME,
                            static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                            GST_SEEK_TYPE_SET, static_cast<gint64>(from), GST_SEEK_TYPE_SET,
                            static_cast<gint64>(to));
  }
  static std::chrono::milliseconds since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
  }

  ElementPtr line_;
  ElementPtr qa_;
  GstBus* bus_ = nullptr;
};

TEST_P(RealModel, GoesDownInUnderASecondInTheMiddleOfAnAnswer) {
  start(kSource + qa("question=What? interval=1 max-new-tokens=400") + "fakesink");
  ASSERT_TRUE(wait_for("m3-answer-piece"));
  const auto begin = std::chrono::steady_clock::now();
  gst_element_set_state(line_.get(), GST_STATE_NULL);
  EXPECT_LT(since(begin), within(1000));
}

TEST_P(RealModel, CancelEndsAnAnswerAtOnce) {
  start("videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=25/1 ! " +
        qa("max-new-tokens=400") + "fakesink sync=true");
  gchar* id = nullptr;
  g_signal_emit_by_name(qa_.get(), "ask", "What?", &id);
  ASSERT_NE(id, nullptr);
  ASSERT_TRUE(wait_for("m3-answer-piece"));
  const auto begin = std::chrono::steady_clock::now();
  gboolean done = FALSE;
  g_signal_emit_by_name(qa_.get(), "cancel", id, &done);
  const MessagePtr answer = wait_for("m3-answer");
  EXPECT_TRUE(done);
  EXPECT_LT(since(begin), within(100));
  ASSERT_TRUE(answer);
  EXPECT_EQ(text_of(answer, "finish"), "cancelled");
  g_free(id);
}

TEST_P(RealModel, TheEndComesBehindEveryAnswerInTheOrderOfAsking) {
  start(
      "videotestsrc pattern=ball num-buffers=30 ! "
      "video/x-raw,width=160,height=120,framerate=25/1 ! " +
          qa("max-new-tokens=24") + "fakesink",
      GST_STATE_PAUSED);
  std::vector<std::string> asked;
  for (const char* text : {"What?", "Where is it?", "Why?", "When?"}) {
    gchar* id = nullptr;
    g_signal_emit_by_name(qa_.get(), "ask-at", text, GST_CLOCK_TIME_NONE, guint64{0}, &id);
    ASSERT_NE(id, nullptr);
    asked.emplace_back(id);
    g_free(id);
  }
  gst_element_set_state(line_.get(), GST_STATE_PLAYING);
  std::vector<std::string> answered;
  for (const MessagePtr& answer : answers_to_the_end()) {
    answered.push_back(text_of(answer, "id"));
    EXPECT_NE(text_of(answer, "text"), "");
    const std::string finish = text_of(answer, "finish");
    EXPECT_TRUE(finish == "stop" || finish == "length") << finish;
    EXPECT_GE(*seconds_of(answer, "to"), 1);
  }
  EXPECT_EQ(answered, asked);
}

TEST_P(RealModel, ForgetsTheStreamBeforeASeek) {
  start(kSource + qa("question=What? interval=1 max-new-tokens=4") + "fakesink sync=true",
        GST_STATE_PAUSED);
  ASSERT_TRUE(seek(60 * GST_SECOND, 61 * GST_SECOND));
  gst_element_set_state(line_.get(), GST_STATE_PLAYING);
  const std::vector<MessagePtr> answers = answers_to_the_end();
  EXPECT_GE(answers.size(), 1U);
  for (const MessagePtr& answer : answers) EXPECT_GE(*seconds_of(answer, "from"), 60);
}

TEST_P(RealModel, ASeekInTheMiddleOfAnAnswerEndsItAndForgetsTheStream) {
  start(kSource + qa("question=What? interval=0.1 max-new-tokens=400") + "fakesink sync=true");
  ASSERT_TRUE(wait_for("m3-answer-piece"));
  g_object_set(qa_.get(), "max-new-tokens", 4, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(seek(60 * GST_SECOND, 61 * GST_SECOND));
  EXPECT_LT(since(begin), within(1000));
  int cancelled = 0;
  int later = 0;
  for (const MessagePtr& answer : answers_to_the_end()) {
    if (text_of(answer, "finish") == "cancelled") {
      EXPECT_EQ(later, 0) << "it was told late";
      ++cancelled;
      continue;
    }
    if (cancelled == 0) continue;  // it was complete before the seek
    ++later;
    EXPECT_GE(*seconds_of(answer, "from"), 60);
    EXPECT_GE(*seconds_of(answer, "asked_at"), 60);
    EXPECT_LE(number_of(answer, "frames"), 3) << "two looks a second";
  }
  EXPECT_GE(cancelled, 1);
  EXPECT_GE(later, 2);
}

INSTANTIATE_TEST_SUITE_P(Engines, RealModel,
                         testing::Values(Kind{"Torch", "random:" M3_TINY_CONFIG ",7"},
                                         Kind{"Fake", "fake:tokens=400,delay_ms=20"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace m3::test
