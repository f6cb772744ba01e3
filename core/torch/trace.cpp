#include "core/torch/trace.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/model/sampler.h"
#include "core/torch/kv_cache.h"
#include "core/torch/preprocess.h"
#include "core/torch/token_pool.h"

namespace m3 {
namespace {

constexpr std::string_view kPictureMark = "<image>";

TraceTensor float_tensor(const std::string& name, const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* data = values.const_data_ptr<float>();
  return {name, values.sizes().vec(), std::vector<float>(data, data + values.numel()), {}};
}

TraceTensor id_tensor(const std::string& name, const std::vector<int32_t>& ids) {
  return {
      name, {static_cast<int64_t>(ids.size())}, {}, std::vector<int64_t>(ids.begin(), ids.end())};
}

at::Tensor pixels_of(const Model& model, const TraceRequest& request) {
  const int64_t size = model.fit.size_px;
  if (!request.pixel_values) {
    Preprocessor preprocessor(model.fit);
    const PictureBytes bytes = preprocessor.run(*request.picture);
    const at::Tensor picture = picture_of(bytes, size);
    return to_pixels({&picture, 1}, model.device, model.dtype, model.pixels);
  }
  const TraceTensor& given = *request.pixel_values;
  if (given.shape != std::vector<int64_t>{1, 3, size, size} ||
      given.values.size() != static_cast<size_t>(3 * size * size)) {
    throw Error(ErrorCode::kInvalidArgument, "pixel_values must be float32 of shape [1, 3, " +
                                                 std::to_string(size) + ", " +
                                                 std::to_string(size) + "]");
  }
  auto* data = const_cast<float*>(given.values.data());  // only read
  return at::from_blob(data, given.shape, at::TensorOptions().dtype(at::kFloat))
      .to(model.device, model.dtype)
      .contiguous(at::MemoryFormat::ChannelsLast);
}

// Wall-clock milliseconds of each of `runs` runs.
template <typename Work>
TraceTensor times(const std::string& name, int runs, Work&& work) {
  TraceTensor times{name, {runs}, {}, {}};
  for (int run = 0; run < runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<float, std::milli> taken = std::chrono::steady_clock::now() - begin;
    times.values.push_back(taken.count());
  }
  return times;
}

// A raw prompt's first text, behind what opens every sequence unless the text says so itself.
std::vector<int32_t> opened(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids = tokenizer.encode(text);
  const std::vector<int32_t> opening = tokenizer.opening_ids();
  if (!std::equal(
          opening.begin(), opening.end(), ids.begin(),
          ids.begin() + static_cast<std::ptrdiff_t>(std::min(opening.size(), ids.size())))) {
    ids.insert(ids.begin(), opening.begin(), opening.end());
  }
  return ids;
}

// The sequence in pieces as the model's layout has them, each with the rule of attention that holds
// for it.
class Run {
 public:
  Run(const Model& model, int64_t most_rows)
      : causal_(model.layout.attention() == Attention::kCausal),
        decoder_(model.decoder),
        window_(decoder_.shape(), decoder_.options()),
        branch_(decoder_.shape(), decoder_.options(), decoder_.rope()),
        most_rows_(most_rows) {}

  // Prefix or span.
  void part_of_window(const at::Tensor& rows) {
    rows_.push_back(window_.take(rows.size(0)));
    if (causal_) {
      CausalTarget target(window_, rows_.back(), window_.index_of(rows_), decoder_.rope());
      pass(rows, target);
    } else {
      SpanTarget target(window_, rows_.back(), 1, decoder_.rope());
      pass(rows, target);
    }
  }

  // Rows that see everything before them. Returns the logits of all rows so far.
  at::Tensor branch(const at::Tensor& rows) {
    begin_branch(rows);
    return decoder_.logits(at::cat(hidden_));
  }
  // The same with the last row's logits only.
  at::Tensor last_of_branch(const at::Tensor& rows) {
    begin_branch(rows);
    return decoder_.logits(hidden_.back().narrow(0, rows.size(0) - 1, 1));
  }
  at::Tensor next(int32_t id) {
    continue_branch(decoder_.embed({&id, 1}));
    return decoder_.logits(hidden_.back());
  }

 private:
  void begin_branch(const at::Tensor& rows) {
    const auto base = std::make_shared<KvBase>(decoder_.shape(), decoder_.options());
    base->fill(window_, window_.index_of(rows_), decoder_.rope());
    branch_.start(base, most_rows_);
    continue_branch(rows);
  }
  void continue_branch(const at::Tensor& rows) {
    branch_.begin(rows.size(0));
    pass(rows, branch_);
    branch_.commit();
  }
  void pass(const at::Tensor& rows, KvTarget& target) {
    DecoderPass pass(decoder_, rows, {{rows.size(0), &target}});
    pass.finish();
    hidden_.push_back(pass.hidden());
  }

