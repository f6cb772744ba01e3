#include "tools/m3_bench/peer_process.h"

#include <optional>
#include <utility>

#include "core/error.h"

namespace m3::bench {
namespace {

// Nothing where there is no line or it is no JSON.
nlohmann::json parsed(const std::optional<std::string>& line) {
  return line ? nlohmann::json::parse(*line, nullptr, false) : nlohmann::json();
}

}  // namespace

PeerProcess::PeerProcess(const std::string& python, Peer peer,
                         const std::vector<std::string>& arguments)
    : peer_(std::move(peer)) {
  const std::string script = std::string(M3_PEERS_DIR "/") + peer_.script;
  std::vector<std::string> words = {python, script};
  words.insert(words.end(), arguments.begin(), arguments.end());
  try {
    // Python's own words about a missing package would only confuse.
    process_ =
        std::make_unique<ChildProcess>(python, std::move(words), ChildProcess::Stderr::kNowhere);
  } catch (const Error& error) {
    absent(error.what());
  }
  ready_ = parsed(process_->read_line());
  if (!ready_.is_object() || !ready_.contains("version") || !ready_["version"].is_string()) {
    absent(python + " cannot run " + script + "; it needs the packages " + peer_.packages);
  }
}

void PeerProcess::absent(const std::string& why) const {
  throw Error(ErrorCode::kNotFound, peer_.name + " cannot be compared with: " + why);
}

std::vector<double> PeerProcess::ask(const std::string& line) {
  process_->write_line(line);
  std::vector<double> times;
  for (const nlohmann::json& time : parsed(process_->read_line())) {
    if (time.is_number()) times.push_back(time.get<double>());
  }
  if (times.empty()) absent("it ended in the middle of a measurement");
  return times;
}

}  // namespace m3::bench
