#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

bool server_fits(const RealServerView& s, const std::string& word) {
  const auto wanted = to_lower(word);
  return to_lower(s.access_proxy) == wanted || s.server == wanted || s.server.starts_with(wanted + ":") ||
         s.server.starts_with("[" + wanted + "]") || s.state == wanted || s.host == wanted;
}

std::string server_text(const RealServerView& s) {
  std::string out = fmt::format("  {} ({}{}{}): {}{}\n", s.server, s.standby ? "standby" : "active",
                                s.weight != 1 ? fmt::format(", weight {}", s.weight) : "",
                                s.host.empty() ? "" : ", for " + s.host, s.state,
                                s.takes_requests ? "" : s.standby && s.state != "down" && s.state != "held down"
                                                            ? ", waits for the active ones to fail"
                                                            : ", takes no requests");
  if (s.check == "none") {
    out += "    Check: none (set health-check enable)\n";
  } else {
    out += fmt::format("    Check: {}: {}\n", s.check, s.why.empty() ? "not made yet" : one_line(s.why));
    out += fmt::format("    Since: {}\n", to_asctime(s.since));
  }
  out += fmt::format("    Requests: {}, {} failed, {} now\n", s.requests, s.failures, s.in_use);
  return out;
}

void list_servers(const CommandContext& c) {
  const auto all = c.operations.real_servers();
  std::string out, head;
  std::size_t shown = 0, taking = 0;
  for (const auto& s : all) {
    if (!std::all_of(c.arguments.begin(), c.arguments.end(), [&](const auto& word) { return server_fits(s, word); })) continue;
    auto of = fmt::format("{}, api-gateway {} ({}):\n", one_line(s.access_proxy), s.api_gateway, s.method);
    if (of != head) out += head = std::move(of);
    out += server_text(s);
    ++shown;
    taking += s.takes_requests;
  }
  c.print(out + fmt::format("{} real server{}, {} taking requests\n", shown, shown == 1 ? "" : "s", taking));
}

}  // namespace

Command diagnose_ztna_real_server_list() {
  const Candidate what = {"[<what>]", "An access proxy, a server's address (with its port or without), a host, or a state: only those."};
  return {"diagnose ztna real-server list",
          "Servers behind the access proxies: whether they are well, by which check, since when, who takes requests, and how many there were.",
          {what, what},
          list_servers};
}

}  // namespace postern::gateway::cli::commands