  const bool causal_;
  const Decoder& decoder_;
  KvSlab window_;
  std::vector<KvRows> rows_;
  KvBranch branch_;
  const int64_t most_rows_;
  std::vector<at::Tensor> hidden_;
};

// Prefill of these rows and decode steps behind them, as a session's questions take them.
void add_llm_times(const Model& model, const at::Tensor& rows, int runs,
                   std::vector<TraceTensor>& trace) {
  const int64_t most_rows = rows.size(0) + runs;
  if (most_rows > model.decoder.shape().context) {
    throw Error(ErrorCode::kInvalidArgument, "timing " + std::to_string(most_rows) +
                                                 " rows: the model's context has " +
                                                 std::to_string(model.decoder.shape().context));
  }
  std::optional<Run> run;
  // Reading the numbers back waits for the device.
  trace.push_back(times("prefill_ms", runs, [&] {
    run.emplace(model, most_rows);
    run->last_of_branch(rows).argmax(-1).item<int64_t>();
  }));
  int32_t id = 0;
  trace.push_back(times("decode_ms", runs, [&] {
    id = static_cast<int32_t>(run->next(id).argmax(-1).item<int64_t>());
  }));
}

}  // namespace

std::vector<TraceTensor> run_trace(const Model& model, const TraceRequest& request) {
  const bool has_picture = request.picture || request.pixel_values;
  const int scale = request.scale == 0 ? model.ladder->back() : request.scale;
  if (std::find(model.ladder->begin(), model.ladder->end(), scale) == model.ladder->end()) {
    throw Error(ErrorCode::kInvalidArgument,
                "scale " + std::to_string(scale) + " is not on the model's ladder");
  }
  std::vector<TraceTensor> trace;
  at::Tensor visual;  // [scale, hidden]
  if (has_picture) {
    const at::Tensor pixels = pixels_of(model, request);
    const at::Tensor features = (*model.tower)(pixels);
    const at::Tensor projected = (*model.projector)(features);
    visual = pool_square(projected[0], model.grid, grid_of(scale));
    trace.push_back(float_tensor("pixel_values", pixels));
    trace.push_back(float_tensor("tower", features));
    trace.push_back(float_tensor("projected", projected));
    trace.push_back(float_tensor("pooled", visual));
    if (request.time_runs > 0) {
      trace.push_back(times("tower_ms", request.time_runs, [&] { (*model.tower)(pixels); }));
      trace.push_back(
          times("projector_ms", request.time_runs, [&] { (*model.projector)(features); }));
    }
  }

  const WindowLayout& layout = model.layout;
  const Decoder& decoder = model.decoder;
  std::vector<int32_t> ids;
  const auto text_rows = [&](const std::vector<int32_t>& text) {
    ids.insert(ids.end(), text.begin(), text.end());
    return decoder.embed(text);
  };
  const auto with_picture = [&](const std::vector<int32_t>& before) {
    const at::Tensor rows = text_rows(before);
    ids.insert(ids.end(), static_cast<size_t>(scale), kVisualToken);
    return at::cat({rows, visual});
  };
  const int64_t context = decoder.shape().context;
  Run run(model, context);
  at::Tensor logits;
  const QuestionPlace place = has_picture ? QuestionPlace::kBehindFrames : QuestionPlace::kAlone;
  at::Tensor all_rows;  // where they go through the model in one piece
  if (request.raw_prompt) {
    const std::string_view prompt = request.prompt;
    const size_t mark = prompt.find(kPictureMark);
    if (has_picture != (mark != std::string_view::npos)) {
      throw Error(ErrorCode::kInvalidArgument,
                  has_picture ? "a raw prompt needs <image> where the picture belongs"
                              : "the raw prompt has <image>, but no picture was given");
    }
    const Tokenizer& tokenizer = layout.tokenizer();
    const std::vector<int32_t> before = opened(tokenizer, prompt.substr(0, mark));
    at::Tensor rows;
    if (has_picture) {
      const std::string_view rest = prompt.substr(mark + kPictureMark.size());
      rows = with_picture(before);
      rows = at::cat({rows, text_rows(tokenizer.encode_behind(rest))});
    } else {
      rows = text_rows(before);
    }
    if (rows.size(0) == 0) throw Error(ErrorCode::kInvalidArgument, "the raw prompt is empty");
    all_rows = rows;
    logits = run.branch(rows);
  } else if (layout.attention() == Attention::kCausal) {
    at::Tensor rows = text_rows(layout.prefix_ids({}));
    if (has_picture) rows = at::cat({rows, with_picture(layout.marker_ids(kNoTime))});
    all_rows = at::cat({rows, text_rows(layout.question_ids(request.prompt, place))});
    logits = run.branch(all_rows);
  } else {
    run.part_of_window(text_rows(layout.prefix_ids({})));
    if (has_picture) run.part_of_window(with_picture(layout.marker_ids(kNoTime)));
    logits = run.branch(text_rows(layout.question_ids(request.prompt, place)));
  }
  trace.push_back(id_tensor("input_ids", ids));
  trace.push_back(float_tensor("logits", logits));

  // Rows that no token belongs to are padding. References of the LLaVA family pick from them too.
  const int64_t known = layout.attention() == Attention::kCausal ? decoder.shape().vocabulary
                                                                 : layout.tokenizer().vocabulary();
  Sampler sampler({});
  std::vector<int32_t> generated;
  at::Tensor last = logits.narrow(0, logits.size(0) - 1, 1);
  while (static_cast<int>(generated.size()) < request.max_new_tokens &&
         static_cast<int64_t>(ids.size() + generated.size()) < context) {
    const at::Tensor row = last.narrow(1, 0, known).to(at::kCPU, at::kFloat).contiguous();
    const int32_t id = sampler.pick({row.const_data_ptr<float>(), static_cast<size_t>(known)});
    if (layout.ends_answer(id)) break;
    generated.push_back(id);
    last = run.next(id);
  }
  trace.push_back(id_tensor("generated_ids", generated));
  if (request.time_runs > 0 && all_rows.defined()) {
    add_llm_times(model, all_rows, request.time_runs, trace);
  }
  return trace;
}

}  // namespace m3
