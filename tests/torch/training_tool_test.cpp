// m3-train as a user runs it, on a tiny model: kill -9 at any moment, a full disk, bad pictures.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "core/model/model_config.h"
#include "tests/support/temporary_folder.h"
#include "tests/torch/model_folder.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

struct Ended {
  int code = -1;  // -1: by a signal
  std::string err;
};

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class TrainingToolTest : public testing::Test {
 protected:
  void SetUp() override {
    model_.numbers["context_length"] = 1024;
    // The model that begins anew is the default one: a tiny one takes its name here.
    fs::create_directories(folder_.path() + "/models");
    fs::create_directory_symlink(model_.write(), folder_.path() + "/models/default");
    nlohmann::json line;
    std::string annotations;
    int number = 0;
    for (const char* name : {"rgb.png", "grey.jpg", "rgb.jpg", "palette.png", "grey.png",
                             "bits.png", "rgba.png", "progressive.jpg"}) {
      fs::create_directories(data_);
      fs::copy_file(std::string(M3_GOLDEN_DIR) + "/pictures/" + name, data_ + "/" + name);
      line = {{"file", name},
              {"split", "train"},
              {"label", number % 2 == 0 ? "hello" : "hell"},
              {"objects", nlohmann::json::array({{{"label", number % 3 == 0 ? "o" : "hello"}}})}};
      annotations += line.dump() + "\n";
      ++number;
    }
    write_annotations(annotations);
    folder_.write("settings.json", R"({"batch": 2, "save_seconds": 0, "check_every": 5})");
  }
  void write_annotations(const std::string& lines) const {
    std::ofstream(data_ + "/annotations.jsonl") << lines;
  }

  std::vector<std::string> arguments(const std::string& out, int steps) const {
    return {"--data",    data_,
            "--out",     folder_.path() + "/" + out,
            "--steps",   std::to_string(steps),
            "--config",  folder_.path() + "/settings.json",
            "--threads", "1",
            "--dtype",   "float32",
            "--device",  "cpu"};
  }
  // most_bytes: of any file that it writes, 0: no limit.
  pid_t start(const std::vector<std::string>& arguments, rlim_t most_bytes = 0) const {
    const std::string program = std::string(M3_TOOLS_DIR) + "/m3-train";
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string err = folder_.path() + "/stderr";
    const std::string models = folder_.path() + "/models";
    const pid_t child = fork();
    if (child != 0) return child;
    setenv("M3_MODEL_PATH", models.c_str(), 1);
    if (most_bytes > 0) {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{most_bytes, most_bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (freopen(err.c_str(), "w", stderr) == nullptr ||
        freopen("/dev/null", "w", stdout) == nullptr)
      _exit(126);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  Ended wait(pid_t child) const {
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(folder_.path() + "/stderr")};
  }
  Ended run(const std::string& out, int steps) const { return wait(start(arguments(out, steps))); }
  // step,loss of each line.
  std::vector<std::string> curve(const std::string& out) const {
    std::vector<std::string> lines;
    std::istringstream text(text_of(folder_.path() + "/" + out + "/curve.csv"));
    std::string line;
    std::getline(text, line);
    EXPECT_EQ(line, "step,loss,examples,seconds,held_out");
    while (std::getline(text, line))
      lines.push_back(line.substr(0, line.find(',', line.find(',') + 1)));
    return lines;
  }

  test::ModelFolder model_;
  test::TemporaryFolder folder_;
  const std::string data_ = folder_.path() + "/data";
};

TEST_F(TrainingToolTest, KilledAtAnyMomentItGoesOnToTheSameBits) {
  const Ended unbroken = run("a", 30);
  ASSERT_EQ(unbroken.code, 0) << unbroken.err;
  const std::vector<std::string> wanted = curve("a");
  ASSERT_EQ(wanted.size(), 30U);
  int killed = 0;
  // Later and later, so that it dies while it loads, looks at pictures, learns and saves.
  for (int delay_ms = 40; delay_ms < 4000; delay_ms = delay_ms * 5 / 4) {
    const pid_t child = start(arguments("b", 30));
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    kill(child, SIGKILL);
    const Ended ended = wait(child);
    if (ended.code == 0) break;
    EXPECT_EQ(ended.code, -1) << ended.err;
    ++killed;
  }
  EXPECT_GE(killed, 2);
  const Ended last = run("b", 30);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(curve("b"), wanted);
  EXPECT_EQ(fs::exists(folder_.path() + "/b/curve.png"), M3_CAN_DRAW == 1);
  EXPECT_EQ(read_model_config(folder_.path() + "/b/model").updates.rank, 2);
  // Nothing half written is left.
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/b"))
    EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << entry.path();
}

TEST_F(TrainingToolTest, APackedRunGoesOnElsewhereToTheSameBits) {
  ASSERT_EQ(run("a", 12).code, 0);
  std::vector<std::string> packing = arguments("b", 12);
  packing.insert(packing.begin(), "pack");
  packing.insert(packing.end(), {"--to", folder_.path() + "/pack", "--examples", "60"});
  const Ended packed = wait(start(packing));
  ASSERT_EQ(packed.code, 0) << packed.err;
  // Neither pictures nor the model are there any more.
  fs::rename(data_, folder_.path() + "/away");
  fs::remove(folder_.path() + "/models/default");
  std::vector<std::string> there = arguments("c", 12);
  there[1] = folder_.path() + "/pack";
  const std::string piece = folder_.path() + "/pack/features.bin.000";
  const std::string whole = text_of(piece);
  std::ofstream(piece, std::ios::binary) << whole.substr(0, whole.size() - 1) << '?';
  const Ended damaged = wait(start(there));
  EXPECT_EQ(damaged.code, 1);
  EXPECT_NE(damaged.err.find("features.bin.000: this piece is damaged"), std::string::npos)
      << damaged.err;
  fs::remove(piece);
  const Ended missing = wait(start(there));
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("features.bin.000: this piece is not there"), std::string::npos)
      << missing.err;
  std::ofstream(piece, std::ios::binary) << whole;
  const Ended ended = wait(start(there));
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(curve("c"), curve("a"));
  EXPECT_TRUE(fs::exists(folder_.path() + "/c/model/config.json"));
}

TEST_F(TrainingToolTest, AFullDiskIsOneLineAndTheLastCheckpointGoesOn) {
  ASSERT_EQ(run("a", 12).code, 0);
  ASSERT_EQ(run("b", 4).code, 0);
  const auto bytes = fs::file_size(folder_.path() + "/b/checkpoint.safetensors");
  const Ended full = wait(start(arguments("b", 12), bytes / 2));
  EXPECT_EQ(full.code, 1);
  EXPECT_NE(full.err.find("checkpoint.safetensors: writing failed"), std::string::npos) << full.err;
  EXPECT_EQ(std::count(full.err.begin(), full.err.end(), '\n'), 1) << full.err;
  EXPECT_EQ(fs::file_size(folder_.path() + "/b/checkpoint.safetensors"), bytes);
  EXPECT_EQ(run("b", 12).code, 0);
  EXPECT_EQ(curve("b").size(), 12U);
}

TEST_F(TrainingToolTest, BadPicturesAreNamedOnceAndPassedOver) {
  const std::string whole = text_of(data_ + "/rgb.png");
  std::ofstream(data_ + "/rgb.png", std::ios::binary) << whole.substr(0, whole.size() / 2);
  fs::remove(data_ + "/grey.jpg");
  const Ended ended = run("a", 10);
  EXPECT_EQ(ended.code, 0);
  for (const char* name : {"rgb.png", "grey.jpg"}) {
    const size_t first = ended.err.find(std::string("/") + name);
    ASSERT_NE(first, std::string::npos) << ended.err;
    EXPECT_EQ(ended.err.find(std::string("/") + name, first + 1), std::string::npos) << ended.err;
  }
  EXPECT_EQ(curve("a").size(), 10U);
}

TEST_F(TrainingToolTest, WindowsComeBehindSinglePictures) {
  folder_.write("settings.json", R"({"batch": 4, "pictures_first": 1})");
  ASSERT_EQ(run("a", 6).code, 0);
  EXPECT_EQ(read_model_config(folder_.path() + "/a/model").trained_frames, 1);
  folder_.write("settings.json", R"({"batch": 4, "pictures_first": 0.5})");
  ASSERT_EQ(run("b", 6).code, 0);
  EXPECT_GT(read_model_config(folder_.path() + "/b/model").trained_frames, 1);
}

TEST_F(TrainingToolTest, AnotherRunsFolderIsRefused) {
  ASSERT_EQ(run("a", 2).code, 0);
  std::vector<std::string> other = arguments("a", 2);
  other.insert(other.end(), {"--seed", "9"});
  const Ended ended = wait(start(other));
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.err.find("give another folder for --out"), std::string::npos) << ended.err;
}

TEST_F(TrainingToolTest, SettingsThatAreWrongAreRefusedByName) {
  folder_.write("settings.json", R"({"batch": 0})");
  EXPECT_EQ(run("a", 2).code, 1);
  EXPECT_NE(text_of(folder_.path() + "/stderr").find("batch"), std::string::npos);
  folder_.write("settings.json", R"({"bacth": 2})");
  EXPECT_NE(run("a", 2).err.find("bacth"), std::string::npos);
}

}  // namespace
}  // namespace m3
