#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/engine.h"
#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;

class EngineModuleTest : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    set_path(folder_.path());
  }

  // Where the module is searched, beside the folder of an installed one.
  static void set_path(const std::string& path) { setenv("M3_ENGINE_PATH", path.c_str(), 1); }
  // A folder that holds `module` under the engine module's name.
  std::string with(const std::string& module) const {
    const fs::path made = fs::path(folder_.path()) / module;
    fs::create_directory(made);
    fs::copy_file(fs::path(M3_TEST_MODULES) / ("lib" + module + ".so"),
                  made / "libm3engine-torch.so");
    return made.string();
  }
  // Puts the stub of libtorch into `folder`, made if need be.
  std::string put_torch(const std::string& folder) const {
    fs::create_directories(folder);
    const fs::path to = fs::path(folder) / "libtorch_cpu.so";
    fs::copy_file(fs::path(M3_TEST_MODULES) / "libtorch_cpu.so", to);
    return to.string();
  }
  static Error open_error() {
    return error_of([] { shared_engine({.model = "default"}); });
  }

  const TemporaryFolder folder_;
};

TEST_F(EngineModuleTest, OpensTheFirstModuleOnThePath) {
  set_path("/nowhere::" + with("good_module") + ":" + with("old_module"));
  EXPECT_EQ(shared_engine({.model = "default"})->info().name, "fake:grid=3");
}

TEST_F(EngineModuleTest, NoModuleIsOneClearError) {
  if (fs::exists(M3_MODULE_DIR "/libm3engine-torch.so")) GTEST_SKIP() << "one is installed";
  set_path("/nowhere:" + folder_.path());
  const Error error = open_error();
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(std::string(error.what()),
            "The engine module libm3engine-torch.so is in none of: /nowhere, " + folder_.path() +
                ", " M3_MODULE_DIR
                ". Build the project with libtorch (scripts/setup prepares it) or set "
                "M3_ENGINE_PATH to the folder that holds the module");
}

TEST_F(EngineModuleTest, AFileThatIsNoLibraryIsOneClearError) {
  folder_.write("libm3engine-torch.so", "hello, I am no library at all\n");
  const Error error = open_error();
  EXPECT_EQ(error.code(), ErrorCode::kMismatch);
  EXPECT_NE(std::string(error.what()).find(folder_.path()), std::string::npos) << error.what();
}

TEST_F(EngineModuleTest, ALibraryThatIsNoModuleIsOneClearError) {
  set_path(with("no_module"));
  const Error error = open_error();
  EXPECT_EQ(error.code(), ErrorCode::kMismatch);
  EXPECT_NE(std::string(error.what()).find("is no engine module"), std::string::npos)
      << error.what();
}

TEST_F(EngineModuleTest, AModuleOfAnotherBuildIsRefused) {
  set_path(with("old_module"));
  const Error error = open_error();
  EXPECT_EQ(error.code(), ErrorCode::kMismatch);
  const std::string said = "has interface version " + std::to_string(kEngineAbi - 1) +
                           ", this library needs " + std::to_string(kEngineAbi);
  EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
}

TEST_F(EngineModuleTest, AMissingLibtorchIsOneClearError) {
  set_path(with("torch_module"));
  const Error error = open_error();
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(std::string(error.what()).rfind("libtorch, which the engine module ", 0), 0u)
      << error.what();
}

// What a fresh process says: exits with 0 when `holds`, else prints the error.
void exit_with(bool holds, const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::_Exit(holds ? 0 : 1);
}

TEST_F(EngineModuleTest, AnotherLibtorchInTheProcessIsRefused) {
  EXPECT_EXIT(
      {
        const std::string folder = with("torch_module");
        const std::string own = put_torch(folder);
        const std::string other = put_torch(folder_.path() + "/other");
        set_path(folder);
        const bool mapped = dlopen(other.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
        const Error error = open_error();
        const std::string text = error.what();
        fs::remove_all(folder_.path());
        exit_with(mapped && error.code() == ErrorCode::kMismatch &&
                      text.find("had already loaded " + other) != std::string::npos &&
                      text.find("was built with " + own) != std::string::npos,
                  text);
      },
      testing::ExitedWithCode(0), "This process had already loaded");
}

TEST_F(EngineModuleTest, TheSameLibtorchInTheProcessIsShared) {
  EXPECT_EXIT(
      {
        const std::string folder = with("torch_module");
        const std::string own = put_torch(folder);
        set_path(folder);
        const bool mapped = dlopen(own.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
        const std::string name = shared_engine({.model = "default"})->info().name;
        fs::remove_all(folder_.path());
        exit_with(mapped && name == "fake:grid=6", name);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace m3
