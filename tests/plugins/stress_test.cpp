#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <tuple>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

using std::chrono::milliseconds;

// Long enough for a sanitizer to see races, short enough for every run.
constexpr milliseconds kStress{2000};

// A random value of a property that may change at any time, sensible or not.
void set_random(GstElement* element, GParamSpec* spec, std::mt19937& random) {
  GValue value = G_VALUE_INIT;
  g_value_init(&value, spec->value_type);
  if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
    g_value_set_double(&value, std::uniform_real_distribution<double>(0, 2)(random));
  } else if (G_IS_PARAM_SPEC_INT(spec)) {
    g_value_set_int(&value, static_cast<int>(random() % 64) + 1);
  } else if (G_IS_PARAM_SPEC_UINT64(spec)) {
    g_value_set_uint64(&value, random());
  } else if (G_IS_PARAM_SPEC_BOOLEAN(spec)) {
    g_value_set_boolean(&value, random() % 2 == 0);
  } else if (G_IS_PARAM_SPEC_STRING(spec)) {
    const char* texts[] = {"auto", "9", "7", "", "What?"};
    g_value_set_string(&value, texts[random() % 5]);
  } else {
    g_value_unset(&value);
    return;
  }
  g_param_value_validate(spec, &value);
  g_object_set_property(G_OBJECT(element), spec->name, &value);
  g_value_unset(&value);
}

TEST(Stress, NoChangeIsLostWhenTwoThreadsChangeTwoProperties) {
  for (const auto& [name, first, second] :
       {std::tuple{"m3scale", "fps", "budget"}, {"m3llm", "interval", "temperature"}}) {
    const ElementPtr element(
        GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make(name, nullptr))));
    for (int round = 0; round < 500; ++round) {
      const double value = round % 2;
      std::thread other([&] { g_object_set(element.get(), first, value, nullptr); });
      g_object_set(element.get(), second, value, nullptr);
      other.join();
      gdouble one = -1;
      gdouble two = -1;
      g_object_get(element.get(), first, &one, second, &two, nullptr);
      ASSERT_EQ(one, value) << name;
      ASSERT_EQ(two, value) << name;
    }
  }
}

TEST(Stress, PropertiesChangeFromEightThreadsWhileItPlays) {
  const ElementPtr line = pipeline(
      "videotestsrc ! video/x-raw,width=64,height=48,framerate=25/1 ! "
      "m3qa name=qa model=fake: interval=0.5 question=What? ! fakesink");
  GstElement* qa = gst_bin_get_by_name(GST_BIN(line.get()), "qa");
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  std::vector<GParamSpec*> mutable_ones;
  guint count = 0;
  GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(qa), &count);
  for (guint i = 0; i < count; ++i) {
    if (specs[i]->flags & GST_PARAM_MUTABLE_PLAYING) mutable_ones.push_back(specs[i]);
  }
  ASSERT_GE(mutable_ones.size(), 12U);
  std::atomic<bool> stop{false};
  std::atomic<int> set{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 8; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (!stop) {
        set_random(qa, mutable_ones[random() % mutable_ones.size()], random);
        GstStructure* stats = nullptr;
        g_object_get(qa, "stats", &stats, nullptr);
        gst_structure_free(stats);
        ++set;
        std::this_thread::yield();
      }
    });
  }
  const auto began = std::chrono::steady_clock::now();
  const auto lasts = [&] { return std::chrono::steady_clock::now() - began; };
  int answers = 0;
  while (lasts() < kStress || (answers == 0 && lasts() < kPatience)) {
    const MessagePtr message(gst_bus_timed_pop(bus, 10 * GST_MSECOND));
    if (!message) continue;
    ASSERT_NE(GST_MESSAGE_TYPE(message.get()), GST_MESSAGE_ERROR) << error_of(message);
    answers += name_of(message) == "m3-answer";
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  g_free(specs);
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(qa);
  gst_object_unref(bus);
  EXPECT_GT(set, 100);
  EXPECT_GT(answers, 0);
}

TEST(Stress, StatesChangeWhileFramesAndQuestionsCome) {
  const ElementPtr line = pipeline(
      "videotestsrc ! video/x-raw,width=64,height=48,framerate=25/1 ! "
      "m3qa name=qa model=fake:delay_ms=1 interval=0.5 question=What? ! fakesink sync=true");
  GstElement* qa = gst_bin_get_by_name(GST_BIN(line.get()), "qa");
  std::atomic<bool> stop{false};
  std::thread asker([&] {
    while (!stop) {
      gchar* id = nullptr;
      g_signal_emit_by_name(qa, "ask", "What?", &id);
      if (id) {
        gboolean cancelled = FALSE;
        g_signal_emit_by_name(qa, "cancel", id, &cancelled);
      }
      g_free(id);
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  const auto until = std::chrono::steady_clock::now() + kStress;
  std::mt19937 random(1);
  while (std::chrono::steady_clock::now() < until) {
    const GstState states[] = {GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_READY,
                               GST_STATE_NULL};
    const auto began = std::chrono::steady_clock::now();
    gst_element_set_state(line.get(), states[random() % 4]);
    EXPECT_LT(std::chrono::steady_clock::now() - began, within(3000));
    std::this_thread::sleep_for(milliseconds(random() % 50));
  }
  gst_element_set_state(line.get(), GST_STATE_NULL);
  stop = true;
  asker.join();
  gst_object_unref(qa);
}

TEST(Stress, SeeksWhileItPlays) {
  const ElementPtr line = pipeline(
      "videotestsrc ! video/x-raw,width=64,height=48,framerate=25/1 ! "
      "m3qa name=qa model=fake:encode_ms=1,delay_ms=1 interval=0.2 question=What? ! fakesink");
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  ASSERT_EQ(gst_element_get_state(line.get(), nullptr, nullptr, kWait), GST_STATE_CHANGE_SUCCESS);
  for (int i = 1; i <= 30; ++i) {
    const GstClockTime to = (i % 2 == 0 ? 1000 : 0) * GST_SECOND;
    ASSERT_TRUE(gst_element_seek_simple(line.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                        static_cast<gint64>(to)));
    std::this_thread::sleep_for(milliseconds(20));
  }
  // The last seek went to 1000 s; what is asked from here on has nothing of before.
  while (const MessagePtr old = MessagePtr(gst_bus_pop(bus))) {
    ASSERT_NE(GST_MESSAGE_TYPE(old.get()), GST_MESSAGE_ERROR);
  }
  for (int answers = 0; answers < 5;) {
    const MessagePtr message(gst_bus_timed_pop_filtered(bus, kWait, GST_MESSAGE_ELEMENT));
    ASSERT_TRUE(message);
    if (name_of(message) != "m3-answer" || text_of(message, "finish") == "cancelled") continue;
    EXPECT_GE(*seconds_of(message, "from"), 1000);
    ++answers;
  }
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(bus);
}

}  // namespace
}  // namespace m3::test
