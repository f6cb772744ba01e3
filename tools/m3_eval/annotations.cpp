#include "tools/m3_eval/annotations.h"

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "tools/common/json_line_file.h"

namespace m3::eval {
namespace {

using tools::Json;
using tools::LineFault;

// A middle this near to a line between thirds, as a part of the width, is on no side for sure.
constexpr double kUnclear = 0.05;

double number_of(const Json& value, const char* what) {
  if (!value.is_number()) throw LineFault{std::string("\"") + what + "\" is not a number"};
  return value.get<double>();
}

std::optional<Side> side_of(const Json& object, double width) {
  const auto box = object.find("box");
  if (box == object.end() || box->is_null() || width <= 0) return std::nullopt;
  if (!box->is_array() || box->size() != 4) throw LineFault{"\"box\" is not [x, y, width, height]"};
  const double middle = (number_of((*box)[0], "box") + number_of((*box)[2], "box") / 2) / width;
  if (middle < 1.0 / 3 - kUnclear) return Side::kLeft;
  if (middle > 2.0 / 3 + kUnclear) return Side::kRight;
  if (middle > 1.0 / 3 + kUnclear && middle < 2.0 / 3 - kUnclear) return Side::kMiddle;
  return std::nullopt;
}

AnnotatedPicture to_picture(const Json& line) {
  AnnotatedPicture picture;
  picture.file = tools::text_of(line, "file");
  if (picture.file.empty()) throw LineFault{"\"file\" is missing or empty"};
  picture.source = tools::text_of(line, "source");
  picture.label = tools::text_of(line, "label");
  if (picture.label == "background") picture.label.clear();
  const auto width = line.find("width");
  const double width_px = width == line.end() ? 0 : number_of(*width, "width");
  for (const Json& entry : tools::list_of(line, "objects")) {
    if (!entry.is_object()) throw LineFault{"an entry of \"objects\" is not an object"};
    AnnotatedObject object{tools::text_of(entry, "label"), tools::text_of(entry, "color"),
                           side_of(entry, width_px)};
    if (object.label.empty()) throw LineFault{"an entry of \"objects\" has no \"label\""};
    picture.objects.push_back(std::move(object));
  }
  for (std::string& label : tools::texts_of(line, "crowd")) picture.crowd.insert(std::move(label));
  const auto complete = line.find("complete");
  if (complete != line.end() && !complete->is_null()) {
    if (!complete->is_boolean()) throw LineFault{"\"complete\" is neither true nor false"};
    picture.complete = complete->get<bool>();
  }
  return picture;
}

}  // namespace

std::set<std::string> AnnotatedPicture::names() const {
  std::set<std::string> names = crowd;
  if (!label.empty()) names.insert(label);
  for (const AnnotatedObject& object : objects) names.insert(object.label);
  return names;
}

std::vector<AnnotatedPicture> read_annotations(const std::string& folder,
                                               const std::string& split) {
  const std::filesystem::path root(folder);
  std::filesystem::path path = root / "annotations.jsonl";
  if (!std::filesystem::exists(path)) path = root / "train" / "annotations.jsonl";
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorCode::kNotFound, folder + ": holds no annotations.jsonl; give --questions");
  }
  std::vector<AnnotatedPicture> pictures;
  tools::read_json_lines(path.string(), [&](const Json& line, int) {
    const std::string in = tools::text_of(line, "split");
    if ((in.empty() ? "val" : in) == split) pictures.push_back(to_picture(line));
  });
  if (pictures.empty()) {
    throw Error(ErrorCode::kNotFound, path.string() + ": no picture is of the split " + split);
  }
  return pictures;
}

}  // namespace m3::eval
