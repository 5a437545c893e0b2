#include <fmt/format.h>

#include <algorithm>

#include "gateway/cli/commands/diagnose_endpoint_why.h"

namespace postern::gateway::cli::commands {
namespace {

/// By what right a record is told, as far as they are told by this EMS.
struct Told {
  std::size_t all = 0, behind = 0, met = 0, wider = 0;
};

std::map<ConnectorId, Told> told_by(const CommandContext& c) {
  std::map<ConnectorId, Told> out;
  c.operations.endpoint_traces([&](const EndpointView& e) {
    auto& told = out[e.record.key.connector];
    ++told.all;
    told.behind += e.record.share_connected;
    told.met += e.record.asked;
    told.wider += e.record.share_all || e.record.share_selected;
    return false;
  });
  return out;
}

std::string state_text(const CommandContext& c, const ConnectorStatus& connector, const Told& told) {
  if (connector.channel_state != "connected") {
    std::string out = connector.channel_state;
    const auto entry = connector_argument(c.store.current(), std::to_string(connector.id));
    if (entry && !entry->enabled("status")) {
      out += ": its status is disable (config endpoint-control fctems)";
    } else if (connector.channel_state == "pending") {
      out += ": this gateway waits to be authorised on the EMS, which tells nothing before" +
             (connector.authorise_url.empty() ? "" : ": " + connector.authorise_url);
    } else if (!connector.certificate_accepted) {
      out += fmt::format(": its certificate is not accepted: {}",
                         unbroken(fmt::format("execute fctems verify {}", connector.id)));
    } else {
      out += fmt::format(": {} says why",
                         unbroken(fmt::format("diagnose endpoint fctems test-connectivity {}", connector.id)));
    }
    return out + fmt::format("; endpoints known from before: {}", told.all);
  }
  return fmt::format("connected; tells of {} endpoint{}: behind this gateway {}, met by certificate {}, shared from "
                     "elsewhere {}",
                     told.all, told.all == 1 ? "" : "s", told.behind, told.met, told.wider);
}

/// Multicast, or the broadcast address of every network.
bool is_of_many(const IpAddress& ip) {
  const auto first = ip.bytes()[0];
  return ip.is_v6() ? first == 0xff : (first >= 224 && first < 240) || ip == IpAddress::v4({255, 255, 255, 255});
}

void add_address(Lines& out, const IpAddress& ip, const AddressView& known) {
  out.add("The address:");
  const auto say = [&](const std::string& text) { out.wrap(text, 2); };
  if (!known.own_interface.empty()) {
    return say(fmt::format("{} is this gateway's own, on {}: no endpoint can have it.", ip.str(), known.own_interface));
  }
  if (ip.is_loopback() || ip.is_unspecified()) return say("It is each machine's own: no endpoint can be told by it.");
  if (is_of_many(ip)) return say("It is an address of many at once (multicast or broadcast): no endpoint can have it.");
  if (known.reserved) {
    say("It is that of an EMS, a next hop or a real server: no endpoint can have it resolved.");
  }
  if (known.network.empty()) {
    return say(
        "It is on no network of this gateway: who has it is behind a router. That router, not this gateway, is its default "
        "gateway, and an EMS tells of it only if it shares all endpoints or those of selected devices.");
  }
  say("It is on the network of " + known.network + '.');
  if (!known.neighbour || known.neighbour->state == Neighbour::State::kAsking) return;
  if (known.neighbour->state == Neighbour::State::kAbsent) return say("Nobody answers for it there.");
  say(fmt::format("{} answers for it there: a device without an agent, or one that is enrolled at no EMS of this gateway, "
                  "or reports another default gateway.",
                  known.neighbour->mac.str()));
}

std::string reply_text(const CertificateReply& reply) {
  switch (reply.state) {
    case CertificateReply::State::kFound: return "it is a valid certificate of endpoint " + reply.uid.str();
    case CertificateReply::State::kRevoked:
      return "it was revoked, or its endpoint " + reply.uid.str() +
             " was deregistered: access proxies refuse it (063), but where one without a "
             "certificate may enter (empty-cert-action accept)";
    case CertificateReply::State::kUnknown: return "it does not know this certificate";
    case CertificateReply::State::kNoAnswer: break;
  }
  return "not asked: " + reply.trouble;
}

void add_reasons(Lines& out, const Sought& sought, const std::vector<ConnectorStatus>& connectors, bool found) {
  const auto say = [&](const std::string& text) { out.wrap(text, 2, "- "); };
  out.add(found ? "Why it is in neither list:" : "Why that may be:");
  if (connectors.empty()) return say("No EMS is configured: " + unbroken("config endpoint-control fctems"));
  if (std::any_of(connectors.begin(), connectors.end(), [](const auto& c) { return c.channel_state != "connected"; })) {
    say("It is an endpoint of an EMS that is not connected, or has not authorised this gateway.");
  }
  say("Its default gateway is not this gateway (it is behind a router or elsewhere), and the EMS shares only endpoints that "
      "are connected to this gateway. That is the default.");
  say("It has not come through an access proxy of this gateway with its certificate, or its last session there ended more "
      "than ten minutes ago.");
  if (found) return;
  say("It is not enrolled, or at an EMS that is not configured here.");
  say(std::string("Its certificate was revoked or replaced by a newer one, or it was deregistered: its EMS tells of it no more.") +
      (sought.leaf ? "" : " By the SHA-256 fingerprint of the certificate the EMS is asked."));
  if (!sought.serial.empty() && sought.serial.size() >= 16 && !sought.leaf) {
    say("An EMS can't be asked by the serial number of a certificate; by its SHA-256 fingerprint it can.");
  }
}

}  // namespace

void explain_unknown(Lines& out, const CommandContext& c, const Sought& sought,
                     const std::vector<CertificateReply>& replies) {
  const auto connectors = c.operations.connectors();
  auto told = told_by(c);
  const bool found = std::any_of(replies.begin(), replies.end(), [](const auto& r) { return !r.uid.empty(); });
  out.wrap(fmt::format("No EMS has told this gateway of {}: it is neither a matched endpoint nor a resolved address.",
                       sought.text()));
  out.blank();
  if (sought.ip) add_address(out, *sought.ip, c.operations.address(*sought.ip));
  if (!connectors.empty()) out.add("The EMSs:");
  for (const auto& connector : connectors) {
    out.wrap(state_text(c, connector, told[connector.id]), 2, ems_text(connectors, connector.id) + ": ");
  }
  if (!replies.empty()) out.add("Asked now whose certificate it is (nobody gets into a list by that):");
  for (const auto& reply : replies) out.wrap(reply_text(reply), 2, ems_text(connectors, reply.id) + ": ");
  add_reasons(out, sought, connectors, found);
  out.add("What to do:");
  const auto say = [&](const std::string& text) { out.wrap(text, 2, "- "); };
  if (connectors.empty()) return say("Connect an EMS: " + unbroken("config endpoint-control fctems"));
  say(found ? "Nothing, if it comes through an access proxy: the EMS is asked then, and it becomes a matched endpoint."
            : "Look for it on the EMS (All Endpoints): its status, and the default gateway that it reports.");
  say("For policies by address: make this gateway its default gateway, or have the EMS share all endpoints with this "
      "gateway "
      "(Fabric Devices, endpoint sharing).");
  if (!found) say("For access proxies: let it connect once with its certificate, and look again.");
}

}  // namespace postern::gateway::cli::commands
