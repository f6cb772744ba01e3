// What a question behind a window comes to: by the window, and in one shot in plain operators.
// Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/model_config.h"
#include "core/torch/adapter_projector.h"
#include "core/torch/decoder.h"
#include "core/torch/graph_tower.h"
#include "core/torch/kv_cache.h"
#include "core/torch/model.h"
#include "core/torch/stream_window.h"
#include "core/window_layout.h"
#include "tests/torch/plain_llama.h"
#include "tests/torch/tiny_model.h"

namespace m3::test {

// The rows of a question asked now, from the branch that the window gives it.
inline at::Tensor question_logits(StreamWindow& window, const std::string& question,
                                  const Model& model = tiny_model()) {
  const Decoder& decoder = model.decoder;
  const std::vector<int32_t> ids = model.layout.question_ids(question);
  const int64_t rows = static_cast<int64_t>(ids.size());
  EXPECT_TRUE(window.prefill(DecoderPass::Clock::time_point::max()));
  KvBranch branch(decoder.shape(), decoder.options(), decoder.rope());
  branch.start(window.base(), rows);
  branch.begin(rows);
  DecoderPass pass(decoder, decoder.embed(ids), {{rows, &branch}});
  pass.finish();
  branch.commit();
  return decoder.logits(pass.hidden());
}

inline const PlainLlama& plain_llama() {
  static const PlainLlama plain = [] {
    const Model& model = tiny_model();
    // The tiny model's random numbers are drawn for tower and projector first.
    RandomSource random(7);
    const ModelConfig config = read_model_config(M3_TINY_MODEL);
    GraphTower(config.folder + "/" + config.tower.graph, random, config.tower,
               config.preprocess.size_px, at::kCPU, at::kFloat);
    AdapterProjector(random, config.tower.features, config.projector.hidden, 64, 36, at::kCPU,
                     at::kFloat);
    return PlainLlama(model.decoder.shape(), *random_llama(model.decoder.shape(), random));
  }();
  return plain;
}

// A place of the window, as somebody keeps it who only follows WindowMemory's plan.
struct Place {
  int64_t pts_ns;
  at::Tensor tokens;  // [n, 64]
};

inline Place place_of(const FrameTokens& frame) {
  return {frame.pts_ns, values_of(*frame.tokens.shown(), at::kFloat)};
}

// A question's logits from one flat sequence with WindowLayout's mask, in plain operators.
inline at::Tensor one_shot_logits(const std::vector<Place>& places, const std::string& question,
                                  const Model& model = tiny_model()) {
  const PlainLlama& plain = plain_llama();
  std::vector<SpanShape> shapes;
  std::vector<at::Tensor> visual;
  for (const Place& place : places) {
    shapes.push_back({place.pts_ns, static_cast<int>(place.tokens.size(0))});
    visual.push_back(place.tokens);
  }
  const FlatWindow flat = model.layout.flatten({}, shapes, {question});
  const int64_t size = static_cast<int64_t>(flat.ids.size());
  at::Tensor x = at::empty({size, 64});
  at::Tensor sees = at::empty({size, size}, at::kBool);
  const at::Tensor all_visual = visual.empty() ? at::Tensor() : at::cat(visual);
  int64_t next_visual = 0;
  for (int64_t row = 0; row < size; ++row) {
    const size_t index = static_cast<size_t>(row);
    x[row].copy_(flat.ids[index] == kVisualToken
                     ? all_visual[next_visual++]
                     : plain.embed(at::tensor({flat.ids[index]}, at::kInt))[0]);
    bool* line = sees[row].mutable_data_ptr<bool>();
    for (size_t column = 0; column < flat.ids.size(); ++column) {
      line[column] = model.layout.sees(flat, index, column);
    }
  }
  const at::Tensor logits = plain.logits(x, at::tensor(flat.positions, at::kInt), sees);
  const int64_t rows = static_cast<int64_t>(model.layout.question_ids(question).size());
  return logits.narrow(0, size - rows, rows);
}

inline at::Tensor one_shot_logits(const std::vector<FrameTokens>& frames,
                                  const std::string& question) {
  std::vector<Place> places;
  for (const FrameTokens& one : frames) places.push_back(place_of(one));
  return one_shot_logits(places, question);
}

}  // namespace m3::test
