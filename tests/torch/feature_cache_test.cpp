#include "core/torch/train/feature_cache.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

constexpr size_t kNumbers = 100;
constexpr int64_t kPlenty = 1 << 20;

std::vector<uint16_t> entry(uint16_t first) {
  std::vector<uint16_t> numbers(kNumbers);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint16_t>(first + i);
  return numbers;
}

class FeatureCacheTest : public testing::Test {
 protected:
  FeatureCache cache(int64_t most_bytes = kPlenty, const char* of = "tower") const {
    return FeatureCache(path_, of, kNumbers, most_bytes);
  }
  // The entry as `cache` has it; empty: it has none.
  static std::vector<uint16_t> found(const FeatureCache& cache, const char* key) {
    std::vector<uint16_t> numbers(kNumbers);
    if (!cache.find(key, numbers)) numbers.clear();
    return numbers;
  }
  void fill() const {
    FeatureCache written = cache();
    written.add("a", entry(1));
    written.add("b", entry(1000));
  }

  test::TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/features.bin";
};

TEST_F(FeatureCacheTest, GivesBackWhatWasKept) {
  fill();
  const FeatureCache again = cache();
  EXPECT_EQ(again.entries(), 2U);
  EXPECT_EQ(found(again, "a"), entry(1));
  EXPECT_EQ(found(again, "b"), entry(1000));
  EXPECT_TRUE(found(again, "c").empty());
}

TEST_F(FeatureCacheTest, AnEntryCutOffAnywhereIsForgotten) {
  fill();
  const auto whole = std::filesystem::file_size(path_);
  for (const auto cut : {uintmax_t{1}, uintmax_t{199}, uintmax_t{200}, uintmax_t{231}}) {
    fill();
    std::filesystem::resize_file(path_, whole - cut);
    {
      FeatureCache again = cache();
      EXPECT_EQ(found(again, "a"), entry(1));
      EXPECT_TRUE(found(again, "b").empty());
      again.add("b", entry(7));
    }
    EXPECT_EQ(found(cache(), "b"), entry(7));
    std::filesystem::remove(path_);
  }
}

TEST_F(FeatureCacheTest, ADamagedEntryIsNotTaken) {
  fill();
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-3, std::ios::end);
  file.put('\x55');
  file.close();
  const FeatureCache again = cache();
  EXPECT_EQ(found(again, "a"), entry(1));
  EXPECT_TRUE(found(again, "b").empty());
}

TEST_F(FeatureCacheTest, FeaturesOfAnotherTowerAreThrownAway) {
  fill();
  EXPECT_EQ(cache(kPlenty, "another").entries(), 0U);
  EXPECT_EQ(cache(kPlenty, "another").entries(), 0U);
}

TEST_F(FeatureCacheTest, AnotherFileIsLeftAlone) {
  folder_.write("features.bin", "a letter to nobody, which is longer than the head of a cache");
  EXPECT_EQ(test::error_of([&] { cache(); }).code(), ErrorCode::kMismatch);
  std::string text;
  std::getline(std::ifstream(path_), text);
  EXPECT_EQ(text, "a letter to nobody, which is longer than the head of a cache");
}

TEST_F(FeatureCacheTest, OnlyOneRunWritesAFile) {
  const FeatureCache first = cache();
  EXPECT_EQ(test::error_of([&] { cache(); }).code(), ErrorCode::kMismatch);
}

TEST_F(FeatureCacheTest, StaysWithinItsSize) {
  FeatureCache small = cache(300);
  small.add("a", entry(1));
  small.add("b", entry(2));
  EXPECT_EQ(small.entries(), 1U);
  EXPECT_LE(std::filesystem::file_size(path_), 300U);
}

TEST_F(FeatureCacheTest, AFullDiskIsOneClearErrorAndLosesNothing) {
  fill();
  rlimit kept{};
  getrlimit(RLIMIT_FSIZE, &kept);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = kept;
  tight.rlim_cur = std::filesystem::file_size(path_) + 50;
  {
    FeatureCache again = cache();
    setrlimit(RLIMIT_FSIZE, &tight);
    const Error error = test::error_of([&] { again.add("c", entry(3)); });
    setrlimit(RLIMIT_FSIZE, &kept);
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
    again.add("d", entry(4));
  }
  std::signal(SIGXFSZ, handler);
  const FeatureCache last = cache();
  EXPECT_EQ(found(last, "b"), entry(1000));
  EXPECT_EQ(found(last, "d"), entry(4));
  EXPECT_EQ(last.entries(), 3U);
}

}  // namespace
}  // namespace m3
