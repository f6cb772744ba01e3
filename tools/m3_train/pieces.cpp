#include "tools/m3_train/pieces.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/error.h"

namespace m3::train {
namespace {

namespace fs = std::filesystem;

std::string checksum_of(const std::vector<char>& bytes) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
  return text.data();
}

// "model/llm.gguf", 3 -> "model_llm.gguf.003": all pieces lie in one folder.
std::string piece_name(const std::string& name, size_t number) {
  std::string flat = name;
  std::replace(flat.begin(), flat.end(), '/', '_');
  std::array<char, 16> end{};
  std::snprintf(end.data(), end.size(), ".%03zu", number);
  return flat + end.data();
}

[[noreturn]] void fail(const fs::path& path, const char* what, ErrorCode code) {
  throw Error(code, path.string() + ": " + what + ": " + std::strerror(errno));
}

void write_all(const fs::path& path, const std::vector<char>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) fail(path, "cannot be written", ErrorCode::kInternal);
}

std::vector<char> read_piece(const Piece& piece, const fs::path& folder) {
  const fs::path path = folder / piece.name;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) {
    throw Error(ErrorCode::kNotFound,
                path.string() + ": this piece is not there; carry it over, then start again");
  }
  std::vector<char> bytes(size == piece.bytes ? size : 0);
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (bytes.empty() || !file || checksum_of(bytes) != piece.checksum) {
    throw Error(ErrorCode::kCorrupt,
                path.string() + ": this piece is damaged; carry it over again");
  }
  return bytes;
}

}  // namespace

CutFile cut_file(const std::string& path, const std::string& name, const std::string& folder,
                 uint64_t most_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path, "cannot be read", ErrorCode::kNotFound);
  CutFile cut{name, {}};
  std::vector<char> bytes;
  for (;;) {
    bytes.resize(most_bytes);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (file.bad()) fail(path, "cannot be read", ErrorCode::kInternal);
    bytes.resize(static_cast<size_t>(file.gcount()));
    if (bytes.empty()) return cut;
    Piece piece{piece_name(name, cut.pieces.size()), bytes.size(), checksum_of(bytes)};
    write_all(fs::path(folder) / piece.name, bytes);
    cut.pieces.push_back(std::move(piece));
  }
}

void join_file(const CutFile& file, const std::string& folder, const std::string& path) {
  const fs::path part = path + ".part";
  std::error_code error;
  fs::create_directories(part.parent_path(), error);
  try {
    std::ofstream whole(part, std::ios::binary);
    for (const Piece& piece : file.pieces) {
      const std::vector<char> bytes = read_piece(piece, folder);
      whole.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!whole) break;
    }
    whole.close();
    if (!whole) fail(part, "cannot be written", ErrorCode::kInternal);
    fs::rename(part, path, error);
    if (error) throw Error(ErrorCode::kInternal, path + ": cannot be made: " + error.message());
  } catch (...) {
    fs::remove(part, error);
    throw;
  }
}

}  // namespace m3::train
