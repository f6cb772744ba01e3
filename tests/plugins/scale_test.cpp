#include <gtest/gtest.h>

#include "plugins/load_event.h"
#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

// What was decided for one picture.
Decision decision_for(GstHarness* h, BufferPtr in) {
  const BufferPtr out(gst_harness_push_and_pull(h, in.release()));
  const GstM3ScaleMeta* meta = out ? decision_in(out.get()) : nullptr;
  if (!meta) {
    ADD_FAILURE() << "no decision";
    return {};
  }
  return meta->decision;
}

HarnessPtr scale_harness(const std::string& properties = "") {
  HarnessPtr h = harness("m3scale " + properties);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  return h;
}

std::vector<int> frames_looked_at(GstHarness* h, int frames, bool timed) {
  std::vector<int> looked_at;
  for (int i = 0; i < frames; ++i) {
    BufferPtr in = picture(kVideo, i);
    if (!timed) GST_BUFFER_PTS(in.get()) = GST_CLOCK_TIME_NONE;
    if (decision_for(h, std::move(in)).action != Action::kSkip) looked_at.push_back(i);
  }
  return looked_at;
}

TEST(Scale, LooksAtTwoFramesASecondByDefault) {
  const HarnessPtr h = scale_harness();
  EXPECT_EQ(frames_looked_at(h.get(), 50, true), (std::vector<int>{0, 13, 25, 38}));
}

TEST(Scale, CountsFramesWhereTheyHaveNoTimes) {
  const HarnessPtr h = scale_harness();
  EXPECT_EQ(frames_looked_at(h.get(), 50, false), (std::vector<int>{0, 13, 25, 38}));
}

TEST(Scale, GivesEveryFrameAFixedScale) {
  const HarnessPtr h = scale_harness("scale=36 fps=0 budget=0");
  for (int i = 0; i < 5; ++i) {
    const Decision decision = decision_for(h.get(), picture(kVideo, i));
    EXPECT_EQ(decision.action, Action::kEncode);
    EXPECT_EQ(decision.scale, 36);
    EXPECT_EQ(decision.reason, Reason::kFixed);
  }
}

TEST(Scale, TheBusierOfTowerAndWindowLowersTheScale) {
  const HarnessPtr h = scale_harness("scale=144 fps=0 budget=0");
  int frame = 0;
  const auto scale_after = [&](LoadOf of, double load) {
    gst_harness_push_upstream_event(h.get(), new_load_event({of, load}));
    return decision_for(h.get(), picture(kVideo, frame++)).scale;
  };
  EXPECT_EQ(decision_for(h.get(), picture(kVideo, frame++)).scale, 144);
  EXPECT_EQ(scale_after(LoadOf::kWindow, 0.5), 36);
  EXPECT_EQ(scale_after(LoadOf::kTower, 0.25), 36) << "the window is still busy";
  EXPECT_EQ(scale_after(LoadOf::kTower, 1), 9);
  EXPECT_EQ(scale_after(LoadOf::kWindow, 0), 9) << "now the tower is";
  EXPECT_EQ(scale_after(LoadOf::kTower, 0), 144);
}

// Qualities of the QOS messages on the bus so far.
std::vector<int> qualities(Bus& bus) {
  std::vector<int> all;
  for (const MessagePtr& message : bus.rest()) {
    if (GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_QOS) continue;
    gint64 jitter = 0;
    gdouble proportion = 0;
    gint quality = 0;
    gst_message_parse_qos_values(message.get(), &jitter, &proportion, &quality);
    all.push_back(quality);
  }
  return all;
}

TEST(Scale, TellsWhenQualityIsLoweredAndWhenThatIsOver) {
  const HarnessPtr h = scale_harness("scale=144 fps=0 budget=0");
  Bus bus(h->element);
  int frame = 0;
  const auto with_load = [&](double load) {
    gst_harness_push_upstream_event(h.get(), new_load_event({LoadOf::kTower, load}));
    for (int i = 0; i < 3; ++i) decision_for(h.get(), picture(kVideo, frame++));
  };
  with_load(0);
  EXPECT_EQ(qualities(bus), std::vector<int>());
  with_load(0.5);
  with_load(1);
  with_load(0);
  EXPECT_EQ(qualities(bus), (std::vector<int>{250000, 62500, 1000000}));
}

TEST(Scale, TellsWhenTheBudgetIsUsedUp) {
  const HarnessPtr h = scale_harness("scale=144 fps=0 budget=30 burst=200");
  Bus bus(h->element);
  for (int i = 0; i < 3; ++i) decision_for(h.get(), picture(kVideo, i));
  EXPECT_EQ(qualities(bus), (std::vector<int>{250000, 62500}));
}

TEST(Scale, SpendsNoMoreThanBudgetAndBurst) {
  const HarnessPtr h = scale_harness("fps=0 budget=30 burst=150");
  int spent = 0;
  for (int i = 0; i < 100; ++i) spent += decision_for(h.get(), picture(kVideo, i)).scale;
  EXPECT_GT(spent, 0);
  EXPECT_LE(spent, 30 * 4 + 150);
}

