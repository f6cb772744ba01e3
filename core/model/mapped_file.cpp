#include "core/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace m3 {

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang; it is refused below.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    throw Error(ErrorCode::kNotFound, path + ": cannot be opened: " + std::strerror(errno));
  }
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const size_t size = regular ? static_cast<size_t>(status.st_size) : 0;
  void* data = size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : MAP_FAILED;
  const int map_errno = errno;
  ::close(descriptor);
  if (!regular) throw Error(ErrorCode::kCorrupt, path + ": is no regular file");
  if (size == 0) throw Error(ErrorCode::kCorrupt, path + ": the file is empty");
  if (data == MAP_FAILED) {
    throw Error(ErrorCode::kOutOfMemory, path + ": cannot be mapped: " + std::strerror(map_errno));
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(data), size));
}

std::shared_ptr<const MappedFile> MappedFile::copy_of(std::span<const std::byte> bytes,
                                                      std::string path) {
  if (bytes.empty()) throw Error(ErrorCode::kCorrupt, path + ": the file is empty");
  // As long as the bytes and no longer, so that a sanitizer sees a reader that goes beyond them.
  auto copy = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  std::shared_ptr<MappedFile> file(new MappedFile(std::move(path), copy.get(), bytes.size()));
  file->copy_ = std::move(copy);
  return file;
}

MappedFile::MappedFile(std::string path, const std::byte* data, size_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (copy_ == nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace m3
