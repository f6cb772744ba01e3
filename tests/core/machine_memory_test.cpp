#include "core/machine_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

constexpr int64_t kMebibyte = 1 << 20;

// A kernel's files, as a test wants them.
class MachineMemory : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const { folder_.write(path, text); }
  void machine(int64_t available_mib) const {
    write("proc/meminfo", "MemTotal:       8000000 kB\nMemFree:        1234 kB\nMemAvailable:   " +
                              std::to_string(available_mib * 1024) + " kB\nSwapFree: 0 kB\n");
  }
  // limit: of memory.max
  void group(const std::string& path, const std::string& limit, int64_t used_mib) const {
    write("sys/fs/cgroup" + path + "/memory.max", limit + "\n");
    write("sys/fs/cgroup" + path + "/memory.current", std::to_string(used_mib * kMebibyte) + "\n");
  }
  static std::string mib(int64_t number) { return std::to_string(number * kMebibyte); }
  int64_t free_mib() const { return free_memory_bytes(folder_.path()) / kMebibyte; }

  const test::TemporaryFolder folder_;
};

TEST_F(MachineMemory, IsWhatTheMachineHasAvailable) {
  machine(3000);
  EXPECT_EQ(free_memory_bytes(folder_.path()), 3000 * kMebibyte);
}

TEST_F(MachineMemory, IsLessWhereAGroupLimitsTheProcess) {
  machine(3000);
  write("proc/self/cgroup", "0::/system.slice/camera.service\n");
  group("/system.slice/camera.service", mib(1000), 400);
  EXPECT_EQ(free_mib(), 600);
  machine(500);
  EXPECT_EQ(free_mib(), 500) << "the machine has less than the group may have";
}

TEST_F(MachineMemory, TheTightestGroupOnTheWayUpCounts) {
  machine(3000);
  write("proc/self/cgroup", "12:cpu:/elsewhere\n0::/outer/inner\n");
  group("/outer/inner", mib(2000), 100);
  group("/outer", mib(900), 650);
  EXPECT_EQ(free_mib(), 250);
}

TEST_F(MachineMemory, AGroupWithoutALimitIsNone) {
  machine(3000);
  write("proc/self/cgroup", "0::/camera\n");
  group("/camera", "max", 100);
  EXPECT_EQ(free_mib(), 3000);
}

TEST_F(MachineMemory, AGroupThatIsFullLeavesNothingButIsKnown) {
  machine(3000);
  write("proc/self/cgroup", "0::/camera\n");
  group("/camera", mib(100), 120);
  EXPECT_EQ(free_memory_bytes(folder_.path()), 1);
}

TEST_F(MachineMemory, ReadsWhatItCanAndIsNotMisled) {
  EXPECT_EQ(free_memory_bytes(folder_.path()), 0) << "nothing is known";
  write("proc/self/cgroup", "0::/\n");
  group("", mib(700), 200);
  EXPECT_EQ(free_mib(), 500) << "the group alone";
  write("proc/meminfo", "MemAvailable: plenty\n");
  EXPECT_EQ(free_mib(), 500);
  write("proc/self/cgroup", "0::\nnonsense\n\n");
  EXPECT_EQ(free_mib(), 500);
}

TEST(MachineMemoryHere, IsKnown) {
  EXPECT_GT(free_memory_bytes(), kMebibyte);
  EXPECT_LT(free_memory_bytes(), int64_t{1} << 50);
}

}  // namespace
}  // namespace m3
