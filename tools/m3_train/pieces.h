// Pieces: files cut into parts that can be carried where the size of one file is limited, one after
// another, and put together again. Threads: values and free functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace m3::train {

struct Piece {
  std::string name;      // in the folder of pieces
  uint64_t bytes = 0;    // at least 1
  std::string checksum;  // XXH3 of its bytes, 16 hex digits
};

struct CutFile {
  std::string name;  // where it belongs, seen from the folder that it is put together in
  std::vector<Piece> pieces;
};

// Writes the file's bytes as pieces of at most `most_bytes` into `folder`, which must be there.
// Throws kNotFound, kInternal (a full disk), naming the file.
CutFile cut_file(const std::string& path, const std::string& name, const std::string& folder,
                 uint64_t most_bytes);

// Puts the file together under `path`, whole or not at all; its folder is made. Throws kNotFound
// naming the piece that has not come, kCorrupt naming the one that is damaged, kInternal.
void join_file(const CutFile& file, const std::string& folder, const std::string& path);

}  // namespace m3::train
