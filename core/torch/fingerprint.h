// Fingerprint: a model's id, 16 hex digits over whatever is added to it.
// Threads: used from one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace m3 {

class Fingerprint {
 public:
  Fingerprint();
  ~Fingerprint();

  void add(const void* data, size_t size);
  void add_file(const std::string& path);  // throws what MappedFile::open() throws
  std::string text() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace m3
