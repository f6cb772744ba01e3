// Frames of random tokens, for measurements without a tower. Threads: a free function.
#pragma once

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "core/engine.h"

namespace m3::bench {

// Every frame shows a scale of the ladder drawn at random.
inline std::vector<Tokens> random_frames(const ModelInfo& info, int count) {
  const auto ladder = std::make_shared<const std::vector<int>>(info.ladder);
  const int grid = grid_of(info.ladder.back());
  std::mt19937 random(7);
  std::normal_distribution<float> number(0, 0.5F);
  std::vector<Tokens> frames;
  for (int i = 0; i < count; ++i) {
    std::vector<float> values(static_cast<size_t>(grid) * static_cast<size_t>(grid) *
                              static_cast<size_t>(info.embedding_dim));
    for (float& value : values) value = number(random);
    const Tokens tokens(std::make_shared<HostTokens>(grid, info.embedding_dim, std::move(values)),
                        ladder);
    frames.push_back(tokens.pool_to(info.ladder[random() % info.ladder.size()]));
  }
  return frames;
}

}  // namespace m3::bench
