#include "core/activity_log.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/frame.h"

namespace m3 {
namespace {

using Json = nlohmann::ordered_json;
using Blocks = std::array<uint8_t, kSignatureColumns * kSignatureRows>;

constexpr char kDigits[] = "0123456789abcdef";

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kCorrupt, "a line of an activity log: " + what);
}

std::string to_hex(const Blocks& blocks) {
  std::string hex;
  hex.reserve(2 * blocks.size());
  for (const uint8_t value : blocks) {
    hex += kDigits[value >> 4];
    hex += kDigits[value & 15];
  }
  return hex;
}

bool empty(const Blocks& blocks) {
  for (const uint8_t value : blocks) {
    if (value != 0) return false;
  }
  return true;
}

Blocks from_hex(const Json& object, const char* name) {
  Blocks blocks{};
  if (!object.contains(name)) return blocks;
  const auto& text = object.at(name).get_ref<const std::string&>();
  if (text.size() != 2 * blocks.size()) refuse(std::string(name) + " has another length");
  for (size_t i = 0; i < text.size(); ++i) {
    const char* digit = std::char_traits<char>::find(kDigits, 16, text[i]);
    if (!digit) refuse(std::string(name) + " is not hexadecimal");
    blocks[i / 2] = static_cast<uint8_t>(blocks[i / 2] << 4 | (digit - kDigits));
  }
  return blocks;
}

double number(const Json& object, const char* name, double most) {
  const double value = object.at(name).get<double>();
  if (!(value >= 0 && value <= most)) refuse(std::string(name) + " is out of range");
  return value;
}

}  // namespace

std::string to_log_line(const LoggedActivity& logged) {
  const Activity& activity = logged.activity;
  Json object;
  object["pts_ns"] = logged.pts_ns == kNoTime ? Json() : Json(logged.pts_ns);
  object["motion"] = activity.motion;
  object["complexity"] = activity.complexity;
  object["noise"] = activity.noise;
  object["scene"] = activity.scene;
  object["interest"] = activity.interest;
  object["signature"] = to_hex(activity.signature);
  if (!empty(activity.heat)) object["heat"] = to_hex(activity.heat);
  return object.dump();
}

LoggedActivity read_log_line(std::string_view line) {
  LoggedActivity logged;
  try {
    const Json object = Json::parse(line);
    const Json& pts = object.at("pts_ns");
    logged.pts_ns = pts.is_null() ? kNoTime : pts.get<int64_t>();
    Activity& activity = logged.activity;
    activity.motion = number(object, "motion", 1);
    activity.complexity = number(object, "complexity", 1);
    activity.noise = number(object, "noise", 1e6);
    activity.scene = object.at("scene").get<bool>();
    activity.interest = object.at("interest").get<bool>();
    if (!object.contains("signature")) refuse("signature is missing");
    activity.signature = from_hex(object, "signature");
    activity.heat = from_hex(object, "heat");
  } catch (const Json::exception& error) {
    refuse(error.what());
  }
  return logged;
}

}  // namespace m3
