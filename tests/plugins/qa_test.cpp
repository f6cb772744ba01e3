#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

using std::chrono::milliseconds;

guint64 count(const Played& played, const char* field) {
  guint64 value = 0;
  EXPECT_TRUE(played.stats && gst_structure_get_uint64(played.stats.get(), field, &value)) << field;
  return value;
}

// Id, time, text and tokens of each answer.
std::vector<std::string> answers(const Played& played) {
  std::vector<std::string> lines;
  for (const GstStructure* answer : played.named("m3-answer")) {
    gdouble asked_at = -1;
    gint tokens = -1;
    gst_structure_get_double(answer, "asked_at", &asked_at);
    gst_structure_get_int(answer, "visual_tokens", &tokens);
    lines.push_back(std::string(gst_structure_get_string(answer, "id")) + " " +
                    std::to_string(asked_at) + " " + gst_structure_get_string(answer, "text") +
                    " " + std::to_string(tokens));
  }
  return lines;
}

constexpr char kSource[] =
    "videotestsrc pattern=ball num-buffers=100 ! video/x-raw,width=160,height=120,framerate=25/1 "
    "! ";

TEST(Qa, AnswersAboutTheVideoThatPasses) {
  const Played played =
      play(std::string(kSource) + "m3qa name=qa model=fake: question=What? interval=1 ! fakesink");
  EXPECT_TRUE(played.eos);
  EXPECT_EQ(played.texts().size(), 4U);
  EXPECT_EQ(count(played, "frames"), 100U);
  EXPECT_EQ(count(played, "frames_encoded") + count(played, "frames_reused") +
                count(played, "frames_sampled_out") + count(played, "frames_dropped"),
            100U);
  EXPECT_EQ(count(played, "frames_sampled_out"), 92U);
  EXPECT_EQ(count(played, "frames_dropped"), 0U);
  EXPECT_GT(count(played, "visual_tokens"), 0U);
}

TEST(Qa, EqualsTheLineWrittenOut) {
  const std::string rest =
      " question=What? interval=0.5 fps=5 budget=50 "
      "model=fake: keep-scale=36 ! fakesink";
  const Played bin = play(std::string(kSource) + "m3qa name=qa" + rest);
  const Played line =
      play(std::string(kSource) +
           "m3motion ! m3scale fps=5 budget=50 ! m3encode model=fake: "
           "keep-scale=36 ! m3pool ! m3llm name=llm question=What? interval=0.5 ! fakesink");
  EXPECT_EQ(answers(bin).size(), 8U);
  EXPECT_EQ(answers(bin), answers(line));
  for (const char* field : {"frames", "frames_encoded", "frames_reused", "visual_tokens"}) {
    EXPECT_EQ(count(bin, field), count(line, field)) << field;
  }
}

TEST(Qa, GivesTheSameAnswersHoweverFastTheEngineIs) {
  const std::string rest = ",tokens=5 question=What? interval=0.3 fps=10 ! fakesink";
  const auto fast =
      answers(play(std::string(kSource) + "m3qa name=qa model=fake:encode_ms=0" + rest));
  const auto slow = answers(play(
      std::string(kSource) + "m3qa name=qa model=fake:encode_ms=10,append_ms=5,delay_ms=2" + rest));
  EXPECT_EQ(fast.size(), 13U);
  EXPECT_EQ(fast, slow);
}

TEST(Qa, WaitsWithTheEndForTheLastAnswer) {
  const Played played =
      play(std::string(kSource) +
           "m3qa name=qa model=fake:delay_ms=20,tokens=20 question=What? ! fakesink");
  EXPECT_TRUE(played.eos);
  EXPECT_EQ(played.texts().size(), 1U);
}

TEST(Qa, PlaysWithEveryPadLinkedAndWithNone) {
  EXPECT_TRUE(play(std::string(kSource) + "m3qa name=qa model=fake: question=What?").eos);
  const Played all = play(std::string(kSource) +
                          "m3qa name=qa model=fake: question=What? qa.src ! fakesink "
                          "qa.text ! application/json ! fakesink name=text");
  EXPECT_TRUE(all.eos);
  EXPECT_EQ(all.texts().size(), 1U);
}

TEST(Qa, PassesTheVideoUnchanged) {
  const ElementPtr line = pipeline(
      "videotestsrc num-buffers=3 pattern=snow ! tee name=t ! queue ! m3qa model=fake: ! "
      "appsink name=after sync=false t. ! queue ! appsink name=before sync=false");
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  const auto sink = [&](const char* name) {
    return gst_bin_get_by_name(GST_BIN(line.get()), name);
  };
  GstElement* before = sink("before");
  GstElement* after = sink("after");
  for (int i = 0; i < 3; ++i) {
    GstSample* in = gst_app_sink_pull_sample(GST_APP_SINK(before));
    GstSample* out = gst_app_sink_pull_sample(GST_APP_SINK(after));
    EXPECT_EQ(gst_buffer_peek_memory(gst_sample_get_buffer(in), 0),
              gst_buffer_peek_memory(gst_sample_get_buffer(out), 0));
    EXPECT_FALSE(decision_in(gst_sample_get_buffer(in)));
    gst_sample_unref(in);
    gst_sample_unref(out);
  }
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(before);
  gst_object_unref(after);
}

