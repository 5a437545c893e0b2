#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/hex.h"
#include "base/text.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/denial_text.h"

namespace postern::gateway::cli::commands {
namespace {

PastRequest request_of(const boost::json::object& line) {
  PastRequest out;
  out.proxy = static_cast<std::uint32_t>(parse_u64(denial_field(line, "accessproxyid")).value_or(0));
  if (const auto leaf = from_hex(denial_field(line, "clientcert_sha256"))) {
    if (const auto digest = parse_sha256(as_text(*leaf))) out.leaf = *digest;
  }
  out.invalid_certificate = denial_field(line, "reason_name") == "invalid_certificate";
  if (const auto source = IpAddress::parse(denial_field(line, "srcip"))) out.source = *source;
  out.interface = denial_field(line, "srcintf");
  out.host = denial_field(line, "hostname");
  out.path = denial_field(line, "path");
  return out;
}

std::string named_policy(std::uint32_t id, const std::string& name) {
  return name.empty() ? std::to_string(id) : fmt::format("{} ({})", id, one_line(name));
}

std::string again_text(const DecisionAgain& now) {
  std::string out = "\nThe same request by the policies and records of now:\n";
  std::string decides = now.policy == 0 ? "no policy" : std::to_string(now.policy);
  for (const auto& p : now.policies) {
    if (p.id == now.policy) decides = named_policy(p.id, p.name);
  }
  out += now.allowed ? fmt::format("Decision: let through by policy {}\n", decides)
                     : fmt::format("Decision: refused, {}: {} (policy: {})\n", now.reason, now.reason_text, decides);
  const auto list = [&](std::string_view label, const std::vector<std::string>& tags) {
    out += fmt::format("{} {}\n", label, tags.empty() ? "none" : one_line(join(tags, ", ")));
  };
  if (now.endpoint_known) {
    list("Endpoint has, of the tags that policies name:", now.tags);
    list("Unknown whether it has:", now.unknown_tags);
  } else {
    out += "Endpoint: no record of it is here\n";
  }
  for (const auto& p : now.policies) {
    out += fmt::format("Policy {}, {}: {}\n", named_policy(p.id, p.name), p.accepts ? "accept" : "deny", one_line(p.says));
  }
  if (now.policies.empty()) out += "No policy is in force for this access proxy\n";
  return out;
}

void show_decision(const CommandContext& c) {
  c.operations.find_denial(c.arguments[0], [c](Result<std::string> found) {
    if (!c.alive()) return;
    if (!found) return c.fail(found.error().message);
    boost::system::error_code error;
    const auto line = boost::json::parse(*found, error);
    if (error || !line.is_object()) return c.fail("the line of this denial in the traffic log is damaged");
    const auto& object = line.get_object();
    const auto again = c.operations.decide_again(request_of(object));
    c.print(denial_text(object) + (again ? again_text(*again) : fmt::format("\nNow: {}\n", again.error().message)));
  });
}

}  // namespace

Command diagnose_ztna_decision() {
  return {"diagnose ztna decision",
          "Explain a denial or cut, and what each policy of the access proxy says to the same request now.",
          {{"<id>", "As it stands on the denial page, such as K7QM-2D9F."}},
          show_decision};
}

}  // namespace postern::gateway::cli::commands
