#include "tools/m3_train/pack.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/model/model_config.h"
#include "tools/m3_train/pieces.h"

namespace m3::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr uint64_t kPieceBytes = 50'000'000;
constexpr int kVersion = 1;
constexpr char kList[] = "pack.json";

Json to_json(const CutFile& file) {
  Json pieces = Json::array();
  for (const Piece& piece : file.pieces)
    pieces.push_back({{"name", piece.name}, {"bytes", piece.bytes}, {"xxh3", piece.checksum}});
  return {{"file", file.name}, {"pieces", std::move(pieces)}};
}

// Names come from a file that may have been changed on its way: none leads out of the folder.
std::string checked_name(const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  if (path.empty() || path.is_absolute() || *path.begin() == "..")
    throw Error(ErrorCode::kCorrupt, std::string(kList) + ": a name leads out of the pack");
  return path.string();
}

CutFile from_json(const Json& entry) {
  CutFile file{checked_name(entry.at("file").get<std::string>()), {}};
  for (const Json& piece : entry.at("pieces")) {
    file.pieces.push_back({checked_name(piece.at("name").get<std::string>()),
                           piece.at("bytes").get<uint64_t>(), piece.at("xxh3").get<std::string>()});
    // The largest amount of memory that a wrong list can ask for.
    if (file.pieces.back().bytes > kPieceBytes)
      throw Error(ErrorCode::kCorrupt, std::string(kList) + ": a piece is too large");
  }
  return file;
}

// Where they are, and their names in a model's folder.
std::vector<std::pair<std::string, std::string>> files_of_model(const std::string& model_folder) {
  const ModelConfig config = read_model_config(model_folder);
  const fs::path folder = config.folder;
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& name : {std::string("config.json"), config.tower.graph, config.adapter})
    files.emplace_back((folder / name).string(), name);
  for (const auto& base : {config.tower.weights, config.llm_file}) {
    if (base) files.emplace_back(find_base_file(config, *base), base->name);
  }
  return files;
}

}  // namespace

bool is_pack(const std::string& folder) {
  std::error_code error;
  return fs::exists(fs::path(folder) / kList, error);
}

void write_pack(const std::string& out, const std::string& features,
                const std::string& model_folder, const std::string& to) {
  if (is_pack(to)) {
    throw Error(ErrorCode::kMismatch,
                to + ": holds a pack already; delete it, or give another folder for --to");
  }
  std::error_code error;
  fs::create_directories(to, error);
  if (error) throw Error(ErrorCode::kNotFound, to + ": cannot be made: " + error.message());
  Json files = Json::array();
  const auto add = [&](const std::string& path, const std::string& name) {
    files.push_back(to_json(cut_file(path, name, to, kPieceBytes)));
  };
  for (const auto& [path, name] : files_of_model(model_folder))
    add(path, std::string(kPackedModel) + "/" + name);
  for (const char* name : {kPackedExamples, "checkpoint.safetensors", "curve.csv"})
    add((fs::path(out) / name).string(), name);
  add(features, kPackedFeatures);
  // Written last: a folder without it is no pack.
  const std::string list = (fs::path(to) / kList).string();
  std::ofstream file(list);
  file << Json{{"version", kVersion}, {"files", std::move(files)}}.dump(1) << '\n';
  file.close();
  if (!file) throw Error(ErrorCode::kInternal, list + ": cannot be written");
}

void unpack(const std::string& pack, const std::string& out) {
  const std::string list = (fs::path(pack) / kList).string();
  std::ostringstream text;
  text << std::ifstream(list).rdbuf();
  std::vector<CutFile> files;
  try {
    const Json json = Json::parse(text.str());
    if (json.at("version").get<int>() != kVersion)
      throw Error(ErrorCode::kMismatch, list + ": made by another version of m3-train");
    for (const Json& entry : json.at("files")) files.push_back(from_json(entry));
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kCorrupt, list + ": is damaged; carry it over again");
  }
  for (const CutFile& file : files) {
    const std::string path = (fs::path(out) / file.name).string();
    std::error_code error;
    if (!fs::exists(path, error)) join_file(file, pack, path);
  }
}

}  // namespace m3::train
