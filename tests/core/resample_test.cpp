#include "core/resample.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/fnv1a.h"

namespace m3 {
namespace {

using test::error_of;
using test::fnv1a;

// As in tests/golden/make_resample.py.
uint8_t noise(int x, int y, int channel, bool hard) {
  uint32_t n = static_cast<uint32_t>(x) * 73856093u ^ static_cast<uint32_t>(y) * 19349663u ^
               static_cast<uint32_t>(channel) * 83492791u;
  n = n * 2654435761u >> 24;
  return hard ? (n >= 128 ? 255 : 0) : static_cast<uint8_t>(n);
}

struct Source {
  Source(int width, int height, int channels, bool hard, int pad_bytes)
      : stride(width * channels + pad_bytes),
        // The last row has no padding, so that a sanitizer sees who reads on.
        bytes(static_cast<size_t>(stride) * height - pad_bytes, 0xEE) {
    for (int y = 0; y < height; ++y) {
      for (int i = 0; i < width * channels; ++i) {
        bytes[static_cast<size_t>(y) * stride + i] = noise(i / channels, y, i % channels, hard);
      }
    }
  }
  Plane plane() const { return {bytes.data(), stride}; }

  ptrdiff_t stride;
  std::vector<uint8_t> bytes;
};

TEST(Resampler, EqualsPillowBitByBit) {
  std::ifstream file(std::string(M3_GOLDEN_DIR) + "/resample.jsonl");
  Resampler resampler;  // one for all: its tables must follow the geometry
  int cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const auto one = nlohmann::json::parse(line);
    const int width = one["from"][0];
    const int height = one["from"][1];
    const int to_width = one["to"][0];
    const int to_height = one["to"][1];
    const int channels = one["channels"];
    const Source source(width, height, channels, one["hard"], cases % 5);
    std::vector<uint8_t> out(static_cast<size_t>(to_width) * to_height * channels);
    if (one["box"].is_null()) {
      resampler.run(source.plane(), width, height, channels, to_width, to_height, out);
    } else {
      const auto& box = one["box"];
      resampler.run(source.plane(), width, height, channels, {box[0], box[1], box[2], box[3]},
                    to_width, to_height, out);
    }
    EXPECT_EQ(fnv1a(out), one["fnv1a"].get<std::string>()) << line;
  }
  EXPECT_EQ(cases, 50);
}

TEST(Resampler, KeepsAFlatPictureFlat) {
  const std::vector<uint8_t> source(70 * 50, 131);
  std::vector<uint8_t> out(31 * 90);
  Resampler().run({source.data(), 70}, 70, 50, 1, 31, 90, out);
  EXPECT_EQ(out, std::vector<uint8_t>(31 * 90, 131));
}

TEST(Resampler, RefusesWhatItCannotResize) {
  const std::vector<uint8_t> bytes(16 * 16 * 3);
  std::vector<uint8_t> out(8 * 8 * 3);
  const auto code = [&](const Plane& plane, int width, int height, int channels, int to_width,
                        int to_height, size_t room) {
    return error_of([&] {
             Resampler().run(plane, width, height, channels, to_width, to_height,
                             std::span(out).first(room));
           })
        .code();
  };
  const Plane plane{bytes.data(), 48};
  EXPECT_EQ(code(plane, 0, 16, 3, 8, 8, 192), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(plane, 16, 16385, 3, 8, 8, 192), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(plane, 16, 16, 0, 8, 8, 0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(plane, 16, 16, 5, 8, 8, 192), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(plane, 16, 16, 3, 8, 0, 0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(plane, 16, 16, 3, 8, 8, 191), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(plane, 17, 15, 3, 8, 8, 192), ErrorCode::kInvalidArgument) << "stride";
  EXPECT_EQ(code({nullptr, 48}, 16, 16, 3, 8, 8, 192), ErrorCode::kInvalidArgument);
  for (const Resampler::Box& box :
       {Resampler::Box{-1, 0, 8, 8}, Resampler::Box{0, 0, 17, 8}, Resampler::Box{8, 0, 8, 8}}) {
    EXPECT_EQ(error_of([&] { Resampler().run(plane, 16, 16, 3, box, 8, 8, out); }).code(),
              ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace m3
