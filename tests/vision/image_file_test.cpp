#include "core/vision/image_file.h"

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/fnv1a.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using test::error_of;
using test::fnv1a;
using test::TemporaryFolder;

std::string golden(const std::string& name) {
  return std::string(M3_GOLDEN_DIR) + "/pictures/" + name;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ImageFile : public testing::Test {
 protected:
  void SetUp() override { testing::internal::CaptureStderr(); }
  void TearDown() override {
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "the decoders keep quiet";
  }

  // A new file each time: overwriting one may wait for the disk.
  std::string written(const std::string& bytes) {
    return folder_.write("picture" + std::to_string(++files_), bytes);
  }
  ErrorCode code_of(const std::string& bytes) {
    return error_of([&] { read_image(written(bytes)); }).code();
  }

  const TemporaryFolder folder_;
  int files_ = 0;
};

// Big-endian, as PNG writes it.
void put32(std::string* bytes, size_t at, uint32_t value) {
  for (int i = 0; i < 4; ++i) (*bytes)[at + i] = static_cast<char>(value >> (24 - 8 * i));
}

// A PNG file's head says another size; its checksum is right again.
std::string png_of_size(std::string bytes, uint32_t width, uint32_t height) {
  put32(&bytes, 16, width);
  put32(&bytes, 20, height);
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<uint8_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  put32(&bytes, 29, ~crc);
  return bytes;
}

TEST_F(ImageFile, GivesTheBytesThatPillowGives) {
  std::ifstream index(golden("index.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(index, line); ++cases) {
    const auto one = nlohmann::json::parse(line);
    const Image image = read_image(golden(one["file"]));
    EXPECT_EQ(image.width_px, 23) << line;
    EXPECT_EQ(image.height_px, 17) << line;
    EXPECT_EQ(fnv1a(image.rgb), one["fnv1a"].get<std::string>()) << line;
  }
  EXPECT_EQ(cases, 11);
}

TEST_F(ImageFile, ViewsItselfAsARgbFrame) {
  const Image image = read_image(golden("rgb.png"));
  const FrameView view = image.view();
  check(view);
  EXPECT_EQ(view.format, PixelFormat::kRgb);
  EXPECT_EQ(view.width_px, 23);
  EXPECT_EQ(view.height_px, 17);
  EXPECT_EQ(view.planes[0].data, image.rgb.data());
  EXPECT_EQ(view.planes[0].stride_bytes, 69);
  EXPECT_EQ(view.pts_ns, kNoTime);
}

TEST_F(ImageFile, NamesTheFileAndWhatIsWrong) {
  const std::string path = written("just some text");
  const Error error = error_of([&] { read_image(path); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_EQ(std::string(error.what()),
            "Picture " + path + ": neither a JPEG nor a PNG file; convert it to one of them");
}

TEST_F(ImageFile, RefusesWhatIsNoPicture) {
  EXPECT_EQ(error_of([&] { read_image(folder_.path() + "/missing.png"); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { read_image(folder_.path()); }).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(""), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of("GIF89a"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of([] { read_image(golden("cmyk.jpg")); }).code(), ErrorCode::kUnsupported);
}

TEST_F(ImageFile, RefusesSizesOutOfRangeBeforeItAllocates) {
  const std::string png = bytes_of(golden("rgb.png"));
  for (const auto& [width, height] : {std::pair{16385u, 17u}, {23u, 16385u}, {900000u, 900000u}}) {
    const Error error = error_of([&] { read_image(written(png_of_size(png, width, height))); });
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << error.what();
    EXPECT_NE(std::string(error.what()).find("pixels are not in 1..16384 a side"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(code_of(png_of_size(png, 0, 17)), ErrorCode::kCorrupt);
}

TEST_F(ImageFile, AFileThatWasCutOffIsAnError) {
  for (const char* name : {"rgb.png", "rgba.png", "rgb.jpg", "progressive.jpg", "grey.jpg"}) {
    const std::string whole = bytes_of(golden(name));
    // The last bytes of a PNG file carry nothing: 12 of its end mark, 4 of the checksum before it.
    const size_t carries = whole[0] == '\x89' ? whole.size() - 16 : whole.size();
    for (size_t size = 1; size < carries; size += size < 60 ? 1 : 13) {
      const ErrorCode code = code_of(whole.substr(0, size));
      EXPECT_EQ(code, size < 8 && code == ErrorCode::kUnsupported ? code : ErrorCode::kCorrupt)
          << name << " cut to " << size;
    }
  }
}

TEST_F(ImageFile, ADamagedFileIsAPictureOrAnErrorAndNothingElse) {
  for (const char* name : {"palette_transparent.png", "grey_alpha.png", "progressive.jpg"}) {
    const std::string whole = bytes_of(golden(name));
    for (size_t at = 0; at < whole.size(); ++at) {
      constexpr std::array<char, 3> kFlips = {'\xff', '\x01', '\x40'};
      std::string damaged = whole;
      damaged[at] ^= kFlips[at % kFlips.size()];
      try {
        const Image image = read_image(written(damaged));
        EXPECT_EQ(image.rgb.size(), size_t{3} * image.width_px * image.height_px);
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
            << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace m3
