#include "core/model/gguf_blocks.h"

#include <string>

#include "core/error.h"
#include "core/model/float_bits.h"

namespace m3 {
namespace {

// Every product and sum below stands in the order of ggml's reference code, so that the results are
// equal to the last bit. Bytes are read as uint8_t: the casts of quants are the formats' own.

constexpr size_t kBlock = 32;
constexpr size_t kHalf = kBlock / 2;
constexpr size_t kSuperBlock = 256;

const uint8_t* bytes_of(const std::byte* from) { return reinterpret_cast<const uint8_t*>(from); }
float f16_at(const uint8_t* from) { return float_from_f16(load<uint16_t>(from)); }

void expand_f32(const std::byte* from, size_t count, float* to) {
  std::memcpy(to, from, count * sizeof(float));
}

void expand_f16(const std::byte* from, size_t count, float* to) {
  for (size_t i = 0; i < count; ++i) to[i] = float_from_f16(load<uint16_t>(from + 2 * i));
}

void expand_bf16(const std::byte* from, size_t count, float* to) {
  for (size_t i = 0; i < count; ++i) to[i] = float_from_bf16(load<uint16_t>(from + 2 * i));
}

// f16 d; 16 bytes of quants: low nibbles are the first half, high nibbles the second.
void expand_q4_0(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 18, to += kBlock) {
    const float d = f16_at(block);
    const uint8_t* quants = block + 2;
    for (size_t j = 0; j < kHalf; ++j) to[j] = static_cast<float>((quants[j] & 15) - 8) * d;
    for (size_t j = 0; j < kHalf; ++j) to[kHalf + j] = static_cast<float>((quants[j] >> 4) - 8) * d;
  }
}

// f16 d; f16 m; quants as in Q4_0.
void expand_q4_1(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 20, to += kBlock) {
    const float d = f16_at(block);
    const float m = f16_at(block + 2);
    const uint8_t* quants = block + 4;
    for (size_t j = 0; j < kHalf; ++j) to[j] = static_cast<float>(quants[j] & 15) * d + m;
    for (size_t j = 0; j < kHalf; ++j) to[kHalf + j] = static_cast<float>(quants[j] >> 4) * d + m;
  }
}

// f16 d; 32 fifth bits, in the order of elements; quants as in Q4_0.
void expand_q5_0(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 22, to += kBlock) {
    const float d = f16_at(block);
    const auto high = load<uint32_t>(block + 2);
    const uint8_t* quants = block + 6;
    for (uint32_t j = 0; j < kHalf; ++j) {
      const int low_quant = (quants[j] & 15) | static_cast<int>((high >> j & 1) << 4);
      const int high_quant = (quants[j] >> 4) | static_cast<int>((high >> (j + kHalf) & 1) << 4);
      to[j] = static_cast<float>(low_quant - 16) * d;
      to[kHalf + j] = static_cast<float>(high_quant - 16) * d;
    }
  }
}

// f16 d; f16 m; fifth bits and quants as in Q5_0.
void expand_q5_1(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 24, to += kBlock) {
    const float d = f16_at(block);
    const float m = f16_at(block + 2);
    const auto high = load<uint32_t>(block + 4);
    const uint8_t* quants = block + 8;
    for (uint32_t j = 0; j < kHalf; ++j) {
      const int low_quant = (quants[j] & 15) | static_cast<int>((high >> j & 1) << 4);
      const int high_quant = (quants[j] >> 4) | static_cast<int>((high >> (j + kHalf) & 1) << 4);
      to[j] = static_cast<float>(low_quant) * d + m;
      to[kHalf + j] = static_cast<float>(high_quant) * d + m;
    }
  }
}

// f16 d; 32 signed bytes.
void expand_q8_0(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 34, to += kBlock) {
    const float d = f16_at(block);
    for (size_t j = 0; j < kBlock; ++j)
      to[j] = static_cast<float>(static_cast<int8_t>(block[2 + j])) * d;
  }
}

// The scale and the minimum, six bits each, of sub-block `j` of 8, packed in 12 bytes.
struct ScaleAndMinimum {
  float scale;
  float minimum;
};
ScaleAndMinimum unpack(const uint8_t* packed, size_t j, float d, float d_minimum) {
  const int scale = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
  const int minimum = j < 4 ? packed[j + 4] & 63 : (packed[j + 4] >> 4) | (packed[j] >> 6) << 4;
  return {d * static_cast<float>(scale), d_minimum * static_cast<float>(minimum)};
}

