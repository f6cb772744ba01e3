#include <gtest/gtest.h>

#include <cstring>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

// One picture's tokens at `scale`, 8 numbers each: the fake tower gives mean luma + 0 .. 7.
BufferPtr tokens(const std::string& scale, uint8_t luma) {
  const HarnessPtr h =
      harness("m3scale fps=0 budget=0 scale=" + scale + " ! m3encode model=fake: ! m3pool");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  gst_harness_push(h.get(), picture(kVideo, 0, luma).release());
  return BufferPtr(gst_harness_pull(h.get()));
}

std::vector<float> values_in(GstBuffer* buffer) {
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) {
    ADD_FAILURE() << "not mapped";
    return {};
  }
  std::vector<float> values(map.size / sizeof(float));
  std::memcpy(values.data(), map.data, map.size);
  gst_buffer_unmap(buffer, &map);
  return values;
}

TEST(TokensMemory, MapsTheScaleShownAsFloats) {
  const BufferPtr buffer = tokens("9", 100);
  EXPECT_EQ(gst_buffer_get_size(buffer.get()), 9U * 8 * sizeof(float));
  const std::vector<float> values = values_in(buffer.get());
  ASSERT_EQ(values.size(), 72U);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], 100 + static_cast<float>(i % 8));
}

TEST(TokensMemory, CannotBeWritten) {
  const BufferPtr buffer = tokens("1", 100);
  GstMapInfo map;
  EXPECT_FALSE(gst_memory_map(gst_buffer_peek_memory(buffer.get(), 0), &map, GST_MAP_WRITE));
}

TEST(TokensMemory, StaysTokensInADeepCopy) {
  const BufferPtr buffer = tokens("9", 50);
  const BufferPtr copy(gst_buffer_copy_deep(buffer.get()));
  EXPECT_TRUE(gst_memory_is_type(gst_buffer_peek_memory(copy.get(), 0), "M3Tokens"));
  EXPECT_EQ(values_in(copy.get()), values_in(buffer.get()));
}

TEST(TokensMemory, GivesPlainBytesOfAPart) {
  const BufferPtr buffer = tokens("9", 50);
  GstMemory* part = gst_memory_copy(gst_buffer_peek_memory(buffer.get(), 0), 4, 8);
  GstMapInfo map;
  ASSERT_TRUE(gst_memory_map(part, &map, GST_MAP_READ));
  ASSERT_EQ(map.size, 8U);
  float values[2];
  std::memcpy(values, map.data, sizeof values);
  EXPECT_EQ(values[0], 51);
  EXPECT_EQ(values[1], 52);
  gst_memory_unmap(part, &map);
  gst_memory_unref(part);
}

TEST(TokensCaps, NameModelWidthTypeAndLadder) {
  const HarnessPtr h = harness("m3encode model=fake:grid=6");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  gst_harness_push(h.get(), picture(kVideo, 0).release());
  const BufferPtr buffer(gst_harness_pull(h.get()));
  const CapsPtr caps(gst_pad_get_current_caps(h->sinkpad));
  const GstStructure* structure = gst_caps_get_structure(caps.get(), 0);
  EXPECT_STREQ(gst_structure_get_name(structure), "application/x-m3-tokens");
  EXPECT_EQ(std::strlen(gst_structure_get_string(structure, "model-id")), 16U);
  EXPECT_STREQ(gst_structure_get_string(structure, "dtype"), "float32");
  gint dim = 0;
  EXPECT_TRUE(gst_structure_get_int(structure, "embedding-dim", &dim));
  EXPECT_EQ(dim, 8);
  gchar* ladder = gst_value_serialize(gst_structure_get_value(structure, "ladder"));
  EXPECT_STREQ(ladder, "< (int)1, (int)9, (int)36 >");
  g_free(ladder);
}

TEST(Pool, ShowsTheScaleThatWasGranted) {
  const HarnessPtr h = harness("m3encode model=fake: ! m3pool");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  for (const int scale : {144, 36, 9, 1}) {
    BufferPtr in = picture(kVideo, 0);
    set_decision(in.get(), {Action::kEncode, scale, Reason::kMotion});
    gst_harness_push(h.get(), in.release());
    const BufferPtr out(gst_harness_pull(h.get()));
    EXPECT_EQ(gst_buffer_get_size(out.get()), static_cast<size_t>(scale) * 8 * sizeof(float));
  }
}

TEST(Pool, ShowsTheNextCoarserScaleWhenTheGrantedOneIsOffTheLadderOrWasNotKept) {
  const HarnessPtr h = harness("m3encode model=fake: keep-scale=36 ! m3pool");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  for (const auto& [granted, shown] : {std::pair{144, 36}, {100, 36}, {20, 9}}) {
    BufferPtr in = picture(kVideo, 0);
    set_decision(in.get(), {Action::kEncode, granted, Reason::kMotion});
    gst_harness_push(h.get(), in.release());
    const BufferPtr out(gst_harness_pull(h.get()));
    EXPECT_EQ(gst_buffer_get_size(out.get()), static_cast<size_t>(shown) * 8 * sizeof(float));
  }
}

TEST(Pool, PassesFramesWithoutTokens) {
  const HarnessPtr h = harness("m3encode model=fake: ! m3pool");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  BufferPtr in = picture(kVideo, 3);
  set_decision(in.get(), {Action::kReuse, 0, Reason::kStatic});
  gst_harness_push(h.get(), in.release());
  const BufferPtr out(gst_harness_pull(h.get()));
  EXPECT_EQ(gst_buffer_n_memory(out.get()), 0U);
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_GAP));
  EXPECT_EQ(decision_in(out.get())->decision.reason, Reason::kStatic);
}

TEST(Pool, RefusesBytesThatAreNoTokens) {
  const HarnessPtr h = harness("m3pool");
  Bus bus(h->element);
  gst_harness_set_src_caps_str(h.get(), "application/x-m3-tokens");
  EXPECT_EQ(gst_harness_push(h.get(), gst_buffer_new_allocate(nullptr, 32, nullptr)),
            GST_FLOW_ERROR);
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_EQ(error_of(error),
            "A buffer does not hold visual tokens of this process; put m3encode before");
}

}  // namespace
}  // namespace m3::test
