// An engine that cannot keep up with a live stream, or stands still: the video passes all the same.
// The engine is one that takes minutes for a frame, so that whatever waited for it would be seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

using std::chrono::steady_clock;

constexpr char kStandsStill[] = "model=fake:encode_ms=600000 when-busy=drop ";
constexpr char kEveryFrame[] = "fps=0 scale=144 budget=0 ";

// The stream has begun and the model is there: from now on what happens depends on the frames
// alone.
void begin_stream(GstHarness* h) {
  gst_harness_set_src_caps_str(h, kVideo);
  ASSERT_TRUE(eventually([h] {
    GstQuery* query =
        gst_query_new_custom(GST_QUERY_CUSTOM, gst_structure_new_empty("m3-model-info"));
    gboolean loading = TRUE;
    const bool answered =
        gst_pad_peer_query(h->srcpad, query) &&
        gst_structure_get_boolean(gst_query_get_structure(query), "loading", &loading);
    gst_query_unref(query);
    return answered && !loading;
  }));
}

// QOS messages of the element with this name, or of one of its kind.
std::vector<MessagePtr> qos_of(std::vector<MessagePtr>& messages, const std::string& name) {
  std::vector<MessagePtr> found;
  for (MessagePtr& message : messages) {
    if (message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_QOS &&
        std::string(GST_MESSAGE_SRC_NAME(message.get())).starts_with(name)) {
      found.push_back(std::move(message));
    }
  }
  return found;
}

int quality_of(const MessagePtr& message) {
  gint quality = 0;
  gst_message_parse_qos_values(message.get(), nullptr, nullptr, &quality);
  return quality;
}

guint64 dropped_in(const MessagePtr& message) {
  guint64 dropped = 0;
  gst_message_parse_qos_stats(message.get(), nullptr, nullptr, &dropped);
  return dropped;
}

guint64 count(GstElement* element, const char* field) {
  GstStructure* structure = nullptr;
  g_object_get(element, "stats", &structure, nullptr);
  const StructurePtr stats(structure);
  guint64 value = 0;
  EXPECT_TRUE(gst_structure_get_uint64(stats.get(), field, &value)) << field;
  return value;
}

// Pushes pictures and takes each out at once, itself and not a copy.
void expect_all_pass(GstHarness* h, int pictures) {
  steady_clock::duration longest{0};
  for (int i = 0; i < pictures; ++i) {
    BufferPtr in = picture(kVideo, i);
    const GstMemory* pixels = gst_buffer_peek_memory(in.get(), 0);
    const auto begin = steady_clock::now();
    ASSERT_EQ(gst_harness_push(h, in.release()), GST_FLOW_OK) << i;
    const BufferPtr out(gst_harness_try_pull(h));
    longest = std::max(longest, steady_clock::now() - begin);
    ASSERT_TRUE(out) << "picture " << i << " is held up";
    ASSERT_EQ(GST_BUFFER_PTS(out.get()), static_cast<GstClockTime>(i) * kFrame);
    ASSERT_EQ(gst_buffer_peek_memory(out.get(), 0), pixels);
  }
  EXPECT_LT(longest, within(1000));
}

void expect_quick_end(GstElement* element) {
  const auto begin = steady_clock::now();
  gst_element_set_state(element, GST_STATE_NULL);
  EXPECT_LT(steady_clock::now() - begin, within(1000));
}

constexpr int kMany = 1500;  // more than may wait for the engine

TEST(Busy, AnEngineThatStandsStillHoldsUpNoPicture) {
  const HarnessPtr h = harness(std::string("m3qa ") + kStandsStill + kEveryFrame);
  Bus bus(h->element);
  begin_stream(h.get());
  expect_all_pass(h.get(), kMany);
  std::vector<MessagePtr> messages = bus.rest();
  const std::vector<MessagePtr> drops = qos_of(messages, "encode");
  ASSERT_EQ(drops.size(), kMany - 4U) << "four are with the engine, each other one is reported";
  for (size_t i = 0; i < drops.size(); ++i) EXPECT_EQ(dropped_in(drops[i]), i + 1);
  expect_quick_end(h->element);
}

TEST(Busy, NorDoesOneThatIsStillBeingLoaded) {
  const HarnessPtr h =
      harness(std::string("m3qa model=fake:load_ms=600000 when-busy=drop ") + kEveryFrame);
  Bus bus(h->element);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  expect_all_pass(h.get(), kMany);
  std::vector<MessagePtr> messages = bus.rest();
  EXPECT_EQ(qos_of(messages, "encode").size(), static_cast<size_t>(kMany));
  expect_quick_end(h->element);
}