TEST(Qa, HasThePropertiesOfItsElementsAsItsOwn) {
  const ElementPtr qa(GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("m3qa", nullptr))));
  for (const char* child_name : {"encode", "scale", "llm"}) {
    GstElement* child = gst_bin_get_by_name(GST_BIN(qa.get()), child_name);
    guint specs = 0;
    GParamSpec** list = g_object_class_list_properties(G_OBJECT_GET_CLASS(child), &specs);
    for (guint i = 0; i < specs; ++i) {
      if (list[i]->owner_type != G_OBJECT_TYPE(child)) continue;
      GParamSpec* own = g_object_class_find_property(G_OBJECT_GET_CLASS(qa.get()), list[i]->name);
      ASSERT_TRUE(own) << list[i]->name;
      EXPECT_EQ(own->flags, list[i]->flags) << list[i]->name;
      EXPECT_STREQ(g_param_spec_get_blurb(own), g_param_spec_get_blurb(list[i]));
    }
    g_free(list);
    gst_object_unref(child);
  }
}

TEST(Qa, SetsAPropertyOnEveryElementThatHasIt) {
  const ElementPtr qa(GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("m3qa", nullptr))));
  gst_util_set_object_arg(G_OBJECT(qa.get()), "when-busy", "drop");
  gst_util_set_object_arg(G_OBJECT(qa.get()), "interval", "2.5");
  gst_util_set_object_arg(G_OBJECT(qa.get()), "stop", "<\"A\", \"B\">");
  for (const char* name : {"encode", "llm"}) {
    GstElement* child = gst_bin_get_by_name(GST_BIN(qa.get()), name);
    gint when = 0;
    g_object_get(child, "when-busy", &when, nullptr);
    EXPECT_EQ(when, 2) << name;
    gst_object_unref(child);
  }
  gdouble interval = 0;
  g_object_get(qa.get(), "interval", &interval, nullptr);
  EXPECT_EQ(interval, 2.5);
}

TEST(Qa, TakesQuestionsAsTextAtTheirTime) {
  const ElementPtr line = pipeline(std::string(kSource) +
                                   "m3qa name=qa model=fake: ! fakesink appsrc name=ask "
                                   "caps=text/x-raw,format=utf8 format=time ! qa.question");
  GstElement* source = gst_bin_get_by_name(GST_BIN(line.get()), "ask");
  const auto push = [&](const char* text, GstClockTime pts) {
    GstBuffer* buffer = gst_buffer_new_memdup(text, std::strlen(text));
    GST_BUFFER_PTS(buffer) = pts;
    gst_app_src_push_buffer(GST_APP_SRC(source), buffer);
  };
  push("At two?\n", 2 * GST_SECOND);
  push("At one?", GST_SECOND);
  gst_element_set_state(line.get(), GST_STATE_PAUSED);
  // The questions are there before the stream has begun in earnest.
  GstBus* bus = gst_element_get_bus(line.get());
  ASSERT_EQ(gst_element_get_state(line.get(), nullptr, nullptr, kWait), GST_STATE_CHANGE_SUCCESS);
  ASSERT_TRUE(
      eventually([&] { return gst_app_src_get_current_level_buffers(GST_APP_SRC(source)) == 0; }));
  std::this_thread::sleep_for(milliseconds(50));
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  std::vector<std::string> asked;
  for (;;) {
    const MessagePtr message(gst_bus_timed_pop_filtered(
        bus, kWait,
        static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    ASSERT_TRUE(message);
    if (GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_ELEMENT) break;
    if (name_of(message) != "m3-answer") continue;
    asked.push_back(text_of(message, "question") + " " +
                    std::to_string(*seconds_of(message, "asked_at")));
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"At one? 1.000000", "At two? 2.000000"}));
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(source);
  gst_object_unref(bus);
}

TEST(Qa, AnswersAnotherThreadWhileItPlays) {
  const ElementPtr line = pipeline(
      "videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=100/1 ! "
      "m3qa name=qa model=fake: ! fakesink");
  GstElement* qa = gst_bin_get_by_name(GST_BIN(line.get()), "qa");
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  std::vector<std::thread> askers;
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back([qa] {
      for (int n = 0; n < 5; ++n) {
        gchar* id = nullptr;
        g_signal_emit_by_name(qa, "ask", "What?", &id);
        EXPECT_TRUE(id);
        g_free(id);
        std::this_thread::sleep_for(milliseconds(5));
      }
    });
  }
  int answered = 0;
  while (answered < 20) {
    const MessagePtr message(gst_bus_timed_pop_filtered(
        bus, kWait, static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR)));
    ASSERT_TRUE(message);
    ASSERT_EQ(GST_MESSAGE_TYPE(message.get()), GST_MESSAGE_ELEMENT);
    answered += name_of(message) == "m3-answer";
  }
  for (std::thread& asker : askers) asker.join();
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(qa);
  gst_object_unref(bus);
}

