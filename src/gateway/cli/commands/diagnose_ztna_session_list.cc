#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

/// By anything that tells it from others.
bool session_fits(const SessionView& s, const std::string& word) {
  const auto wanted = to_lower(word);
  const auto same = [&](const std::string& text) { return to_lower(text) == wanted; };
  if (same(s.uid.str()) || same(s.host_name) || same(s.access_proxy) || same(s.source.str()) || same(s.ems_serial.str()) ||
      same(s.id) || same(s.kind) || (!s.destination.empty() && same(s.destination)))
    return true;
  std::string hex = wanted;
  std::erase(hex, ':');
  return hex.size() == 64 && to_hex_lower(s.leaf) == hex;
}

std::string session_text(const SessionView& s) {
  std::string out = fmt::format("{}: {} connection{} from {}\n", s.access_proxy.empty() ? "(no longer configured)" : s.access_proxy,
                                s.connections, s.connections == 1 ? "" : "s", s.source.str());
  const auto line = [&](std::string_view label, const std::string& value) {
    out += fmt::format("  {} {}\n", label, one_line(value));
  };
  if (!s.id.empty()) line("Session:", s.kind.empty() ? s.id : fmt::format("{} ({})", s.id, s.kind));
  if (!s.destination.empty()) line("TCP forwarding to:", s.destination);
  line("Endpoint:", s.uid.empty() ? std::string("not known any more")
                    : s.host_name.empty() ? s.uid.str() : fmt::format("{} ({})", s.uid.str(), s.host_name));
  if (s.connector != 0) line("EMS:", fmt::format("{} ({})", s.connector, s.ems_serial.str()));
  line("Client certificate (SHA-256):", to_hex_colons(s.leaf));
  return out;
}

/// Words that `clear` has in front of what it chooses by, where nothing is called so: who is used to them types them here.
bool is_word_of_clear(const std::vector<SessionView>& all, const std::string& word) {
  if (word != "id" && word != "endpoint" && word != "access-proxy" && word != "policy") return false;
  return std::none_of(all.begin(), all.end(), [&](const auto& s) { return session_fits(s, word); });
}

void list_sessions(const CommandContext& c) {
  const auto all = c.operations.sessions();
  auto words = c.arguments;
  if (words.size() == 2 && is_word_of_clear(all, words[0])) {
    if (words[0] == "policy") {
      return c.fail("sessions are not listed by policy: one connection may have requests of several. diagnose ztna session clear policy " +
                    words[1] + " ends those that it let through");
    }
    words.erase(words.begin());
  }
  std::string out;
  std::int64_t connections = 0;
  for (const auto& s : all) {
    const bool wanted = std::all_of(words.begin(), words.end(),
                                    [&](const auto& word) { return session_fits(s, word); });
    if (!wanted) continue;
    connections += s.connections;
    out += session_text(s);
  }
  out += fmt::format("{} live connection{}", connections, connections == 1 ? "" : "s");
  if (!c.arguments.empty()) {
    std::int64_t whole = 0;
    for (const auto& s : all) whole += s.connections;
    out += fmt::format(" of {}", whole);
  }
  c.print(out + '\n');
}

}  // namespace

Command diagnose_ztna_session_list() {
  const Candidate what = {"[<what>]",
                          "A session's id or kind, an endpoint's UID or host name, an address, an access proxy, the serial number "
                          "of an EMS, where TCP is forwarded to (host:port), or a certificate's SHA-256: only sessions that have "
                          "it."};
  return {"diagnose ztna session list",
          "Connections through access proxies whose certificate got access and that are open.",
          {what, what},
          list_sessions};
}

}  // namespace postern::gateway::cli::commands
