#include "core/fake_engine.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <xxhash.h>

#include "core/error.h"
#include "core/fake_worker.h"
#include "core/window_layout.h"

namespace m3 {
namespace {

constexpr int kDim = 8;
constexpr int kContextTokens = 4096;
constexpr int kGrids[] = {1, 3, 6, 12, 24};

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::kInvalidArgument, "Fake model: " + text);
}

int number(std::string_view name, std::string_view text, int most) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) {
    refuse(std::string(name) + "=" + std::string(text) + " is not a whole number in 0.." +
           std::to_string(most));
  }
  return value;
}

void set(FakeSettings* settings, std::string_view name, std::string_view value) {
  const auto time = [&] { return std::chrono::milliseconds(number(name, value, 600'000)); };
  if (name == "grid") {
    settings->grid = number(name, value, 24);
    if (std::find(std::begin(kGrids), std::end(kGrids), settings->grid) == std::end(kGrids)) {
      refuse("grid=" + std::string(value) + " is none of 1, 3, 6, 12, 24");
    }
  } else if (name == "load_ms") {
    settings->load = time();
  } else if (name == "encode_ms") {
    settings->encode = time();
  } else if (name == "append_ms") {
    settings->append = time();
  } else if (name == "delay_ms") {
    settings->delay = time();
  } else if (name == "tokens") {
    settings->tokens = number(name, value, 1'000'000);
  } else if (name == "say" && (value == "seen" || value == "settings")) {
    settings->say_settings = value == "settings";
  } else if (name == "fail" &&
             (value == "none" || value == "load" || value == "encode" || value == "ask")) {
    settings->fail_load = value == "load";
    settings->fail_encode = value == "encode";
    settings->fail_ask = value == "ask";
  } else {
    refuse("the setting \"" + std::string(name) + "=" + std::string(value) +
           "\" is not known; give grid, load_ms, encode_ms, append_ms, delay_ms, tokens, "
           "say=seen|settings or fail=none|load|encode|ask");
  }
}

FakeSettings parse(std::string_view model) {
  FakeSettings settings;
  std::string_view rest = model.substr(kFakeModelPrefix.size());
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(','), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      refuse("\"" + std::string(pair) + "\" is not of the form name=value");
    }
    set(&settings, pair.substr(0, equals), pair.substr(equals + 1));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return settings;
}

ModelInfo describe(const EngineOptions& options, const FakeSettings& settings) {
  ModelInfo info;
  char id[17];
  std::snprintf(
      id, sizeof id, "%016llx",
      static_cast<unsigned long long>(XXH3_64bits(options.model.data(), options.model.size())));
  info.id = id;
  info.name = options.model;
  info.family = "fake";
  info.device = "cpu";
  info.dtype = "float32";
  info.tower = "mean luma of each cell";
  info.projector = "none";
  info.llm = "says what it was shown";
  info.attention = "spans";
  for (int grid : kGrids) {
    if (grid <= settings.grid) info.ladder.push_back(grid * grid);
  }
  info.embedding_dim = kDim;
  info.layout_version = kLayoutVersion;
  info.context_tokens = kContextTokens;
  return info;
}

// Sum of the luma of a row's pixels from `begin` to `end`; RGB with the weights of BT.601 in 1/256.
int64_t row_luma(const FrameView& frame, int y, int begin, int end) {
  const Plane& plane = frame.planes[0];
  const uint8_t* row = plane.data + y * plane.stride_bytes;
  uint32_t sum = 0;  // at most 16384 pixels of 255 * 256
  if (frame.format != PixelFormat::kRgb) {
    for (int x = begin; x < end; ++x) sum += row[x];
    return sum;
  }
  for (int x = begin; x < end; ++x) {
    sum += 77u * row[3 * x] + 150u * row[3 * x + 1] + 29u * row[3 * x + 2];
  }
  return sum;
}

// Mean luma of grid x grid cells; in a picture smaller than the grid cells share pixels.
std::vector<float> cell_means(const FrameView& frame, int grid) {
  const Crop crop = crop_of(frame);
  const double unit = frame.format == PixelFormat::kRgb ? 256 : 1;
  const auto begin = [grid](int cell, int size) { return cell * size / grid; };
  const auto end = [&](int cell, int size) {
    return std::max(begin(cell + 1, size), begin(cell, size) + 1);
  };
  std::vector<float> means;
  means.reserve(static_cast<size_t>(grid) * grid * kDim);
  for (int row = 0; row < grid; ++row) {
    for (int column = 0; column < grid; ++column) {
      const int x0 = crop.x_px + begin(column, crop.width_px);
      const int x1 = crop.x_px + end(column, crop.width_px);
      const int y0 = crop.y_px + begin(row, crop.height_px);
      const int y1 = crop.y_px + end(row, crop.height_px);
      int64_t sum = 0;
      for (int y = y0; y < y1; ++y) sum += row_luma(frame, y, x0, x1);
      const double mean = static_cast<double>(sum) / unit / (x1 - x0) / (y1 - y0);
      for (int d = 0; d < kDim; ++d) means.push_back(static_cast<float>(mean + d));
    }
  }
  return means;
}

class FakeSession final : public Session {
 public:
  FakeSession(std::shared_ptr<FakeWorker> worker, const SessionOptions& options)
      : worker_(std::move(worker)), stream_(worker_->open_stream(options)) {}
  ~FakeSession() override { worker_->close(stream_); }

  void append(FrameTokens frame) override {
    const Tokens& tokens = frame.tokens;
    const std::vector<int>& ladder = worker_->info().ladder;
    if (tokens.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "Session: a frame without tokens was appended");
    }
    if (tokens.dim() != kDim ||
        !std::equal(tokens.ladder().begin(), tokens.ladder().end(), ladder.begin(), ladder.end())) {
      throw Error(ErrorCode::kMismatch, "Session: the frame's tokens are another model's than \"" +
                                            worker_->info().name + "\"");
    }
    worker_->append(stream_, frame);
  }
  int inbox_free() const override { return worker_->inbox_free(*stream_); }
  bool wait_inbox(std::stop_token stop) override {
    return worker_->wait_inbox(*stream_, std::move(stop));
  }
  RequestId ask(Question question, std::shared_ptr<AnswerSink> sink) override {
    return worker_->ask(stream_, std::move(question), std::move(sink));
  }
  void cancel(RequestId id) noexcept override { worker_->cancel(*stream_, id); }
  void flush() override { worker_->flush(*stream_); }
  std::future<void> drain() override { return worker_->drain(stream_); }
  SessionStats stats() const override { return worker_->stats(*stream_); }

 private:
  const std::shared_ptr<FakeWorker> worker_;
  const std::shared_ptr<FakeWorker::Stream> stream_;
};

class FakeEngine final : public Engine {
 public:
  FakeEngine(FakeSettings settings, ModelInfo info)
      : worker_(FakeWorker::open(settings, std::move(info))),
        ladder_(std::make_shared<const std::vector<int>>(worker_->info().ladder)) {}

  const ModelInfo& info() const noexcept override { return worker_->info(); }

  std::future<Tokens> encode(const EncodeRequest& request) override {
    return worker_->encode(tokens_of(request.frame, request.keep_scale));
  }

  std::unique_ptr<Session> create_session(const SessionOptions& options) override {
    return std::make_unique<FakeSession>(worker_, options);
  }

  std::vector<TraceTensor> trace(const TraceRequest& request) override;

  std::vector<int32_t> tokenize(std::string_view text) const override {
    std::vector<int32_t> ids;
    for (const char byte : text) ids.push_back(static_cast<uint8_t>(byte));
    return ids;
  }

 private:
  Tokens tokens_of(const FrameView& frame, int keep_scale) const {
    check(frame);
    if (frame.memory != MemoryKind::kHost) {
      throw Error(ErrorCode::kUnsupported, "The fake engine reads frames in host memory only");
    }
    if (keep_scale < ladder_->back() &&
        std::find(ladder_->begin(), ladder_->end(), keep_scale) == ladder_->end()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "keep_scale = " + std::to_string(keep_scale) + " is not on the model's ladder");
    }
    const int grid = worker_->settings().grid;
    std::shared_ptr<const TokenStorage> storage =
        std::make_shared<HostTokens>(grid, kDim, cell_means(frame, grid));
    if (keep_scale < ladder_->back()) storage = storage->pool(grid_of(keep_scale));
    return Tokens(std::move(storage), ladder_);
  }

  const std::shared_ptr<FakeWorker> worker_;
  const std::shared_ptr<const std::vector<int>> ladder_;
};