TEST(Scale, SkipsWhatIsOutsideTheSegmentAndWhatRepeatsAFrame) {
  const HarnessPtr h = scale_harness("scale=9 fps=0 budget=0");
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = 2 * kFrame;
  gst_harness_push_event(h.get(), gst_event_new_segment(&segment));
  EXPECT_EQ(decision_for(h.get(), picture(kVideo, 1)).action, Action::kSkip);
  BufferPtr gap = picture(kVideo, 2);
  GST_BUFFER_FLAG_SET(gap.get(), GST_BUFFER_FLAG_GAP);
  EXPECT_EQ(decision_for(h.get(), std::move(gap)).action, Action::kSkip);
  EXPECT_EQ(decision_for(h.get(), picture(kVideo, 3)).action, Action::kEncode);
}

TEST(Scale, LeavesTheBufferOfTheOtherBranchAlone) {
  const HarnessPtr h = scale_harness();
  const BufferPtr in = picture(kVideo, 0);
  const BufferPtr out(gst_harness_push_and_pull(h.get(), gst_buffer_ref(in.get())));
  EXPECT_EQ(gst_buffer_peek_memory(in.get(), 0), gst_buffer_peek_memory(out.get(), 0));
  EXPECT_TRUE(decision_in(out.get()));
  EXPECT_FALSE(decision_in(in.get()));
}

TEST(Scale, StartsOverBehindAFlush) {
  const HarnessPtr h = scale_harness("fps=0");
  EXPECT_EQ(decision_for(h.get(), picture(kVideo, 0)).reason, Reason::kFirst);
  EXPECT_NE(decision_for(h.get(), picture(kVideo, 1)).reason, Reason::kFirst);
  gst_harness_push_event(h.get(), gst_event_new_flush_start());
  gst_harness_push_event(h.get(), gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(h.get(), gst_event_new_segment(&segment));
  EXPECT_EQ(decision_for(h.get(), picture(kVideo, 2)).reason, Reason::kFirst);
}

TEST(Scale, TakesTheLadderOfTheModelCutAtWhatIsKept) {
  const Played narrow = play(
      "videotestsrc num-buffers=30 pattern=snow ! m3motion ! m3scale fps=0 budget=0 ! "
      "m3encode model=fake:grid=6 keep-scale=9 ! m3pool ! m3llm frame-messages=true ! fakesink");
  int finest = 0;
  for (const GstStructure* frame : narrow.named("m3-frame")) {
    gint scale = 0;
    gst_structure_get_int(frame, "scale", &scale);
    finest = std::max(finest, scale);
  }
  EXPECT_EQ(narrow.named("m3-frame").size(), 30U);
  EXPECT_EQ(finest, 9);
}

TEST(Scale, RefusesAScaleOffTheLadder) {
  const HarnessPtr h = scale_harness("scale=7");
  Bus bus(h->element);
  EXPECT_EQ(gst_harness_push(h.get(), picture(kVideo, 0).release()), GST_FLOW_ERROR);
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_EQ(error_of(error),
            "scale 7 is not on the model's ladder; give auto or one of 1, 9, 36, 144");
}

TEST(Scale, RefusesToStartWithAScaleThatIsNoNumber) {
  const ElementPtr element(
      GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("m3scale", nullptr))));
  Bus bus(element.get());
  g_object_set(element.get(), "scale", "fine", nullptr);
  EXPECT_EQ(gst_element_set_state(element.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_EQ(error_of(error), "scale=fine is neither auto nor a number of visual tokens");
  gst_element_set_state(element.get(), GST_STATE_NULL);
}

TEST(Scale, KeepsTheOldValueAndWarnsWhenABadOneIsSetWhilePlaying) {
  for (const char* bad : {"7", "fine"}) {
    const HarnessPtr h = scale_harness("scale=9 fps=0 budget=0");
    Bus bus(h->element);
    EXPECT_EQ(decision_for(h.get(), picture(kVideo, 0)).scale, 9);
    g_object_set(h->element, "scale", bad, nullptr);
    EXPECT_EQ(decision_for(h.get(), picture(kVideo, 1)).scale, 9);
    EXPECT_TRUE(bus.next(GST_MESSAGE_WARNING));
    gchar* now = nullptr;
    g_object_get(h->element, "scale", &now, nullptr);
    EXPECT_STREQ(now, "9");
    g_free(now);
    g_object_set(h->element, "scale", "36", nullptr);
    EXPECT_EQ(decision_for(h.get(), picture(kVideo, 2)).scale, 36);
  }
}

TEST(Scale, RefusesAnotherBudgetForAGroupThatIsOpen) {
  const HarnessPtr first = scale_harness("budget-group=yard budget=64");
  decision_for(first.get(), picture(kVideo, 0));
  const HarnessPtr second = scale_harness("budget-group=yard budget=30");
  Bus bus(second->element);
  EXPECT_EQ(gst_harness_push(second.get(), picture(kVideo, 0).release()), GST_FLOW_ERROR);
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_NE(error_of(error).find("yard"), std::string::npos);
}

}  // namespace
}  // namespace m3::test