TEST(Busy, FirstScalesFallThenFramesAreDropped) {
  const HarnessPtr h =
      harness(std::string("m3scale ") + kEveryFrame + "! m3encode " + kStandsStill);
  Bus bus(h->element);
  begin_stream(h.get());
  GstElement* encode = gst_harness_find_element(h.get(), "m3encode");
  GstPad* pad = gst_element_get_static_pad(encode, "sink");
  std::vector<int> scales;
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad*, GstPadProbeInfo* info, gpointer scales) {
        static_cast<std::vector<int>*>(scales)->push_back(
            decision_in(GST_PAD_PROBE_INFO_BUFFER(info))->decision.scale);
        return GST_PAD_PROBE_OK;
      },
      &scales, nullptr);
  std::vector<size_t> dropped;  // after each frame
  std::vector<int> qualities;   // as m3scale tells them
  for (int i = 0; i < 8; ++i) {
    gst_harness_push(h.get(), picture(kVideo, i).release());
    std::vector<MessagePtr> messages = bus.rest();
    dropped.push_back((dropped.empty() ? 0 : dropped.back()) + qos_of(messages, "m3encode").size());
    for (const MessagePtr& message : qos_of(messages, "m3scale"))
      qualities.push_back(quality_of(message));
  }
  // Four frames are with the engine at once; m3scale hears how many there are.
  EXPECT_EQ(scales, (std::vector<int>{144, 144, 144, 36, 36, 9, 9, 9}));
  EXPECT_EQ(dropped, (std::vector<size_t>{0, 0, 0, 0, 1, 2, 3, 4}));
  EXPECT_EQ(qualities, (std::vector<int>{1000000 * 36 / 144, 1000000 * 9 / 144}));
  gst_object_unref(pad);
  gst_object_unref(encode);
}

TEST(Busy, EveryFrameIsCountedAlsoThoseThatNoBufferStandsFor) {
  const HarnessPtr h =
      harness(std::string("m3qa model=fake: when-busy=drop frame-messages=true ") + kEveryFrame);
  Bus bus(h->element);
  begin_stream(h.get());
  GstElement* encode = gst_bin_get_by_name(GST_BIN(h->element), "encode");
  GstPad* pad = gst_element_get_static_pad(encode, "src");
  const gulong block = gst_pad_add_probe(
      pad, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BLOCK | GST_PAD_PROBE_TYPE_BUFFER),
      [](GstPad*, GstPadProbeInfo*, gpointer) { return GST_PAD_PROBE_OK; }, nullptr, nullptr);
  constexpr guint64 kFrames = 1300;
  for (guint64 i = 0; i < kFrames; ++i) {
    ASSERT_EQ(gst_harness_push(h.get(), picture(kVideo, static_cast<int>(i)).release()),
              GST_FLOW_OK);
    ASSERT_TRUE(BufferPtr(gst_harness_try_pull(h.get())));
  }
  gst_pad_remove_probe(pad, block);
  EXPECT_TRUE(eventually([&] { return count(h->element, "frames") == kFrames; }));
  EXPECT_EQ(count(h->element, "frames_encoded") + count(h->element, "frames_reused") +
                count(h->element, "frames_sampled_out") + count(h->element, "frames_dropped"),
            kFrames);
  std::vector<MessagePtr> messages = bus.rest();
  EXPECT_EQ(count(h->element, "frames_dropped"),
            qos_of(messages, "encode").size() + qos_of(messages, "llm").size());
  EXPECT_GE(count(h->element, "frames_dropped"), kFrames - 1024);
  gdouble seconds = 0;
  GstStructure* structure = nullptr;
  g_object_get(h->element, "stats", &structure, nullptr);
  const StructurePtr stats(structure);
  gst_structure_get_double(stats.get(), "seconds", &seconds);
  EXPECT_NEAR(seconds, static_cast<double>(kFrames * kFrame) / GST_SECOND, 1e-6);
  const auto told = std::count_if(messages.begin(), messages.end(), [](const MessagePtr& message) {
    return message && name_of(message) == "m3-frame";
  });
  EXPECT_LT(static_cast<guint64>(told), kFrames) << "nothing was lost: the test shows nothing";
  gst_object_unref(pad);
  gst_object_unref(encode);
}

}  // namespace
}  // namespace m3::test
