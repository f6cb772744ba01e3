// Settings: how a model is trained, from a JSON file (docs/training.md). Threads: a value and a
// free function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace m3::train {

struct Settings {
  int batch = 4;       // examples a step, 1..1024
  double rate = 1e-3;  // AdamW's learning rate of the updates at its highest, 0..1
  // That of the projector, 0..1. Its inputs are thousands of standardised features: a rate that is
  // right for the updates would throw its start away in a few steps.
  double projector_rate = 1e-4;
  int warmup_steps = 20;              // in which the rates rise, 0..100000
  double clip = 1;                    // the most that the gradient's length may be, 0: no limit
  bool all_scales = false;            // every step shows every scale, not one that is drawn
  std::vector<double> scale_weights;  // one a scale of the ladder; empty: alike, the finest half
  int rank = 0;                       // of the low-rank updates, 0: the model's; 0..4096
  // All matrices of the language model's blocks learn; `rate` is then 2e-5 unless it is given.
  bool full = false;
  // Share of a run that begins anew in which single pictures alone are shown, 0..1: windows of many
  // are dear, and teach little before single ones are known.
  double pictures_first = 0.75;
  // Share of the windows that are of a long stream, tens of pictures of which little is left, 0..1.
  double long_windows = 0.1;
  int start_pictures = 2000;  // that the projector starts from at least, 1..1000000
  int check_every = 200;      // steps between looks at the held-out loss, 1..1000000
  int save_seconds = 30;      // between checkpoints, at least, 0..86400
  double features_gb = 12;    // disk for what the tower saw, 10^9 bytes, 0..100000
};

// Throws kNotFound, kCorrupt naming the key.
Settings read_settings(const std::string& path);

// Those that change what is learned, as text: a run goes on only with what it began with.
std::string text_of(const Settings& settings);

}  // namespace m3::train
