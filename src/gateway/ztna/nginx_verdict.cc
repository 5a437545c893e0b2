#include "gateway/ztna/nginx_verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace postern::gateway {
namespace {

/// "bind() to 0.0.0.0:443 failed (98: Address already in use)" as a sentence with what to do; empty: it is something
/// else.
std::string cannot_listen(std::string_view said) {
  constexpr std::string_view kBind = "bind() to ";
  if (!said.starts_with(kBind)) return {};
  said.remove_prefix(kBind.size());
  const auto at = said.find(" failed (");
  if (at == said.npos) return {};
  const auto where = said.substr(0, at);
  const auto why = said.substr(at + 9);
  std::string_view remedy = "look at firewall vip";
  if (why.starts_with("98:")) {
    remedy =
        "another program listens there (ss -ltnp names it): stop it, or set another extport or extip of the firewall "
        "vip";
  } else if (why.starts_with("99:")) {
    remedy =
        "this machine doesn't have that address: set another extip of the firewall vip, or give it to an interface";
  } else if (why.starts_with("13:")) {
    remedy = "the gateway may not give nginx ports below 1024: start it with CAP_NET_BIND_SERVICE";
  }
  return fmt::format("nginx can't listen at {}: {}", where, remedy);
}

/// Removes `word` from the front; false: something else is there.
bool skip(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

struct Line {
  std::string_view level;
  std::string_view text;
};

/// "2026/11/25 19:00:00 [emerg] 123#123: bind() to …" of that process. Each part counts at its own place only: further
/// on in the line stands what clients send.
std::optional<Line> line_of(std::string_view line, std::string_view process) {
  constexpr std::string_view kTime = "0000/00/00 00:00:00 ";
  if (line.size() < kTime.size()) return std::nullopt;
  for (std::size_t i = 0; i < kTime.size(); ++i) {
    const bool digit = line[i] >= '0' && line[i] <= '9';
    if (kTime[i] == '0' ? !digit : line[i] != kTime[i]) return std::nullopt;
  }
  line.remove_prefix(kTime.size());
  if (!skip(line, "[")) return std::nullopt;
  const auto end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
  if (end == line.npos) return std::nullopt;
  Line out{line.substr(0, end), {}};
  line.remove_prefix(end);
  if (!skip(line, "] ") || !skip(line, process) || !skip(line, "#") || !skip(line, process) || !skip(line, ": ")) {
    return std::nullopt;
  }
  out.text = trim(line);
  return out;
}

/// nginx writes 2048 bytes at most.
constexpr std::size_t kMaxLine = 4096;

}  // namespace

const std::optional<Status>& NginxVerdict::take(std::string_view piece) {
  while (!piece.empty() && !verdict_) {
    const auto end = std::min(piece.find('\n'), piece.size());
    line_ += piece.substr(0, std::min(end, kMaxLine - line_.size()));
    if (end == piece.size()) break;
    piece.remove_prefix(end + 1);
    line_ended();
    line_.clear();
  }
  return verdict_;
}

void NginxVerdict::line_ended() {
  const auto line = line_of(line_, master_);
  if (!line) return;
  if (line->text == "start worker processes") {
    verdict_ = Status();
    return;
  }
  if (line->level != "emerg") return;
  // A port is tried five times within two and a half seconds: it may still succeed.
  if (auto port = cannot_listen(line->text); !port.empty()) {
    if (std::find(ports_.begin(), ports_.end(), port) == ports_.end()) ports_.push_back(std::move(port));
  } else if (!ports_.empty()) {
    verdict_ = Status(fail(ErrorCode::kConflict, join(ports_, "; ")));
  } else {
    verdict_ =
        Status(fail(ErrorCode::kUnavailable, "nginx doesn't take the configuration: " + std::string(line->text)));
  }
}

}  // namespace postern::gateway
