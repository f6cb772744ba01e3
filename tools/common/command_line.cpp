#include "tools/common/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "core/error.h"

namespace m3::tools {

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7f;
    if (!control) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

void print_error(std::string_view tool, std::string_view text) {
  const std::string line = std::string(tool) + ": " + one_line(text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  app.set_version_flag("--version", app.get_name() + " " M3_VERSION);
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
    return wrong_use(app.get_name(), error.what());
  }
}

int wrong_use(std::string_view tool, std::string_view text) {
  print_error(tool, std::string(text) + " (see " + std::string(tool) + " --help)");
  return kExitWrongUse;
}

int run_guarded(std::string_view tool, const std::function<int()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    print_error(tool, error.what());
  } catch (const std::bad_alloc&) {
    print_error(tool, "out of memory");
  } catch (const std::exception& error) {
    print_error(tool, std::string("internal error: ") + error.what());
  }
  return kExitFailed;
}

}  // namespace m3::tools
