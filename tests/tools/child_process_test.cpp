#include "tools/m3_bench/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <string>

#include "core/error.h"
#include "tests/support/error_of.h"

namespace m3::bench {
namespace {

using test::error_of;

ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return std::distance(begin(folder), end(folder));
}

// While it lives the process can open this many descriptors more.
class RoomForDescriptors {
 public:
  explicit RoomForDescriptors(int room) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit less = before_;
    for (less.rlim_cur = 0; room > 0; ++less.rlim_cur) {
      if (::fcntl(static_cast<int>(less.rlim_cur), F_GETFD) < 0) --room;
    }
    ::setrlimit(RLIMIT_NOFILE, &less);
  }
  ~RoomForDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ChildProcess, AnswersLineByLineUntilItsEnd) {
  ChildProcess echo("sh", {"sh", "-c", "read a; echo \"<$a>\"; echo; read b; echo -n \"$b\""});
  echo.write_line("one two");
  EXPECT_EQ(echo.read_line(), "<one two>");
  EXPECT_EQ(echo.read_line(), "") << "an empty line is not the end";
  echo.write_line("three");
  EXPECT_EQ(echo.read_line(), "three") << "the last line needs no end";
  EXPECT_EQ(echo.read_line(), std::nullopt);
  EXPECT_TRUE(echo.wait());
}

TEST(ChildProcess, TellsWhetherItEndedWell) {
  EXPECT_FALSE(ChildProcess("sh", {"sh", "-c", "exit 3"}).wait());
  EXPECT_FALSE(ChildProcess("sh", {"sh", "-c", "kill -KILL $$"}).wait());
}

TEST(ChildProcess, WhatItIsToldAfterItsEndIsLost) {
  ChildProcess gone("true", {"true"});
  EXPECT_EQ(gone.read_line(), std::nullopt);
  gone.write_line("nobody hears this");
  EXPECT_TRUE(gone.wait());
}

TEST(ChildProcess, IsEndedWithItsOwner) {
  pid_t process = 0;
  {
    ChildProcess endless("sh", {"sh", "-c", "echo $$; exec sleep 1000"});
    process = std::stoi(endless.read_line().value_or("0"));
    ASSERT_GT(process, 0);
    EXPECT_EQ(::kill(process, 0), 0);
  }
  EXPECT_EQ(::kill(process, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(ChildProcess, AProgramThatIsNotThereIsNamedAndNothingStaysOpen) {
  const ptrdiff_t before = open_descriptors();
  const Error error = error_of([] { ChildProcess("/nowhere/program", {"program"}); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_NE(std::string(error.what()).find("/nowhere/program"), std::string::npos) << error.what();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(ChildProcess, NothingStaysOpenWhenThereIsRoomForOnePipeOnly) {
  const ptrdiff_t before = open_descriptors();
  {
    const RoomForDescriptors room(3);
    EXPECT_EQ(error_of([] { ChildProcess("true", {"true"}); }).code(), ErrorCode::kInternal);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace m3::bench
