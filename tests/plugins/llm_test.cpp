#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tests/plugins/llm_line.h"

namespace m3::test {
namespace {

using std::chrono::milliseconds;

TEST(Llm, AnswersThePropertyOnceAtTheEnd) {
  Line line("question=What?");
  line.push(0, 5);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  const BufferPtr text(gst_harness_pull(line.h()));
  GstMapInfo map;
  gst_buffer_map(text.get(), &map, GST_MAP_READ);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(map.data), map.size),
            "5 frames, 720 tokens, brightness 100");
  gst_buffer_unmap(text.get(), &map);
  EXPECT_EQ(GST_BUFFER_PTS(text.get()), 4 * kFrame);
  EXPECT_TRUE(GST_BUFFER_DURATION_IS_VALID(text.get()));
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(number_of(answer, "version"), 1);
  EXPECT_EQ(text_of(answer, "id"), "q1");
  EXPECT_EQ(text_of(answer, "question"), "What?");
  EXPECT_EQ(text_of(answer, "text"), "5 frames, 720 tokens, brightness 100");
  EXPECT_EQ(text_of(answer, "finish"), "stop");
  EXPECT_EQ(text_of(answer, "stream"), "0");
  EXPECT_EQ(text_of(answer, "uid").size(), 36U);
  EXPECT_EQ(seconds_of(answer, "asked_at"), 0.16);
  EXPECT_EQ(seconds_of(answer, "from"), 0);
  EXPECT_EQ(seconds_of(answer, "to"), 0.16);
  EXPECT_EQ(number_of(answer, "frames"), 5);
  EXPECT_EQ(number_of(answer, "visual_tokens"), 720);
}

TEST(Llm, AsksEveryIntervalAboutWhatWasSeenUntilThen) {
  Line line("question=What? interval=0.2");
  line.push(0, 15);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  for (const auto& [asked_at, frames] : {std::pair{0.2, 6}, {0.4, 11}, {0.6, 15}}) {
    const MessagePtr answer = line.answer();
    ASSERT_TRUE(answer);
    EXPECT_DOUBLE_EQ(*seconds_of(answer, "asked_at"), asked_at);
    EXPECT_EQ(number_of(answer, "frames"), frames);
    EXPECT_LE(*seconds_of(answer, "to"), asked_at);
    EXPECT_LE(number_of(answer, "visual_tokens"), 1024) << "old ones are coarser";
    EXPECT_EQ(text_of(answer, "id"), "q1");
  }
  EXPECT_EQ(gst_harness_buffers_in_queue(line.h()), 3U);
}

TEST(Llm, AsksAtATimeOnceAllFramesUpToItAreSeenAndNoLaterOne) {
  Line line("");
  const std::string on_a_frame = line.ask_at("On?", 2 * kFrame);
  const std::string between = line.ask_at("Between?", 3 * kFrame + 1);
  const std::string never_reached = line.ask_at("Late?", 100 * GST_SECOND);
  const std::string at_the_end = line.ask_at("End?", GST_CLOCK_TIME_NONE);
  line.push(0, 6);
  line.end();
  for (const auto& [id, to] :
       {std::pair{on_a_frame, 0.08}, {between, 0.12}, {never_reached, 0.2}, {at_the_end, 0.2}}) {
    const MessagePtr answer = line.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(text_of(answer, "id"), id);
    EXPECT_DOUBLE_EQ(*seconds_of(answer, "to"), to);
  }
}

TEST(Llm, AsksAtOnceOnTheSignalFromAnyThread) {
  Line line("");
  line.push(0, 3);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 3; }));
  std::string id;
  std::thread([&] { id = line.ask("Now?"); }).join();
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(text_of(answer, "id"), id);
  EXPECT_EQ(number_of(answer, "frames"), 3);
  EXPECT_DOUBLE_EQ(*seconds_of(answer, "asked_at"), 0.08);
}

