// What the command lines of all tools have in common: --help, --version, exit codes, and errors in
// one line. Threads: used from main only, but for print_line_to_stderr, which is safe from any
// thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace m3::tools {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitWrongUse = 2;

// The text as one line that a terminal takes literally: line breaks and control characters become
// spaces.
std::string one_line(std::string_view text);

// "TOOL: text" on stderr, in one line.
void print_error(std::string_view tool, std::string_view text);

// Reads the command line into the app's options. Returns the exit code when there is nothing left
// to do: after --help, after --version, or after wrong use, which it has then reported.
std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv);

// Wrong use that only shows once all options are read. Reports it; the exit code to return.
int wrong_use(std::string_view tool, std::string_view text);

// Runs a tool's work. Error and out of memory are reported in one line and become kExitFailed.
int run_guarded(std::string_view tool, const std::function<int()>& work);

}  // namespace m3::tools