// Hands the answer to whoever waits for it.
class PromiseSink final : public AnswerSink {
 public:
  void on_piece(RequestId, std::string_view) override {}
  void on_done(RequestId, Answer answer) override { promise_.set_value(std::move(answer)); }
  std::future<Answer> answer() { return promise_.get_future(); }

 private:
  std::promise<Answer> promise_;
};

std::vector<TraceTensor> FakeEngine::trace(const TraceRequest& request) {
  if (request.pixel_values) {
    throw Error(ErrorCode::kUnsupported, "The fake engine has no tower that takes pixel_values");
  }
  FakeSession session(worker_, {});
  TraceTensor input_ids{"input_ids", {}, {}, {}};
  std::vector<TraceTensor> stages;
  if (request.picture) {
    const Tokens finest = tokens_of(*request.picture, ladder_->back());
    const Tokens tokens = finest.pool_to(request.scale ? request.scale : ladder_->back());
    std::vector<float> values(static_cast<size_t>(tokens.scale()) * kDim);
    tokens.shown()->read(values);
    stages.push_back({"pooled", {tokens.scale(), kDim}, std::move(values), {}});
    input_ids.ids.assign(tokens.scale(), kVisualToken);
    session.append({tokens, kNoTime});
  }
  for (const int32_t id : tokenize(request.prompt)) input_ids.ids.push_back(id);
  input_ids.shape = {static_cast<int64_t>(input_ids.ids.size())};
  stages.push_back(std::move(input_ids));

  Question question;
  question.text = request.prompt;
  question.max_new_tokens = request.max_new_tokens;
  const auto sink = std::make_shared<PromiseSink>();
  auto future = sink->answer();
  session.ask(std::move(question), sink);
  const Answer answer = future.get();
  if (answer.finish == Finish::kError) throw Error(ErrorCode::kDevice, answer.error);
  stages.push_back({"generated_ids",
                    {static_cast<int64_t>(answer.ids.size())},
                    {},
                    {answer.ids.begin(), answer.ids.end()}});
  return stages;
}

}  // namespace

std::shared_ptr<Engine> open_fake_engine(const EngineOptions& options, const ProgressFn& progress,
                                         const std::stop_token& stop) {
  const FakeSettings settings = parse(options.model);
  if (options.device.starts_with("cuda")) {
    throw Error(ErrorCode::kUnsupported, "The fake engine runs on the CPU only; device \"" +
                                             options.device + "\" needs a real model");
  }
  if (progress) progress(0, "loading nothing");
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, settings.load, [] { return false; });
  if (stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, "Loading the model \"" + options.model + "\" was cancelled");
  }
  if (settings.fail_load) {
    throw Error(ErrorCode::kDevice, "The fake engine fails to load, as fail=load asks");
  }
  if (progress) progress(1, "loaded nothing");
  return std::make_shared<FakeEngine>(settings, describe(options, settings));
}

}  // namespace m3