TEST(Llm, HoldsAQuestionThatCameBeforeTheFirstFrame) {
  Line line("");
  const std::string id = line.ask("First?");
  line.push(0, 2);
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(text_of(answer, "id"), id);
  EXPECT_EQ(number_of(answer, "frames"), 1);
}

TEST(Llm, AnswersInTheOrderOfAsking) {
  Line line("");
  line.push(0, 2);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 2; }));
  std::vector<std::string> asked;
  for (int i = 0; i < 20; ++i) asked.push_back(line.ask("What?"));
  for (const std::string& id : asked) EXPECT_EQ(text_of(line.answer(), "id"), id);
}

TEST(Llm, StillAnswersBehindTheEnd) {
  Line line("question=What?");
  line.push(0, 2);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  line.answer();
  const std::string id = line.ask("And now?");
  EXPECT_EQ(text_of(line.answer(), "id"), id);
}

TEST(Llm, PostsPiecesThatMakeUpTheAnswer) {
  Line line("question=What?");
  line.push(0, 2);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  std::string pieces;
  std::string text;
  for (const MessagePtr& message : line.bus().rest()) {
    if (name_of(message) == "m3-answer-piece") {
      EXPECT_TRUE(text.empty());
      pieces += text_of(message, "text");
    }
    if (name_of(message) == "m3-answer") text = text_of(message, "text");
  }
  EXPECT_EQ(pieces, text);
  EXPECT_EQ(text, "2 frames, 288 tokens, brightness 100");
}

TEST(Llm, CancelsWhatIsBeingAnsweredAndWhatIsScheduled) {
  Line line("", "fake:delay_ms=50,tokens=1000");
  line.push(0, 2);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 2; }));
  const std::string id = line.ask("Long?");
  ASSERT_TRUE(line.bus().next("m3-answer-piece"));
  EXPECT_TRUE(line.cancel(id));
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(text_of(answer, "finish"), "cancelled");
  EXPECT_FALSE(line.cancel(id));
  const std::string later = line.ask_at("Later?", GST_SECOND);
  EXPECT_TRUE(line.cancel(later));
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  EXPECT_FALSE(line.bus().next("m3-answer", milliseconds(0)));
  EXPECT_EQ(gst_harness_buffers_in_queue(line.h()), 0U);
}

TEST(Llm, RefusesMoreQuestionsThanItCanHold) {
  Line line("", "fake:delay_ms=50,tokens=1000");
  line.push(0, 2);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 2; }));
  int taken = 0;
  while (taken < 1000 && !line.ask("What?").empty()) ++taken;
  EXPECT_EQ(taken, 64);
}

TEST(Llm, WritesJsonLinesWhenDownstreamTakesThem) {
  Line line("question=What? stream=yard ! capsfilter caps=application/json");
  line.push(0, 2);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  const BufferPtr buffer(gst_harness_pull(line.h()));
  GstMapInfo map;
  gst_buffer_map(buffer.get(), &map, GST_MAP_READ);
  const std::string text(reinterpret_cast<char*>(map.data), map.size);
  gst_buffer_unmap(buffer.get(), &map);
  ASSERT_TRUE(text.ends_with("}\n"));
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["type"], "answer");
  EXPECT_EQ(json["stream"], "yard");
  EXPECT_EQ(json["text"], "2 frames, 288 tokens, brightness 100");
  EXPECT_EQ(json["asked_at"], 0.04);
}

TEST(Llm, SendsTextWithCapsAndSegmentOfItsOwn) {
  Line line("question=What?");
  line.push(0, 2);
  line.end();
  std::vector<GstEventType> order;
  for (;;) {
    const EventPtr event(gst_harness_pull_event(line.h()));
    ASSERT_TRUE(event);
    if (GST_EVENT_TYPE(event.get()) == GST_EVENT_CAPS) {
      GstCaps* caps = nullptr;
      gst_event_parse_caps(event.get(), &caps);
      EXPECT_TRUE(gst_structure_has_name(gst_caps_get_structure(caps, 0), "text/x-raw"));
    }
    if (GST_EVENT_TYPE(event.get()) == GST_EVENT_GAP) continue;
    order.push_back(GST_EVENT_TYPE(event.get()));
    if (order.back() == GST_EVENT_EOS) break;
  }
  EXPECT_EQ(order, (std::vector{GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT,
                                GST_EVENT_EOS}));
}

