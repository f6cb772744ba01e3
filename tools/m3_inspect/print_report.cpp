#include "tools/m3_inspect/print_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/common/command_line.h"

namespace m3::inspect {
namespace {

using Json = nlohmann::ordered_json;

std::string megabytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string millions(int64_t count) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f million", static_cast<double>(count) / 1e6);
  return text;
}

std::string line(const char* name, const std::string& value) {
  if (value.empty()) return {};
  char text[32];
  std::snprintf(text, sizeof text, "%-14s ", name);
  return text + tools::one_line(value) + "\n";
}

std::string number_or_nothing(int value) { return value > 0 ? std::to_string(value) : ""; }

std::string trained_window(const ModelInfo& info) {
  if (info.trained_visual_tokens == 0) return {};
  return std::to_string(info.trained_frames) + " frames, " +
         std::to_string(info.trained_visual_tokens) + " visual tokens";
}

std::string to_text(const ModelPart& part) {
  std::string text = "  " + part.name + ": ";
  if (part.path.empty()) return text + "missing: " + tools::one_line(part.problem) + "\n";
  text += tools::one_line(part.path) + ", " + megabytes(part.bytes);
  if (part.parameters > 0) text += ", " + millions(part.parameters) + " parameters";
  if (!part.problem.empty()) text += "; cannot be used: " + tools::one_line(part.problem);
  return text + "\n";
}

std::string to_text(const MemoryNeed& need) {
  char text[160];
  std::snprintf(text, sizeof text, "  %-9s window of %5d visual tokens: weights %s + window %s%s\n",
                need.dtype.c_str(), need.visual_tokens, megabytes(need.weight_bytes).c_str(),
                megabytes(need.window_bytes).c_str(),
                need.fits ? "" : ", more than this machine has free");
  return text;
}

}  // namespace

std::string to_text(const ModelReport& report) {
  const ModelInfo& info = report.info;
  std::string ladder;
  for (const int scale : info.ladder)
    ladder += (ladder.empty() ? "" : ", ") + std::to_string(scale);
  std::string text =
      line("model", info.name) + line("from", report.source) + line("family", info.family) +
      line("tower", info.tower) + line("projector", info.projector) + line("LLM", info.llm) +
      line("attention", info.attention) + line("chat", report.chat) + line("scales", ladder) +
      line("context", number_or_nothing(info.context_tokens)) +
      line("trained for", trained_window(info)) +
      line("layout version", number_or_nothing(info.layout_version)) +
      line("parameters", info.parameters > 0 ? millions(info.parameters) : "");
  if (!report.parts.empty()) text += "files\n";
  for (const ModelPart& part : report.parts) text += to_text(part);
  if (!report.needs.empty()) {
    text += "memory, of " + megabytes(report.free_bytes) + " free here\n";
    for (const MemoryNeed& need : report.needs) text += to_text(need);
  }
  return text;
}

std::string to_json_line(const ModelReport& report) {
  const ModelInfo& info = report.info;
  Json object = {{"type", "model"},
                 {"name", info.name},
                 {"source", report.source},
                 {"family", info.family},
                 {"tower", info.tower},
                 {"projector", info.projector},
                 {"llm", info.llm},
                 {"attention", info.attention},
                 {"chat", report.chat},
                 {"ladder", info.ladder},
                 {"embedding_dim", info.embedding_dim},
                 {"context_tokens", info.context_tokens},
                 {"trained_frames", info.trained_frames},
                 {"trained_visual_tokens", info.trained_visual_tokens},
                 {"layout_version", info.layout_version},
                 {"parameters", info.parameters},
                 {"free_bytes", report.free_bytes}};
  object["parts"] = Json::array();
  for (const ModelPart& part : report.parts) {
    object["parts"].push_back({{"name", part.name},
                               {"path", part.path},
                               {"bytes", part.bytes},
                               {"parameters", part.parameters},
                               {"problem", part.problem}});
  }
  object["memory"] = Json::array();
  for (const MemoryNeed& need : report.needs) {
    object["memory"].push_back({{"dtype", need.dtype},
                                {"visual_tokens", need.visual_tokens},
                                {"weight_bytes", need.weight_bytes},
                                {"window_bytes", need.window_bytes},
                                {"fits", need.fits}});
  }
  object["missing"] = report.problems();
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace m3::inspect