// f16 d; f16 dmin; 12 bytes of scales and minima; 128 bytes of quants. 64 elements take 32 bytes:
// their low nibbles are sub-block 2i, their high nibbles sub-block 2i + 1.
void expand_q4_k(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 144) {
    const float d = f16_at(block);
    const float d_minimum = f16_at(block + 2);
    const uint8_t* quants = block + 16;
    for (size_t i = 0; i < 4; ++i, quants += 32, to += 64) {
      const auto [scale_1, minimum_1] = unpack(block + 4, 2 * i, d, d_minimum);
      const auto [scale_2, minimum_2] = unpack(block + 4, 2 * i + 1, d, d_minimum);
      for (size_t j = 0; j < 32; ++j)
        to[j] = scale_1 * static_cast<float>(quants[j] & 15) - minimum_1;
      for (size_t j = 0; j < 32; ++j)
        to[32 + j] = scale_2 * static_cast<float>(quants[j] >> 4) - minimum_2;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits before the quants: bit s of byte j belongs to element j of
// sub-block s.
void expand_q5_k(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 176) {
    const float d = f16_at(block);
    const float d_minimum = f16_at(block + 2);
    const uint8_t* high = block + 16;
    const uint8_t* quants = block + 48;
    for (size_t i = 0; i < 4; ++i, quants += 32, to += 64) {
      const auto [scale_1, minimum_1] = unpack(block + 4, 2 * i, d, d_minimum);
      const auto [scale_2, minimum_2] = unpack(block + 4, 2 * i + 1, d, d_minimum);
      for (size_t j = 0; j < 32; ++j) {
        const int quant_1 = (quants[j] & 15) + ((high[j] >> (2 * i) & 1) << 4);
        const int quant_2 = (quants[j] >> 4) + ((high[j] >> (2 * i + 1) & 1) << 4);
        to[j] = scale_1 * static_cast<float>(quant_1) - minimum_1;
        to[32 + j] = scale_2 * static_cast<float>(quant_2) - minimum_2;
      }
    }
  }
}

// 128 bytes of low nibbles; 64 bytes of upper bit pairs; 16 signed scales, one for 16 elements; f16
// d. Each half of the block: 64 bytes of nibbles and 32 of bit pairs give four runs of 32 elements.
void expand_q6_k(const std::byte* from, size_t count, float* to) {
  for (const uint8_t* block = bytes_of(from); count > 0; --count, block += 210) {
    const float d = f16_at(block + 208);
    for (size_t half = 0; half < 2; ++half, to += 128) {
      const uint8_t* low = block + 64 * half;
      const uint8_t* high = block + 128 + 32 * half;
      const uint8_t* scales = block + 192 + 8 * half;
      for (size_t run = 0; run < 4; ++run) {
        const uint8_t* nibbles = low + 32 * (run % 2);
        for (size_t j = 0; j < 32; ++j) {
          const int nibble = run < 2 ? nibbles[j] & 15 : nibbles[j] >> 4;
          const int quant = (nibble | (high[j] >> (2 * run) & 3) << 4) - 32;
          const float scale = d * static_cast<float>(static_cast<int8_t>(scales[2 * run + j / 16]));
          to[32 * run + j] = scale * static_cast<float>(quant);
        }
      }
    }
  }
}

constexpr GgufBlock kBlocks[] = {
    {GgufType::kF32, "F32", 1, 4, expand_f32},
    {GgufType::kF16, "F16", 1, 2, expand_f16},
    {GgufType::kBf16, "BF16", 1, 2, expand_bf16},
    {GgufType::kQ4_0, "Q4_0", kBlock, 18, expand_q4_0},
    {GgufType::kQ4_1, "Q4_1", kBlock, 20, expand_q4_1},
    {GgufType::kQ5_0, "Q5_0", kBlock, 22, expand_q5_0},
    {GgufType::kQ5_1, "Q5_1", kBlock, 24, expand_q5_1},
    {GgufType::kQ8_0, "Q8_0", kBlock, 34, expand_q8_0},
    {GgufType::kQ4_K, "Q4_K", kSuperBlock, 144, expand_q4_k},
    {GgufType::kQ5_K, "Q5_K", kSuperBlock, 176, expand_q5_k},
    {GgufType::kQ6_K, "Q6_K", kSuperBlock, 210, expand_q6_k},
};

}  // namespace

const GgufBlock* find_gguf_block(uint32_t type) noexcept {
  for (const GgufBlock& block : kBlocks) {
    if (static_cast<uint32_t>(block.type) == type) return &block;
  }
  return nullptr;
}

void dequantize(const GgufTensor& tensor, std::span<float> out) {
  const GgufBlock* block = find_gguf_block(static_cast<uint32_t>(tensor.type));
  if (block == nullptr)
    throw Error(ErrorCode::kUnsupported, "a tensor of unknown type cannot be expanded");
  const size_t count = out.size() / block->elements;
  if (count * block->elements != out.size() || count * block->bytes != tensor.bytes.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "room for " + std::to_string(out.size()) + " values does not fit the tensor");
  }
  block->expand(tensor.bytes.data(), count, out.data());
}

}  // namespace m3
