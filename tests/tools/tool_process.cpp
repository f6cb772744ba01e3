#include "tests/tools/tool_process.h"

#include <signal.h>

#include <chrono>
#include <sstream>
#include <stdexcept>

namespace m3::test {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string read_all(GInputStream* stream) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const gssize count = g_input_stream_read(stream, buffer, sizeof buffer, nullptr, nullptr);
    if (count <= 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

}  // namespace

std::vector<nlohmann::json> ToolResult::rows() const {
  std::vector<nlohmann::json> parsed;
  for (const std::string& line : lines_of(out)) parsed.push_back(nlohmann::json::parse(line));
  return parsed;
}

std::vector<nlohmann::json> ToolResult::rows(const std::string& type) const {
  std::vector<nlohmann::json> found;
  for (const nlohmann::json& row : rows()) {
    if (row.at("type") == type) found.push_back(row);
  }
  return found;
}

RunningTool::RunningTool(const std::string& name, const std::vector<std::string>& arguments,
                         const std::vector<std::pair<std::string, std::string>>& environment,
                         const std::string& stdin_file) {
  const std::string program =
      name.find('/') == std::string::npos ? std::string(M3_TOOLS_DIR) + "/" + name : name;
  std::vector<const char*> argv = {program.c_str()};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  GSubprocessLauncher* launcher = g_subprocess_launcher_new(static_cast<GSubprocessFlags>(
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE));
  for (const auto& [variable, value] : environment) {
    g_subprocess_launcher_setenv(launcher, variable.c_str(), value.c_str(), TRUE);
  }
  if (!stdin_file.empty()) {
    g_subprocess_launcher_set_stdin_file_path(launcher, stdin_file.c_str());
  }
  GError* error = nullptr;
  process_ = g_subprocess_launcher_spawnv(launcher, argv.data(), &error);
  g_object_unref(launcher);
  if (process_ == nullptr) {
    const std::string text = error->message;
    g_error_free(error);
    throw std::runtime_error(text);
  }
  lines_ = g_data_input_stream_new(g_subprocess_get_stdout_pipe(process_));
}

RunningTool::~RunningTool() {
  g_subprocess_force_exit(process_);
  g_object_unref(lines_);
  g_object_unref(process_);
}

std::string RunningTool::read_line() {
  char* line = g_data_input_stream_read_line(lines_, nullptr, nullptr, nullptr);
  const std::string text = line != nullptr ? line : "";
  g_free(line);
  return text;
}

ToolResult RunningTool::interrupt() {
  g_subprocess_send_signal(process_, SIGINT);
  return wait();
}

ToolResult RunningTool::wait() {
  const double start = now_s();
  ToolResult result;
  // The tools say little on stderr: its pipe never fills while stdout is read.
  result.out = read_all(G_INPUT_STREAM(lines_));
  result.err_lines = lines_of(read_all(g_subprocess_get_stderr_pipe(process_)));
  g_subprocess_wait(process_, nullptr, nullptr);
  result.seconds = now_s() - start;
  if (g_subprocess_get_if_exited(process_))
    result.exit_code = g_subprocess_get_exit_status(process_);
  return result;
}

ToolResult run_tool(const std::string& name, const std::vector<std::string>& arguments,
                    const std::vector<std::pair<std::string, std::string>>& environment,
                    const std::string& stdin_file) {
  return RunningTool(name, arguments, environment, stdin_file).wait();
}

}  // namespace m3::test
