#include "tools/m3_train/curve.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "core/error.h"

namespace m3::train {
namespace {

constexpr char kHead[] = "step,loss,examples,seconds,held_out\n";

// The lines of steps up to `last_step`, each whole.
std::string lines_until(const std::string& path, int64_t last_step) {
  std::ifstream file(path, std::ios::binary);
  std::string kept = kHead;
  std::string line;
  while (std::getline(file, line)) {
    int64_t step = 0;
    const auto [end, status] = std::from_chars(line.data(), line.data() + line.size(), step);
    if (status != std::errc() || file.eof()) continue;  // the head, or a line that was cut off
    if (step <= last_step) kept += line + "\n";
  }
  return kept;
}

}  // namespace

Curve::Curve(std::string path, int64_t last_step) : path_(std::move(path)) {
  const std::string kept = lines_until(path_, last_step);
  const std::string fresh = path_ + ".part";
  descriptor_ = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    throw Error(ErrorCode::kNotFound, fresh + ": cannot be written: " + std::strerror(errno));
  try {
    write(kept);
    if (std::rename(fresh.c_str(), path_.c_str()) != 0)
      throw Error(ErrorCode::kInternal, path_ + ": cannot be written: " + std::strerror(errno));
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Curve::~Curve() { ::close(descriptor_); }

void Curve::write(const std::string& text) {
  const ssize_t written = ::write(descriptor_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return;
  throw Error(ErrorCode::kInternal, path_ + ": cannot be written: " +
                                        (written < 0 ? std::strerror(errno) : "the disk is full"));
}

void Curve::add(const CurvePoint& point) {
  char line[160];
  // As many digits as bring the very number back.
  int size =
      std::snprintf(line, sizeof line, "%lld,%.17g,%llu,%.2f,", static_cast<long long>(point.step),
                    point.loss, static_cast<unsigned long long>(point.examples), point.seconds);
  if (point.held_out)
    size += std::snprintf(line + size, sizeof line - static_cast<size_t>(size), "%.6g",
                          *point.held_out);
  write(std::string(line, static_cast<size_t>(size)) + "\n");
}

void Curve::settle() {
  if (::fdatasync(descriptor_) != 0)
    throw Error(ErrorCode::kInternal, path_ + ": cannot be written: " + std::strerror(errno));
}

}  // namespace m3::train
