#include "gateway/cli/commands/diagnose_endpoint_why.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hex.h"
#include "base/text.h"

namespace postern::gateway::cli::commands {
namespace {

constexpr std::size_t kMaxExplained = 20;

std::string without_zeros(std::string serial) {
  serial.erase(0, std::min(serial.find_first_not_of('0'), serial.size()));
  return serial;
}

bool among(const std::vector<MacAddress>& macs, const MacAddress& mac) {
  return std::find(macs.begin(), macs.end(), mac) != macs.end();
}

bool reports(const Record& record, const IpAddress& ip) {
  return std::any_of(record.interfaces.begin(), record.interfaces.end(), [&](const auto& interface) {
    return std::find(interface.addresses.begin(), interface.addresses.end(), ip) != interface.addresses.end();
  });
}

/// Of several endpoints: whose address it is, or that one UID means two.
std::string several_text(const Sought& sought, const std::vector<EndpointTrace>& traces) {
  std::set<EndpointUid> uids;
  const EndpointTrace* owner = nullptr;
  for (const auto& trace : traces) {
    uids.insert(trace.endpoint.record.key.uid);
    if (sought.ip && std::find(trace.resolved.begin(), trace.resolved.end(), *sought.ip) != trace.resolved.end())
      owner = &trace;
  }
  if (uids.size() == 1) {
    return fmt::format("{} EMSs tell of it: each record stands for itself, with the tags and certificates of its own EMS.",
                       traces.size());
  }
  std::string out = fmt::format("{} endpoints fit.", traces.size());
  if (!sought.ip) return out;
  if (owner == nullptr) return out + fmt::format(" {} is resolved to none of them.", sought.ip->str());
  return out + fmt::format(" {} is resolved to {} of EMS {}.", sought.ip->str(), owner->endpoint.record.key.uid.str(),
                           owner->endpoint.record.key.connector);
}

/// The error where a host name means several endpoints.
std::string ambiguous_text(const Sought& sought, const std::vector<EndpointTrace>& traces) {
  std::string out = fmt::format("{} endpoints are called \"{}\"; give the UID of one:", traces.size(), sought.word);
  for (std::size_t i = 0; i < traces.size() && i < 5; ++i) {
    const auto& key = traces[i].endpoint.record.key;
    out += fmt::format("{} {} of EMS {}", i == 0 ? "" : ",", key.uid.str(), key.connector);
  }
  return out + (traces.size() > 5 ? ", …" : "");
}

void explain_all(const CommandContext& c, const Sought& sought, const std::vector<EndpointTrace>& traces) {
  Lines out;
  if (traces.size() > 1) out.wrap(several_text(sought, traces));
  for (std::size_t i = 0; i < traces.size() && i < kMaxExplained; ++i) {
    if (traces.size() > 1) out.blank();
    explain_known(out, c, sought, traces[i]);
  }
  if (traces.size() > kMaxExplained) out.add(fmt::format("{} more fit; give a UID.", traces.size() - kMaxExplained));
  c.print(out.take());
}

/// The certificate may be that of an endpoint of which this gateway knows another one.
void explain_replies(const CommandContext& c, const Sought& sought, const std::vector<CertificateReply>& replies) {
  Lines out;
  explain_unknown(out, c, sought, replies);
  for (const auto& reply : replies) {
    if (reply.uid.empty()) continue;
    const RecordKey key{reply.id, reply.uid};
    for (const auto& trace : c.operations.endpoint_traces([&](const auto& e) { return e.record.key == key; })) {
      out.blank();
      explain_known(out, c, sought, trace);
    }
  }
  c.print(out.take());
}

void why(const CommandContext& c) {
  const auto sought = read_sought(c.arguments[0]);
  if (!sought) return c.fail(sought.error().message);
  auto best = Fit::kNone;
  auto traces = c.operations.endpoint_traces([&](const EndpointView& endpoint) {
    const auto how = fit(endpoint, *sought);
    best = std::max(best, how);
    return how != Fit::kNone;
  });
  std::erase_if(traces, [&](const auto& trace) { return fit(trace.endpoint, *sought) != best; });
  const bool one_uid = std::all_of(traces.begin(), traces.end(), [&](const auto& trace) {
    return trace.endpoint.record.key.uid == traces.front().endpoint.record.key.uid;
  });
  if (best == Fit::kHostName && !one_uid) return c.fail(ambiguous_text(*sought, traces));
  if (!traces.empty()) return explain_all(c, *sought, traces);
  if (!sought->leaf) return explain_replies(c, *sought, {});
  c.operations.ask_about_certificate(*sought->leaf, [c, sought = *sought](std::vector<CertificateReply> replies) {
    if (c.alive()) explain_replies(c, sought, replies);
  });
}

}  // namespace

Result<Sought> read_sought(const std::string& word) {
  if (word.empty() || word.size() > 255) {
    return fail(ErrorCode::kInvalidArgument,
                "this is no endpoint; allowed: a UID, an IP address, a hardware address, a host name, or a client "
                "certificate's serial number or SHA-256 fingerprint");
  }
  Sought out;
  out.word = one_line(word);
  out.ip = IpAddress::parse(word);
  out.mac = MacAddress::parse(word);
  out.uid = parse_endpoint_uid(word);
  std::string digits;
  std::copy_if(word.begin(), word.end(), std::back_inserter(digits), [](char ch) { return ch != ':'; });
  if (digits.size() == 64) {
    if (const auto bytes = from_hex(digits)) {
      out.leaf.emplace();
      std::copy(bytes->begin(), bytes->end(), out.leaf->begin());
    }
  } else if (digits.size() <= 40 && from_hex(digits.size() % 2 == 0 ? digits : '0' + digits)) {
    out.serial = without_zeros(digits);
    std::transform(out.serial.begin(), out.serial.end(), out.serial.begin(),
                   [](char ch) { return ch >= 'a' && ch <= 'f' ? static_cast<char>(ch - 'a' + 'A') : ch; });
  }
  return out;
}

std::string Sought::text() const {
  if (ip) return "an endpoint with the address " + ip->str();
  if (mac) return "an endpoint with the hardware address " + mac->str();
  if (leaf) return "an endpoint with a client certificate of this fingerprint";
  if (!uid.empty()) return "an endpoint with the UID " + uid.str();
  // Shorter ones are rather the name of a machine.
  if (serial.size() >= 16) return "an endpoint with a client certificate of the serial number " + serial;
  return fmt::format("an endpoint called \"{}\"", word);
}

Fit fit(const EndpointView& e, const Sought& sought) {
  const Record& r = e.record;
  if (!sought.uid.empty() && r.key.uid == sought.uid) return Fit::kOwn;
  if (sought.ip && (e.ip == *sought.ip || reports(r, *sought.ip))) return Fit::kOwn;
  if (sought.mac && (e.mac == *sought.mac || among(e.other_macs, *sought.mac))) return Fit::kOwn;
  for (const auto& certificate : r.certificates) {
    if (sought.leaf && certificate.sha256 == *sought.leaf) return Fit::kOwn;
    if (!sought.serial.empty() && without_zeros(certificate.serial.str()) == sought.serial) return Fit::kOwn;
  }
  if (!r.host_name.empty() && to_lower(r.host_name) == to_lower(sought.word)) return Fit::kHostName;
  if (sought.ip && r.public_ip == *sought.ip) return Fit::kTelemetrySource;
  return Fit::kNone;
}

std::string ems_text(const std::vector<ConnectorStatus>& connectors, ConnectorId id) {
  for (const auto& c : connectors) {
    if (c.id == id && !c.name.empty()) return fmt::format("EMS {} ({})", id, c.name);
  }
  return fmt::format("EMS {}", id);
}

Command diagnose_endpoint_why() {
  return {"diagnose endpoint why",
          "Say in which lists an endpoint is, in which not, why, and what to do.",
          {{"<endpoint>",
            "A UID, an IP or hardware address, a host name, or a client certificate's serial number or SHA-256."}},
          why};
}

}  // namespace postern::gateway::cli::commands
