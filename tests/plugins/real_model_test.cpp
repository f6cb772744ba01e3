// The elements with the real engine, on the tiny seeded model: what has to be quick is quick in the
// middle of an answer, too.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

constexpr char kSource[] =
    "videotestsrc pattern=ball ! video/x-raw,width=160,height=120,framerate=25/1 ! ";

// m3qa with the tiny model, whose answers go on for as long as its context lets them.
std::string qa(const std::string& properties) {
  return "m3qa name=qa model=random:" M3_TINY_CONFIG ",7 device=cpu " + properties + " ! ";
}

class RealModel : public testing::Test {
 protected:
  void start(const std::string& launch, GstState state = GST_STATE_PLAYING) {
    line_ = pipeline(launch);
    bus_ = gst_element_get_bus(line_.get());
    gst_element_set_state(line_.get(), state);
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
  void wait_for(const std::string& name) {
    for (MessagePtr message = next(); message && name_of(message) != name; message = next()) {
    }
  }
  static std::chrono::milliseconds since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
  }

  ElementPtr line_;
  GstBus* bus_ = nullptr;
};

TEST_F(RealModel, GoesDownInUnderASecondInTheMiddleOfAnAnswer) {
  start(kSource + qa("question=What? interval=1 max-new-tokens=400") + "fakesink");
  wait_for("m3-answer-piece");
  const auto begin = std::chrono::steady_clock::now();
  gst_element_set_state(line_.get(), GST_STATE_NULL);
  EXPECT_LT(since(begin), within(1000));
}

TEST_F(RealModel, CancelEndsAnAnswerAtOnce) {
  start("videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=25/1 ! " +
        qa("max-new-tokens=400") + "fakesink sync=true");
  const ElementPtr qa(gst_bin_get_by_name(GST_BIN(line_.get()), "qa"));
  gchar* id = nullptr;
  g_signal_emit_by_name(qa.get(), "ask", "What?", &id);
  ASSERT_NE(id, nullptr);
  wait_for("m3-answer-piece");
  const auto begin = std::chrono::steady_clock::now();
  gboolean done = FALSE;
  g_signal_emit_by_name(qa.get(), "cancel", id, &done);
  wait_for("m3-answer");
  EXPECT_TRUE(done);
  EXPECT_LT(since(begin), within(100));
  g_free(id);
}

TEST_F(RealModel, TheEndWaitsForWhatWasAskedFirst) {
  const Played played = play(
      "videotestsrc pattern=ball num-buffers=30 ! "
      "video/x-raw,width=160,height=120,framerate=25/1 ! " +
      qa("question=What? max-new-tokens=100") + "fakesink");
  EXPECT_TRUE(played.eos);
  ASSERT_EQ(played.texts().size(), 1U);
  EXPECT_NE(played.texts().front(), "");
}

TEST_F(RealModel, ForgetsTheStreamBeforeASeek) {
  start(kSource + qa("question=What? interval=1 max-new-tokens=4") + "fakesink sync=true",
        GST_STATE_PAUSED);
  ASSERT_EQ(gst_element_get_state(line_.get(), nullptr, nullptr, kWait), GST_STATE_CHANGE_SUCCESS);
  ASSERT_TRUE(
      gst_element_seek(line_.get(), 1, GST_FORMAT_TIME,
                       static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                       GST_SEEK_TYPE_SET, 60 * GST_SECOND, GST_SEEK_TYPE_SET, 61 * GST_SECOND));
  gst_element_set_state(line_.get(), GST_STATE_PLAYING);
  int answers = 0;
  for (MessagePtr message = next(); message && GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_EOS;
       message = next()) {
    if (name_of(message) != "m3-answer") continue;
    ++answers;
    EXPECT_GE(*seconds_of(message, "from"), 60);
  }
  EXPECT_GE(answers, 1);
}

}  // namespace
}  // namespace m3::test