TEST(Qa, GoesDownInUnderASecondInTheMiddleOfAnAnswer) {
  const ElementPtr line =
      pipeline(std::string(kSource) +
               "m3qa name=qa model=fake:delay_ms=100,tokens=1000 question=What? ! fakesink");
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  for (;;) {
    const MessagePtr message(gst_bus_timed_pop_filtered(bus, kWait, GST_MESSAGE_ELEMENT));
    ASSERT_TRUE(message);
    if (name_of(message) == "m3-answer-piece") break;
  }
  const auto began = std::chrono::steady_clock::now();
  gst_element_set_state(line.get(), GST_STATE_NULL);
  EXPECT_LT(std::chrono::steady_clock::now() - began, within(1000));
  gst_object_unref(bus);
}

TEST(Qa, PlaysAgainAsItPlayedTheFirstTime) {
  const ElementPtr line = pipeline(std::string(kSource) +
                                   "m3qa name=qa model=fake: question=What? interval=1 ! fakesink");
  GstBus* bus = gst_element_get_bus(line.get());
  std::vector<std::vector<std::string>> runs;
  for (int i = 0; i < 3; ++i) {
    gst_element_set_state(line.get(), GST_STATE_PLAYING);
    auto& texts = runs.emplace_back();
    for (;;) {
      const MessagePtr message(gst_bus_timed_pop_filtered(
          bus, kWait,
          static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
      ASSERT_TRUE(message);
      if (GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_ELEMENT) break;
      if (name_of(message) == "m3-answer") texts.push_back(text_of(message, "text"));
    }
    gst_element_set_state(line.get(), GST_STATE_READY);
  }
  EXPECT_EQ(runs[0].size(), 4U);
  EXPECT_EQ(runs[1], runs[0]);
  EXPECT_EQ(runs[2], runs[0]);
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(bus);
}

TEST(Qa, ForgetsWhatItSawBeforeASeek) {
  const ElementPtr line = pipeline(
      "videotestsrc ! video/x-raw,width=160,height=120,framerate=25/1 ! "
      "m3qa name=qa model=fake: interval=1 question=What? ! fakesink sync=true");
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PAUSED);
  ASSERT_EQ(gst_element_get_state(line.get(), nullptr, nullptr, kWait), GST_STATE_CHANGE_SUCCESS);
  ASSERT_TRUE(
      gst_element_seek(line.get(), 1, GST_FORMAT_TIME,
                       static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                       GST_SEEK_TYPE_SET, 60 * GST_SECOND, GST_SEEK_TYPE_SET, 62 * GST_SECOND));
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  std::vector<double> asked;
  for (;;) {
    const MessagePtr message(gst_bus_timed_pop_filtered(
        bus, kWait,
        static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    ASSERT_TRUE(message);
    ASSERT_NE(GST_MESSAGE_TYPE(message.get()), GST_MESSAGE_ERROR) << error_of(message);
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS) break;
    if (name_of(message) != "m3-answer") continue;
    asked.push_back(*seconds_of(message, "asked_at"));
    EXPECT_GE(*seconds_of(message, "from"), 60);
  }
  EXPECT_EQ(asked, (std::vector<double>{60, 61, 62}));
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(bus);
}

TEST(Qa, GivesOneErrorOfItsOwnForAModelThatCannotBeHad) {
  const Played played =
      play(std::string(kSource) + "m3qa name=qa model=fake:fail=load question=What? ! fakesink");
  EXPECT_FALSE(played.eos);
  ASSERT_EQ(played.errors().size(), 1U);
  EXPECT_TRUE(played.texts().empty());
}

TEST(Qa, SharesOneBudgetInAGroup) {
  const std::string source =
      "videotestsrc pattern=snow num-buffers=100 ! video/x-raw,width=160,height=120,framerate=25/1 "
      "! ";
  std::string launch;
  for (int i = 0; i < 4; ++i) {
    launch += source + "m3qa model=fake: fps=0 budget=40 burst=160 budget-group=wall " +
              (i == 0 ? "name=qa " : "") + "frame-messages=true ! fakesink ";
  }
  const Played played = play(launch);
  EXPECT_TRUE(played.eos);
  int spent = 0;
  for (const GstStructure* frame : played.named("m3-frame")) {
    gint scale = 0;
    gst_structure_get_int(frame, "scale", &scale);
    spent += scale;
  }
  EXPECT_EQ(played.named("m3-frame").size(), 400U);
  EXPECT_GT(spent, 0);
  EXPECT_LE(spent, 40 * 4 + 160);
}

}  // namespace
}  // namespace m3::test