TEST(Llm, ReportsAQuestionThatTheEngineCannotAnswer) {
  Line line("question=What?", "fake:fail=ask");
  line.push(0, 2);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(text_of(answer, "finish"), "error");
  EXPECT_FALSE(text_of(answer, "error").empty());
  EXPECT_EQ(gst_harness_buffers_in_queue(line.h()), 0U);
}

TEST(Llm, SaysThatAStreamWithoutFramesCannotBeAskedAbout) {
  Line line("question=What?");
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(text_of(answer, "finish"), "error");
  EXPECT_EQ(text_of(answer, "error"), "The stream ended before a frame of it was looked at");
}

TEST(Llm, RefusesTokensOfAModelThatIsNotOpen) {
  const HarnessPtr h = harness("m3llm");
  Bus bus(h->element);
  gst_harness_set_src_caps_str(h.get(), "application/x-m3-tokens, model-id=0123456789abcdef");
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_NE(error_of(error).find("0123456789abcdef"), std::string::npos);
}

TEST(Llm, RefusesToStartWithWhatThisVersionCannotDo) {
  for (const char* properties : {"memory-location=/tmp", "answer-format=json"}) {
    GstElement* made = gst_parse_launch((std::string("m3llm ") + properties).c_str(), nullptr);
    const ElementPtr element(GST_ELEMENT(gst_object_ref_sink(made)));
    Bus bus(element.get());
    EXPECT_EQ(gst_element_set_state(element.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
    ASSERT_TRUE(error);
    EXPECT_EQ(error_of(error).rfind(properties, 0), 0U) << error_of(error);
    gst_element_set_state(element.get(), GST_STATE_NULL);
  }
}

TEST(Llm, HandsItsSettingsToTheModel) {
  Line line(
      "question=What? max-new-tokens=77 temperature=0.5 top-p=0.9 seed=11 stop=\"<A, B>\" "
      "system-prompt=Be window-tokens=300",
      "fake:say=settings");
  line.push(0, 1);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  const std::string text = text_of(line.answer(), "text");
  for (const char* setting : {"77", "0.5", "0.9", "11", "A", "B", "Be", "300"}) {
    EXPECT_NE(text.find(setting), std::string::npos) << setting << " in " << text;
  }
}

TEST(Llm, ADeadlineEndsAnAnswerWithWhatThereIs) {
  Line line("deadline=0.3", "fake:tokens=1000,delay_ms=20");
  line.push(0, 2);
  line.ask("What?");
  const auto begin = std::chrono::steady_clock::now();
  const MessagePtr answer = line.answer();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, within(5000));
  const GstStructure* fields = gst_message_get_structure(answer.get());
  EXPECT_STREQ(gst_structure_get_string(fields, "finish"), "cancelled");
  EXPECT_STRNE(gst_structure_get_string(fields, "text"), "");
}

TEST(Llm, AConversationIsOfWhatIsAskedAndNotOfTheProperty) {
  Line line("conversation=street question=\"Always?\" interval=0.04", "fake:say=settings");
  line.push(0, 2);
  line.ask("What?");
  line.end();
  bool asked = false;
  for (int i = 0; i < 2; ++i) {
    const MessagePtr answer = line.answer();
    const GstStructure* fields = gst_message_get_structure(answer.get());
    const std::string text = gst_structure_get_string(fields, "text");
    const bool of_signal = gst_structure_get_string(fields, "question") == std::string("What?");
    EXPECT_EQ(text.find("conversation=street") != std::string::npos, of_signal) << text;
    asked |= of_signal;
  }
  EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace m3::test
