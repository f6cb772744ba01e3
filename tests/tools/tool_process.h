// Runs one of the real tools as a user would, and reads what it says.
// Threads: one object from one thread.
#pragma once

#include <gio/gio.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace m3::test {

struct ToolResult {
  int exit_code = -1;  // -1: ended by a signal
  std::string out;
  std::vector<std::string> err_lines;  // without empty ones
  double seconds = 0;                  // wall clock, or after interrupt() from then on

  std::vector<nlohmann::json> rows() const;                         // JSON Lines of `out`
  std::vector<nlohmann::json> rows(const std::string& type) const;  // those of one type
};

// Runs a tool of the build to its end. name: "m3-ask"; with a slash: the path of any program.
// stdin_file: what it reads on stdin; empty: what the test itself would.
ToolResult run_tool(const std::string& name, const std::vector<std::string>& arguments,
                    const std::vector<std::pair<std::string, std::string>>& environment = {},
                    const std::string& stdin_file = {});

// A tool that runs beside the test.
class RunningTool {
 public:
  RunningTool(const std::string& name, const std::vector<std::string>& arguments,
              const std::vector<std::pair<std::string, std::string>>& environment = {},
              const std::string& stdin_file = {});
  ~RunningTool();
  RunningTool(const RunningTool&) = delete;
  RunningTool& operator=(const RunningTool&) = delete;

  std::string read_line();  // of stdout, without its newline; waits; empty at the end
  ToolResult interrupt();   // Ctrl-C, then waits; `out` holds what read_line() has not taken
  ToolResult wait();

 private:
  GSubprocess* process_ = nullptr;
  GDataInputStream* lines_ = nullptr;
};

}  // namespace m3::test
