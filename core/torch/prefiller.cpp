#include "core/torch/prefiller.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace m3 {
void Prefiller::start(StreamWindow& window, Urgency urgency, Ready ready) {
  const std::scoped_lock lock(mutex_);
  waiting_[urgency].push_back({&window, urgency, std::move(ready), {}, false});
  post(urgency);
}

void Prefiller::hurry(const StreamWindow& window) {
  const auto is_it = [&](const Entry& entry) { return entry.window == &window; };
  const std::scoped_lock lock(mutex_);
  Entries& background = waiting_[kBackground];
  const auto waits = std::find_if(background.begin(), background.end(), is_it);
  if (waits != background.end()) {
    waits->urgency = kQuestionWaits;
    waiting_[kQuestionWaits].push_back(std::move(*waits));
    background.erase(waits);
  }
  for (Pass& pass : passes_) {
    const auto entry = std::find_if(pass.entries.begin(), pass.entries.end(), is_it);
    if (entry == pass.entries.end()) continue;
    // The others come along for this pass: to begin anew would cost more.
    pass.urgency = entry->urgency = kQuestionWaits;
  }
  post_rest();
}

void Prefiller::forget(const StreamWindow& window) {
  const auto is_it = [&](const Entry& entry) { return entry.window == &window; };
  const std::scoped_lock lock(mutex_);
  for (Entries& entries : waiting_) std::erase_if(entries, is_it);
  for (auto pass = passes_.begin(); pass != passes_.end();) {
    const auto entry = std::find_if(pass->entries.begin(), pass->entries.end(), is_it);
    if (entry != pass->entries.end()) {
      for (LeavableTarget& target : entry->targets) target.leave();
      entry->window->abandon_pass();
      pass->left.push_back(std::move(*entry));
      pass->entries.erase(entry);
    }
    pass = pass->entries.empty() ? passes_.erase(pass) : std::next(pass);
  }
}

void Prefiller::post(Urgency urgency) {
  if (std::exchange(posted_[urgency], true)) return;
  scheduler_.post(
      urgency == kQuestionWaits ? WorkClass::kQuestionPrefill : WorkClass::kStreamPrefill,
      [this, urgency] { run(urgency); });
}

void Prefiller::post_rest() {
  for (const Urgency urgency : {kBackground, kQuestionWaits}) {
    const bool begun = std::any_of(passes_.begin(), passes_.end(),
                                   [&](const Pass& pass) { return pass.urgency == urgency; });
    if (begun || !waiting_[urgency].empty()) post(urgency);
  }
}

// The pass to go on with; a new one, still empty, when none is under way; end(): nobody waits.
Prefiller::Passes::iterator Prefiller::current(Urgency urgency) {
  const auto begun = std::find_if(passes_.begin(), passes_.end(),
                                  [&](const Pass& pass) { return pass.urgency == urgency; });
  if (begun != passes_.end() || waiting_[urgency].empty()) return begun;
  passes_.emplace_back().urgency = urgency;
  return std::prev(passes_.end());
}

// First come, first served; who has more than its share misses comes again.
void Prefiller::fill(Pass& pass) {
  Entries& waiting = waiting_[pass.urgency];
  const int64_t share = StreamWindow::kRowsPerPass / static_cast<int64_t>(waiting.size());
  std::vector<at::Tensor> rows;
  std::vector<RowGroup> groups;
  int64_t total = 0;
  while (total < StreamWindow::kRowsPerPass && !waiting.empty()) {
    pass.entries.push_back(std::move(waiting.front()));
    waiting.pop_front();
    Entry& entry = pass.entries.back();
    const bool alone = std::exchange(entry.alone, false);
    const size_t before = groups.size();
    total += entry.window->begin_pass(share, rows, groups);
    for (size_t i = before; i < groups.size(); ++i)
      groups[i].target = &entry.targets.emplace_back(*groups[i].target);
    if (alone || (!waiting.empty() && waiting.front().alone)) break;
  }
  const int64_t padding = padding_of(total, model_.decoder);
  if (padding > 0) {
    rows.push_back(at::zeros({padding, rows.front().size(1)}, rows.front().options()));
    groups.push_back({padding, &pass.padding.emplace()});
  }
  if (!rows.empty()) pass.rows.emplace(model_.decoder, at::cat(rows), std::move(groups));
}

void Prefiller::run(Urgency urgency) {
  Entries over;
  std::exception_ptr error;
  {
    const std::scoped_lock lock(mutex_);
    posted_[urgency] = false;
    const auto pass = current(urgency);
    if (pass == passes_.end()) return;
    try {
      if (!pass->rows) fill(*pass);
      if (!pass->rows || pass->rows->run(DecoderPass::Clock::now() + unit_)) {
        for (Entry& entry : pass->entries) {
          entry.window->end_pass();
          entry.targets.clear();
          Entries& to = entry.window->misses_rows() ? waiting_[entry.urgency] : over;
          to.push_back(std::move(entry));
        }
        passes_.erase(pass);
      }
    } catch (...) {
      // None of those who share the pass has anything of it. What is too much for several together
      // may do for each alone, and who brings trouble must not take it to the others.
      for (Entry& entry : pass->entries) {
        entry.window->abandon_pass();
        entry.targets.clear();
      }
      if (pass->entries.size() > 1) {
        for (auto entry = pass->entries.rbegin(); entry != pass->entries.rend(); ++entry) {
          entry->alone = true;
          waiting_[entry->urgency].push_front(std::move(*entry));
        }
      } else {
        error = std::current_exception();
        over = std::move(pass->entries);
      }
      passes_.erase(pass);
    }
    post_rest();
  }
  for (const Entry& entry : over) entry.ready(error);
}

}  // namespace m3
