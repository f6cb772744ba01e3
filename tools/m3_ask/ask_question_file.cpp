#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "tools/m3_ask/bus_fields.h"
#include "tools/m3_ask/list_run.h"
#include "tools/m3_ask/modes.h"
#include "tools/m3_ask/picture_options.h"
#include "tools/m3_ask/plugin_finder.h"
#include "tools/m3_ask/question_file.h"
#include "tools/m3_ask/video_player.h"
#include "tools/pictures/picture_asker.h"

namespace m3::ask {
namespace {

// Lines about the same clip or picture, in the file's order.
struct Group {
  std::string name;  // as the lines have it
  bool video = false;
  std::vector<const QuestionLine*> lines;
};

// In the order of first mention.
std::vector<Group> group_lines(const std::vector<QuestionLine>& lines) {
  std::vector<Group> groups;
  std::unordered_map<std::string, size_t> place;
  for (const QuestionLine& line : lines) {
    const bool video = !line.video.empty();
    const std::string& name = video ? line.video : line.file;
    const auto [found, is_new] = place.try_emplace((video ? "v" : "p") + name, groups.size());
    if (is_new) groups.push_back({name, video, {}});
    groups[found->second].lines.push_back(&line);
  }
  return groups;
}

// Prints the answers about one clip and remembers which lines have theirs.
class ClipListener final : public VideoListener {
 public:
  ClipListener(const Group& clip, Printer& printer, ListRun& run)
      : clip_(clip), printer_(printer), run_(run), answered_(clip.lines.size()) {}

  void on_frame(const GstStructure& frame) override {
    FrameLine line = frame_line(frame);
    line.video = clip_.name;
    printer_.frame(line);
  }
  void on_answer(size_t index, const GstStructure& message) override {
    print(index, answer_line(message));
  }
  void on_progress(double fraction, const std::string& what) override {
    run_.progress(what, fraction * static_cast<double>(clip_.lines.size() - answered_count_));
  }
  void on_warning(const std::string& text) override {
    printer_.error("warning: " + clip_.name + ": " + text);
  }

  void fail_the_rest(const std::string& error) {
    for (size_t i = 0; i < clip_.lines.size(); ++i) {
      if (answered_[i]) continue;
      Answer failed;
      failed.finish = Finish::kError;
      failed.error = error;
      print(i, make_answer_line(run_.next_number(), clip_.lines[i]->question, std::move(failed)));
    }
  }

 private:
  void print(size_t index, AnswerLine line) {
    answered_[index] = true;
    ++answered_count_;
    line.video = clip_.name;
    line.index = clip_.lines[index]->index;
    run_.answer(line);
  }

  const Group& clip_;
  Printer& printer_;
  ListRun& run_;
  std::vector<bool> answered_;
  size_t answered_count_ = 0;
};

// One pass over a clip. False: interrupted.
bool ask_clip(const Group& clip, const Options& options, Printer& printer, RunReport& report,
              ListRun& run, std::stop_token stop) {
  VideoRequest request{
      under(options.video_root, clip.name), options.element_properties, {}, options.frames};
  for (size_t i = 0; i < clip.lines.size(); ++i) {
    request.questions.push_back(
        {clip.lines[i]->question, clip.lines[i]->ask_at_seconds, std::nullopt, i});
  }
  ClipListener listener(clip, printer, run);
  VideoResult result;
  try {
    result = play_video(request, listener, stop);
  } catch (const Error& error) {
    result.error = error.what();
  }
  if (result.stats) {
    EndLine end = end_line(*result.stats);
    end.truncated = result.truncated;
    report.add(end);
  }
  if (result.interrupted) return false;
  if (!result.error.empty()) {
    printer.error(result.error);
    report.fail();
  }
  listener.fail_the_rest(result.error.empty() ? "the stream ended without an answer"
                                              : result.error);
  return true;
}

// False: interrupted.
bool ask_picture(const Group& picture, const Options& options, tools::PictureAsker& asker,
                 int default_scale, ListRun& run) {
  std::vector<const QuestionLine*> lines = picture.lines;
  const auto scale_of = [&](const QuestionLine* line) {
    return line->scale.value_or(default_scale);
  };
  // Questions at one scale share what the model has read of the picture.
  std::stable_sort(lines.begin(), lines.end(),
                   [&](auto* a, auto* b) { return scale_of(a) < scale_of(b); });
  for (const QuestionLine* line : lines) {
    run.progress(picture.name);
    std::optional<Answer> answer = asker.ask(
        {{under(options.image_root, picture.name), kNoTime, scale_of(line)}}, line->question);
    if (!answer) return false;
    AnswerLine out = make_answer_line(run.next_number(), line->question, *std::move(answer));
    out.file = picture.name;
    out.index = line->index;
    run.answer(out);
  }
  return true;
}

void check_scales(const std::vector<QuestionLine>& lines, const ModelInfo& model,
                  const Options& options) {
  if (options.scale != 0) check_scale(model, options.scale, "--scale");
  for (const QuestionLine& line : lines) {
    if (line.scale)
      check_scale(model, *line.scale,
                  options.questions_file + ":" + std::to_string(line.index + 1));
  }
}

}  // namespace

int ask_question_file(const Options& options, Printer& printer, std::stop_token stop) {
  RunReport report(printer);
  const std::vector<QuestionLine> lines = read_question_file(options.questions_file);
  if (std::any_of(lines.begin(), lines.end(),
                  [](const auto& line) { return !line.video.empty(); })) {
    start_gstreamer();
  }
  // Held for the whole run, so that the pipelines of all clips share one set of weights.
  const auto engine = open_engine(options, printer, stop);
  check_scales(lines, engine->info(), options);

  const int default_scale = options.scale != 0 ? options.scale : automatic_scale(engine->info(), 1);
  SessionOptions session = options.session;
  session.window_tokens = engine->info().ladder.back();  // one picture
  std::unique_ptr<tools::PictureAsker> asker;
  ListRun run(printer, report, lines.size());
  for (const Group& group : group_lines(lines)) {
    if (!group.video && !asker)
      asker = std::make_unique<tools::PictureAsker>(engine, session, options.question, stop);
    const bool done = group.video ? ask_clip(group, options, printer, report, run, stop)
                                  : ask_picture(group, options, *asker, default_scale, run);
    if (!done) {
      run.interrupted();
      break;
    }
  }
  run.close();
  if (asker) report.add(asker->totals());
  return report.finish();
}

}  // namespace m3::ask
