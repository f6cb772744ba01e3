#include "core/fake_answer.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace m3 {

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin + 1), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::string settings_text(const SessionOptions& session, int window_tokens,
                          const Question& question) {
  std::ostringstream text;
  text << "question=" << question.text << " system=" << session.system_prompt
       << " window=" << window_tokens << " inbox=" << session.inbox_frames
       << " early=" << session.prefill_early << " max=" << question.max_new_tokens
       << " temperature=" << question.temperature << " top-p=" << question.top_p
       << " seed=" << question.seed << " stop=";
  for (const std::string& stop : question.stop) text << "[" << stop << "]";
  if (question.deadline_ms > 0) text << " deadline=" << question.deadline_ms;
  if (!question.conversation.empty()) text << " conversation=" << question.conversation;
  return text.str();
}

bool cut_at_stop(const std::vector<std::string>& stops, std::vector<std::string>* words) {
  const std::string text = std::accumulate(words->begin(), words->end(), std::string());
  size_t cut = std::string::npos;
  size_t end = 0;  // of the stop text that is found first
  for (const std::string& stop : stops) {
    const size_t at = stop.empty() ? std::string::npos : text.find(stop);
    if (at >= cut) continue;
    cut = at;
    end = at + stop.size();
  }
  if (cut == std::string::npos) return false;
  size_t begin = 0;
  size_t count = 0;
  while (begin < end) {
    std::string& word = (*words)[count++];
    const size_t size = word.size();
    word.resize(std::min(size, cut - std::min(cut, begin)));
    begin += size;
  }
  words->resize(count);
  return true;
}

}  // namespace m3
