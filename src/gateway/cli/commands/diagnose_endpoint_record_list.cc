#include <fmt/format.h>

#include <algorithm>

#include "gateway/cli/commands/command.h"
#include "gateway/cli/endpoint_filter.h"
#include "gateway/cli/one_line.h"

namespace postern::gateway::cli::commands {
namespace {

std::string tag_text(const EndpointTrace& trace, EndpointTrace::Tag::State state) {
  using State = EndpointTrace::Tag::State;
  if (state == State::kHasNot) return "the endpoint does not have it";
  if (state == State::kUnknown) {
    return "it is unknown whether the endpoint has it: absent where a policy demands it, present where one denies by "
           "it";
  }
  std::string resolved;
  for (const auto& ip : trace.resolved) resolved += (resolved.empty() ? "" : ", ") + ip.str();
  return fmt::format("the endpoint has it; matched: {}; resolved: {}", trace.matched ? "yes" : "no",
                     resolved.empty() ? "no" : resolved);
}

std::string trace_text(std::size_t number, const EndpointTrace& trace) {
  const Record& r = trace.endpoint.record;
  std::string out = fmt::format("Record #{}:\n", number);
  const auto line = [&](const std::string& label, const std::string& value) {
    out += label + (value.empty() ? "" : " " + one_line(value)) + '\n';
  };
  line("FortiClient UID:", r.key.uid.str());
  line("Host Name:", r.host_name);
  line("EMS:", fmt::format("{} ({})", r.key.connector, r.ems_serial.str()));
  line("IP Address:", trace.endpoint.ip.str());
  line("Matched endpoint:", fmt::format("{}: {}", trace.matched ? "yes" : "no", trace.match_text));
  if (trace.resolved.empty()) line("Resolved address:", "no: " + trace.resolve_text);
  for (const auto& ip : trace.resolved) line("Resolved address:", ip.str());
  for (const auto& tag : trace.tags) line("Tag " + tag.name + ':', tag_text(trace, tag.state));
  return out;
}

/// Nobody told this gateway of such an endpoint: when do they?
std::string none(GatewayOperations& operations) {
  std::string out =
      "No EMS has told this gateway of such an endpoint. An EMS tells of those whose default gateway is an interface "
      "of this "
      "gateway, of those whose certificate has come through an access proxy, and of others only if its administrator "
      "shares "
      "them (endpoint sharing of the fabric device).\n";
  for (const auto& c : operations.connectors()) {
    if (c.channel_state == "connected") continue;
    out += fmt::format("EMS {} is not connected ({}): get system status says why.\n", c.id, c.channel_state);
  }
  return out;
}

void list_records(const CommandContext& c) {
  for (const auto& word : c.arguments) {
    if (const auto r = fits(EndpointView(), word); !r) return c.fail(r.error().message);
  }
  std::string out;
  std::size_t number = 0;
  const auto wanted = [&](const EndpointView& endpoint) {
    return std::all_of(c.arguments.begin(), c.arguments.end(), [&](const auto& word) { return *fits(endpoint, word); });
  };
  for (const auto& trace : c.operations.endpoint_traces(wanted)) out += trace_text(number++, trace);
  c.print(out.empty() ? none(c.operations) : std::move(out));
}

}  // namespace

Command diagnose_endpoint_record_list() {
  return {"diagnose endpoint record list",
          "Say of each endpoint, matched or not, why it is or is not matched and resolved, and by which tags.",
          {{"[ip|mac|uid]", "Only the endpoint with this IP address, hardware address or UID."},
           {"[ems-sn]", "Only endpoints of the EMS with this serial number."}},
          list_records};
}

}  // namespace postern::gateway::cli::commands
