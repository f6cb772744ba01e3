// GgufBuilder: the bytes of a small GGUF file, right by default; every part can be made wrong on
// purpose. Threads: used from one thread at a time.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace m3::test {

class GgufBuilder {
 public:
  uint32_t version = 3;
  uint64_t alignment =
      32;  // of the data; another one than 32 must also be told as general.alignment

  template <typename T>
  static std::string raw(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }
  static std::string text(std::string_view value) {
    return raw<uint64_t>(value.size()) + std::string(value);
  }

  // type: GGUF's number of the value's type; bytes: the value as it is written.
  GgufBuilder& value(std::string_view key, uint32_t type, std::string_view bytes) {
    values_ += text(key) + raw(type) + std::string(bytes);
    ++value_count_;
    return *this;
  }
  GgufBuilder& u32(std::string_view key, uint32_t number) { return value(key, 4, raw(number)); }
  GgufBuilder& texts(std::string_view key, const std::vector<std::string>& items) {
    std::string bytes = raw<uint32_t>(8) + raw<uint64_t>(items.size());
    for (const std::string& item : items) bytes += text(item);
    return value(key, 9, bytes);
  }
  GgufBuilder& i32s(std::string_view key, const std::vector<int32_t>& items) {
    std::string bytes = raw<uint32_t>(5) + raw<uint64_t>(items.size());
    for (const int32_t item : items) bytes += raw(item);
    return value(key, 9, bytes);
  }

  // sizes: fastest first, as the file has them. The data goes behind what is there, aligned.
  GgufBuilder& tensor(std::string_view name, uint32_t type, const std::vector<uint64_t>& sizes,
                      std::string_view data) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    tensor_at(name, type, sizes, data_.size());
    data_ += data;
    return *this;
  }
  // Only the entry, pointing to `offset` in the data.
  GgufBuilder& tensor_at(std::string_view name, uint32_t type, const std::vector<uint64_t>& sizes,
                         uint64_t offset) {
    tensors_ += text(name) + raw(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) tensors_ += raw(size);
    tensors_ += raw(type) + raw(offset);
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& data(std::string_view bytes) {
    data_ += bytes;
    return *this;
  }

  std::string bytes() const { return bytes(tensor_count_, value_count_); }
  // With counts in the header that need not be true.
  std::string bytes(uint64_t tensors, uint64_t values) const {
    std::string file = "GGUF" + raw(version) + raw(tensors) + raw(values) + values_ + tensors_;
    file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
    return file + data_;
  }

 private:
  std::string values_;
  std::string tensors_;
  std::string data_;
  uint64_t value_count_ = 0;
  uint64_t tensor_count_ = 0;
};

// Byte-level BPE as a GGUF carries it: a vocabulary of a few letters that grows to "hello".
inline GgufBuilder& add_tiny_tokenizer(GgufBuilder& builder) {
  const std::vector<std::string> tokens = {"<|end|>", "h",  "e",   "l",     "o",      "Ġ",
                                           "he",      "ll", "llo", "hello", "Ġhello", "!"};
  std::vector<int32_t> types(tokens.size(), 1);
  types[0] = 3;
  return builder.value("tokenizer.ggml.model", 8, GgufBuilder::text("gpt2"))
      .value("tokenizer.ggml.pre", 8, GgufBuilder::text("smollm"))
      .texts("tokenizer.ggml.tokens", tokens)
      .texts("tokenizer.ggml.merges", {"h e", "l l", "ll o", "he llo", "Ġ hello"})
      .i32s("tokenizer.ggml.token_type", types);
}

}  // namespace m3::test
