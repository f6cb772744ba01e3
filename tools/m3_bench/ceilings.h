// What the machine could do at best, measured on the spot and with nothing but this file: the
// figures of the model are shares of these.
// Threads: free functions; each uses threads of its own and returns when they are done.
#pragma once

namespace m3::bench {

// Bytes read from memory a second by `threads` threads together, in 10^9.
double memory_bandwidth_gb_s(int threads);

// Multiplications and additions of float32 a second in matrix products that stay in the innermost
// cache, by `threads` threads together, in 10^9.
double float32_gflops(int threads);

}  // namespace m3::bench
