#include "tools/common/json_line_file.h"

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace m3::tools {
namespace {

constexpr size_t kLongestLine = 1 << 20;  // bytes

}  // namespace

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) throw LineFault{std::string("\"") + key + "\" is not a text"};
  return found->get<std::string>();
}

const Json& list_of(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return none;
  if (!found->is_array()) throw LineFault{std::string("\"") + key + "\" is not a list"};
  return *found;
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  for (const Json& entry : list_of(object, key)) {
    if (!entry.is_string())
      throw LineFault{std::string("an entry of \"") + key + "\" is not a text"};
    texts.push_back(entry.get<std::string>());
  }
  return texts;
}

void read_json_lines(const std::string& path,
                     const std::function<void(const Json& object, int number)>& take) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw Error(ErrorCode::kNotFound, path + ": is a folder, not a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::kNotFound, path + ": no such file, or it cannot be read");
  std::vector<char> buffer(kLongestLine + 2);  // room for the line, its newline and the final 0
  for (int number = 0; file.getline(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
                       file.gcount() > 0;
       ++number) {
    const std::string_view text(buffer.data());
    try {
      if (file.fail()) throw LineFault{"longer than 1 MiB"};
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      const Json object = Json::parse(text, nullptr, false);
      if (object.is_discarded()) throw LineFault{"not JSON"};
      if (!object.is_object()) throw LineFault{"not a JSON object"};
      take(object, number);
    } catch (const LineFault& fault) {
      throw Error(ErrorCode::kCorrupt, path + ":" + std::to_string(number + 1) + ": " + fault.text);
    }
  }
  if (file.bad()) throw Error(ErrorCode::kCorrupt, path + ": cannot be read to its end");
}

}  // namespace m3::tools
