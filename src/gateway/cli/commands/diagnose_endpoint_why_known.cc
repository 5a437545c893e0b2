#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "gateway/cli/commands/diagnose_endpoint_why.h"

namespace postern::gateway::cli::commands {
namespace {

std::string join_addresses(const std::vector<IpAddress>& addresses) {
  std::string out;
  for (const auto& ip : addresses) out += (out.empty() ? "" : ", ") + ip.str();
  return out;
}

std::string headline(const std::vector<ConnectorStatus>& connectors, const EndpointTrace& t) {
  const Record& r = t.endpoint.record;
  std::string out = fmt::format("{}{} of {}", r.host_name.empty() ? "Endpoint " : r.host_name + " (",
                                r.key.uid.str() + (r.host_name.empty() ? "" : ")"), ems_text(connectors, r.key.connector));
  const auto& in = t.resolved;
  const auto addresses = fmt::format("{} {} resolved", join_addresses(in), in.size() == 1 ? "is" : "are");
  if (t.matched && !in.empty()) return out + " is a matched endpoint, and " + addresses + '.';
  if (t.matched) return out + " is a matched endpoint; none of its addresses is resolved.";
  if (!in.empty()) return out + " is not a matched endpoint, but " + addresses + '.';
  return out + " is not a matched endpoint, and none of its addresses is resolved.";
}

/// Why nothing that depends on a tag lets it in, whatever tags it has; empty: nothing of the kind.
std::string bar_text(const EndpointTrace& t) {
  const Record& r = t.endpoint.record;
  if (r.blocked) return "Its certificate was revoked, or it was deregistered";
  if (r.quarantined) return "It is quarantined";
  if (!r.registered) return "It is not registered";
  if (!r.online) return "It is offline";
  if (t.stale) return "Its EMS has been out of reach for longer than the out-of-sync threshold";
  return {};
}

std::string not_online_text(const Record& r) {
  if (r.blocked) return "it is revoked or deregistered";
  if (r.quarantined) return "it is quarantined";
  return r.registered ? "it is offline" : "it is not registered";
}

/// Of an endpoint whose default gateway is not this gateway.
std::string foreign_gateway_text(const Record& r) {
  for (const auto& route : r.routes) {
    if (route.vpn || !route.gateway_ip.valid()) continue;
    return fmt::format("its default gateway, {} {}, is not this gateway", route.gateway_ip.str(),
                       route.gateway_mac.valid() ? "with the hardware address " + route.gateway_mac.str()
                                                 : "whose hardware address it does not report");
  }
  return "it reports no default gateway";
}

std::string others_text(const EndpointTrace::Address& address) {
  std::string out;
  for (const auto& other : address.others) {
    out += fmt::format("{}{} of EMS {}", out.empty() ? "" : ", ", other.uid.str(), other.connector);
  }
  return out;
}

std::string address_text(const EndpointTrace& t, const EndpointTrace::Address& a) {
  const Record& r = t.endpoint.record;
  const std::string who = a.answers.valid() ? a.answers.str() : "nobody";
  const auto reason = std::string(resolve_reason_text(a.reason));
  switch (a.reason) {
    case ResolveReason::kResolved:
      if (!a.interface.empty() && a.answers.valid())
        return fmt::format("resolved: its own hardware address {} answers for it on {}", who, a.interface);
      return "resolved: it is not on a network of this gateway, but its telemetry comes from it";
    case ResolveReason::kZtnaOnly:
      return "not resolved: the EMS tells of this endpoint only because it came through an access proxy";
    case ResolveReason::kNeighbourDiffers:
      return fmt::format("not resolved: on {} another hardware address, {}, answers for it", a.interface, who);
    case ResolveReason::kNeighbourAbsent:
      return fmt::format("not resolved: nobody on {} answers for it", a.interface);
    case ResolveReason::kNotTelemetrySource:
      return fmt::format("not resolved: its telemetry comes from {}", r.public_ip.valid() ? r.public_ip.str() : "nowhere");
    case ResolveReason::kContested:
      return "not resolved: another endpoint claims it" + (a.others.empty() ? "" : ": " + others_text(a));
    case ResolveReason::kQuarantined:
      return "not resolved: " + reason + (a.others.empty() ? "" : ": " + others_text(a));
    case ResolveReason::kNotOnline:
      return "not resolved: " + not_online_text(r);
    case ResolveReason::kReserved:
      return "not resolved: it is this gateway's own, or that of an EMS, a next hop or a real server";
    case ResolveReason::kNoAddress:
      return a.interface.empty()
                 ? "not resolved: it is on no network of this gateway"
                 : fmt::format("not resolved: it is on {}, but the endpoint's default gateway is not", a.interface);
    default:
      return "not resolved: " + reason;
  }
}

std::string why_tag_text(const EndpointTrace& t, const EndpointTrace::Tag& tag) {
  using State = EndpointTrace::Tag::State;
  if (tag.state == State::kHasNot) return "does not have it: in neither list of this tag";
  if (tag.state == State::kUnknown) {
    return "unknown whether it has it: in neither list of this tag; a policy that denies by it denies";
  }
  return fmt::format("has it; matched: {}; resolved: {}", t.matched ? "yes" : "no",
                     t.resolved.empty() ? "no" : join_addresses(t.resolved));
}

void add_tags(Lines& out, const CommandContext& c, const EndpointTrace& t) {
  const auto connector = t.endpoint.record.key.connector;
  const auto prefix = fmt::format("EMS{}_", connector);
  out.add("Tags:");
  for (const auto& tag : t.tags) out.wrap(why_tag_text(t, tag), 2, tag.name + ": ");
  for (const auto& name : c.operations.tags_not_shared()) {
    if (name.starts_with(prefix)) {
      out.wrap("a policy names it, and the EMS has shared no such tag: unknown of every endpoint", 2, name + ": ");
    }
  }
  if (c.operations.connectors().size() > 1) {
    out.wrap("Of the tags of other EMSs this endpoint has none: they are unknown of it.", 2);
  }
}

/// What leads to being matched.
void advise_matching(std::vector<std::string>& out, const EndpointTrace& t) {
  if (t.match_reason == MatchReason::kSharedOnly) {
    out.push_back(
        "To have it matched: let it come through an access proxy of this gateway with its certificate, or make this gateway "
        "its default gateway.");
  } else if (t.match_reason == MatchReason::kOtherGateway) {
    out.push_back(
        "To have it matched: look whether an interface of this gateway got another hardware address (" +
        unbroken("get system interface") + "); the endpoint reports its default gateway anew once it has noticed.");
  }
}

void advise_resolving(std::vector<std::string>& out, const EndpointTrace& t) {
  switch (t.resolve_reason) {
    case ResolveReason::kZtnaOnly:
      out.push_back(
          "Policies by address (config firewall policy) can't let it in; those of access proxies can. To have its address "
          "resolved: make this gateway its default gateway, or have its EMS share all endpoints with this gateway "
          "(Fabric Devices, endpoint sharing).");
      break;
    case ResolveReason::kNoAddress:
    case ResolveReason::kReserved:
      out.push_back("Give the endpoint an address of its own on the network of this gateway's interface.");
      break;
    case ResolveReason::kNeighbourUnknown:
      out.push_back("Ask again in a second: this gateway waits for the network's answer.");
      break;
    case ResolveReason::kNeighbourAbsent:
      out.push_back(
          "Look whether the endpoint is in the same network segment as this gateway's interface, and up. It is asked "
          "again "
          "by and by, once in a minute at least.");
      break;
    case ResolveReason::kNeighbourDiffers:
      out.push_back(
          "Find the device with the hardware address named above: it uses this endpoint's address. Once it is gone, "
          "this "
          "gateway notices within two minutes.");
      break;
    case ResolveReason::kNotTelemetrySource:
      out.push_back(
          "An address translator or proxy stands between the endpoint and its EMS: give it a way to the EMS on which its "
          "address stays. An address that is not adjacent is believed only where its telemetry comes from it.");
      break;
    case ResolveReason::kContested:
      out.push_back("Two endpoints report this address: change that of one of them. " +
                    unbroken("diagnose endpoint why <ip>") + " lists both.");
      break;
    case ResolveReason::kQuarantined:
      out.push_back(
          "This machine is enrolled twice, and once in quarantine. Release that endpoint once the machine is well, or "
          "deregister the one that is not in use.");
      break;
    default:
      break;
  }
}

std::vector<std::string> advice(const EndpointTrace& t) {
  const Record& r = t.endpoint.record;
  const auto id = r.key.connector;
  std::vector<std::string> out;
  if (r.blocked || !r.registered) {
    out.push_back("Enrol it anew with an invitation of its EMS: what it has now counts no more.");
  } else if (r.quarantined) {
    out.push_back(fmt::format("An administrator of EMS {} can take it out of quarantine.", id));
  } else if (!r.online) {
    out.push_back("See on the endpoint whether its agent runs and reaches the EMS: " +
                  unbroken("postern-agent status"));
  } else if (t.stale) {
    out.push_back(fmt::format("See why the EMS is out of reach: {}",
                              unbroken(fmt::format("diagnose endpoint fctems test-connectivity {}", id))));
  } else {
    advise_matching(out, t);
    advise_resolving(out, t);
  }
  if (t.expired && r.usable()) {
    out.push_back("An expired certificate is not renewed. Enrol it anew: " + unbroken("postern-agent deregister --force") + ", then " +
                  unbroken("postern-agent enrol") + ".");
  }
  if (t.matched && r.certificates.empty()) {
    out.push_back("It has no client certificate that counts: no access proxy can recognise it. Enrol it anew.");
  }
  out.push_back(fmt::format("Why it has a tag or not, its EMS says: {}",
                            unbroken(fmt::format("postern why {} <tag>", r.key.uid.str()))));
  if (t.matched) out.push_back("Why an access proxy refused it: " + unbroken("diagnose ztna denial <id on the page>"));
  return out;
}

}  // namespace

void explain_known(Lines& out, const CommandContext& c, const Sought& sought, const EndpointTrace& t) {
  const Record& r = t.endpoint.record;
  const auto connectors = c.operations.connectors();
  out.wrap(headline(connectors, t));
  if (sought.ip && fit(t.endpoint, sought) == Fit::kTelemetrySource) {
    out.wrap(fmt::format("It does not have the address {} itself: its telemetry comes from there, through an address "
                         "translator or proxy.",
                         sought.ip->str()));
  }
  if (const auto bar = bar_text(t); !bar.empty()) {
    const bool stale = r.usable() && t.stale;  // what asks for no tag goes on: it is known who this is
    out.wrap(
        bar +
        (stale
             ? ": no policy that demands or forbids a tag lets it in, by certificate or by address, whatever the "
               "lists say. Those that ask for no tag do."
             : ": no policy that demands or forbids a tag lets it in, whatever the lists say, and no access proxy "
               "that asks for certificates. Only where one without a certificate may enter (empty-cert-action accept, "
               "a policy without tags) it may as well: pages for enrolling and mending belong there."));
  }
  if (t.expired) out.wrap("Its certificate has expired: no access proxy that asks for certificates lets it in.");
  out.blank();
  out.add("UID:", r.key.uid.str());
  out.add(ems_text(connectors, r.key.connector) + ':', fmt::format("{}, tenant {}", r.ems_serial.str(), r.tenant.str()));
  out.add("Status:", fmt::format("{}, {}{}", r.online ? "online" : "offline", r.registered ? "registered" : "not registered",
                                 r.quarantined ? ", quarantined" : ""));
  out.add("Live sessions:", std::to_string(t.sessions));
  for (const auto& certificate : r.certificates) {
    out.add("Certificate:", certificate.serial.str());
    out.add("  valid until", to_iso8601(certificate.not_after));
    out.add("  SHA-256", to_hex_lower(certificate.sha256));
  }
  if (r.certificates.empty()) out.add("Certificate: none");
  out.add("Matched endpoint:", t.matched ? "yes" : "no");
  out.wrap(t.match_text, 2);
  if (!t.endpoint.gateway_interface.empty()) {
    if (t.match_reason == MatchReason::kCertificate)
      out.wrap("and its default gateway is " + t.endpoint.gateway_interface, 2);
  } else {
    out.wrap(foreign_gateway_text(r), 2);
  }
  out.add("Resolved addresses:", t.resolved.empty() ? "none" : join_addresses(t.resolved));
  for (const auto& address : t.addresses) out.wrap(address_text(t, address), 2, address.ip.str() + ": ");
  if (t.addresses.empty()) out.add("  it reports no address");
  add_tags(out, c, t);
  out.add("What to do:");
  for (const auto& sentence : advice(t)) out.wrap(sentence, 2, "- ");
}

}  // namespace postern::gateway::cli::commands
