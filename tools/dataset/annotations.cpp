#include "tools/dataset/annotations.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "tools/common/json_line_file.h"
#include "tools/dataset/noun.h"

namespace m3::dataset {
namespace {

using tools::Json;
using tools::LineFault;

constexpr int kLargestSide = 16384;  // pixels

double number_of(const Json& value, const char* what) {
  if (!value.is_number()) throw LineFault{std::string("\"") + what + "\" is not a number"};
  const double number = value.get<double>();
  if (!std::isfinite(number)) throw LineFault{std::string("\"") + what + "\" is out of range"};
  return number;
}

int side_of(const Json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return 0;
  const double side = number_of(*found, key);
  if (!(side >= 1 && side <= kLargestSide))
    throw LineFault{std::string("\"") + key + "\" is not from 1 to 16384 pixels"};
  return static_cast<int>(side);
}

std::optional<Box> box_of(const Json& object, const AnnotatedPicture& picture) {
  const auto box = object.find("box");
  if (box == object.end() || box->is_null()) return std::nullopt;
  if (!box->is_array() || box->size() != 4) throw LineFault{"\"box\" is not [x, y, width, height]"};
  if (picture.width_px == 0 || picture.height_px == 0) {
    throw LineFault{"a \"box\" needs the picture's \"width\" and \"height\""};
  }
  const double width = picture.width_px;
  const double height = picture.height_px;
  const Box parts{number_of((*box)[0], "box") / width, number_of((*box)[1], "box") / height,
                  number_of((*box)[2], "box") / width, number_of((*box)[3], "box") / height};
  const Box inside = parts.with(Box{});
  if (!(inside.area() > 0)) throw LineFault{"a \"box\" lies outside the picture"};
  return inside;
}

AnnotatedObject to_object(const Json& entry, const AnnotatedPicture& picture) {
  if (!entry.is_object()) throw LineFault{"an entry of \"objects\" is not an object"};
  AnnotatedObject object;
  object.label = spoken_name(tools::text_of(entry, "label"));
  if (object.label.empty()) throw LineFault{"an entry of \"objects\" has no \"label\""};
  object.colour = tools::text_of(entry, "color");
  object.box = box_of(entry, picture);
  const auto attributes = entry.find("attributes");
  if (attributes != entry.end() && !attributes->is_null()) {
    if (!attributes->is_object()) throw LineFault{"\"attributes\" is not an object"};
    object.top_colour = tools::text_of(*attributes, "top_colour");
    object.trousers_colour = tools::text_of(*attributes, "bottom_colour");
  }
  return object;
}

AnnotatedPicture to_picture(const Json& line) {
  AnnotatedPicture picture;
  picture.file = tools::text_of(line, "file");
  if (picture.file.empty()) throw LineFault{"\"file\" is missing or empty"};
  picture.source = tools::text_of(line, "source");
  picture.label = spoken_name(tools::text_of(line, "label"));
  if (picture.label == "background") picture.label.clear();
  picture.label_colour = tools::text_of(line, "label_color");
  picture.captions = tools::texts_of(line, "captions");
  picture.width_px = side_of(line, "width");
  picture.height_px = side_of(line, "height");
  for (const Json& entry : tools::list_of(line, "objects"))
    picture.objects.push_back(to_object(entry, picture));
  for (const std::string& label : tools::texts_of(line, "crowd"))
    picture.crowd.insert(spoken_name(label));
  const auto complete = line.find("complete");
  if (complete != line.end() && !complete->is_null()) {
    if (!complete->is_boolean()) throw LineFault{"\"complete\" is neither true nor false"};
    picture.complete = complete->get<bool>();
  }
  return picture;
}

bool is_of_split(const Json& line, const std::string& split) {
  const std::string in = tools::text_of(line, "split");
  if (!in.empty() && in != "train" && in != "val")
    throw LineFault{R"("split" is neither "train" nor "val")"};
  return in.empty() || in == split;
}

}  // namespace

Box Box::with(const Box& other) const noexcept {
  Box both;
  both.x = std::max(x, other.x);
  both.y = std::max(y, other.y);
  both.width = std::max(0.0, std::min(x + width, other.x + other.width) - both.x);
  both.height = std::max(0.0, std::min(y + height, other.y + other.height) - both.y);
  return both;
}

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
  if (!std::filesystem::exists(path))
    throw Error(ErrorCode::kNotFound, folder + ": holds no annotations.jsonl");
  std::vector<AnnotatedPicture> pictures;
  tools::read_json_lines(path.string(), [&](const Json& line, int) {
    AnnotatedPicture picture = to_picture(line);
    if (is_of_split(line, split)) pictures.push_back(std::move(picture));
  });
  if (pictures.empty()) {
    throw Error(ErrorCode::kNotFound, path.string() + ": no picture is of the split " + split);
  }
  return pictures;
}

}  // namespace m3::dataset
