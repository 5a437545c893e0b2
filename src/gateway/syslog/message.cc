#include "gateway/syslog/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/hex.h"
#include "base/text.h"
#include "ecshm/session_kind.h"

namespace postern::gateway::syslog {
namespace {

constexpr std::size_t kMaxHost = 255;
/// Of one parameter, before it is escaped. Ten that are so long, and escaped throughout, leave room for tags.
constexpr std::size_t kMaxValue = 512;
/// Room for what comes after the tags.
constexpr std::size_t kReserve = 512;

std::string_view action_of(ecshm::EventType type) {
  if (type == ecshm::EventType::kDenied) return "deny";
  return type == ecshm::EventType::kCut ? "cut" : "accept";
}

void put_host(std::string& out, std::string_view host) {
  const auto begin = out.size();
  for (const char c : host.substr(0, kMaxHost)) {
    if (c > 32 && c < 127) out += c;
  }
  if (out.size() == begin) out += '-';
}

/// Of valid UTF-8, between characters.
std::string_view shortened(std::string_view text) {
  if (text.size() <= kMaxValue) return text;
  auto end = kMaxValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void put_value(std::string& out, std::string_view text) {
  const auto plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  std::string clean;
  if (!plain) {
    clean = one_line(text);
    text = clean;
  }
  text = shortened(text);
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
}

void put(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ' ';
  out += name;
  out += "=\"";
  put_value(out, value);
  out += '"';
}

void put(std::string& out, std::string_view name, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), " {}=\"{}\"", name, value);
}

void put_tags(std::string& out, std::size_t begin, const std::vector<std::string>& tags) {
  std::size_t done = 0;
  for (; done < tags.size(); ++done) {
    const auto before = out.size();
    put(out, "tag", tags[done]);
    if (out.size() - begin <= kMaxMessage - kReserve) continue;
    out.resize(before);
    break;
  }
  if (done < tags.size()) put(out, "tagsleftout", tags.size() - done);
}

}  // namespace

void put_message(std::string& out, const Origin& origin, const ecshm::Event& e, const TrafficNames& names) {
  const auto begin = out.size();
  const bool accepted = e.type == ecshm::EventType::kAllowed;
  // What was let through has a reason where it failed behind the gateway.
  const bool reasoned = !accepted || e.reason != policy::Reason::kNone;
  const auto action = action_of(e.type);
  fmt::format_to(std::back_inserter(out), "<{}>1 {} ", std::min(origin.facility, 23u) * 8 + (accepted ? 6 : 4),
                 to_iso8601(e.time));
  put_host(out, origin.host);
  fmt::format_to(std::back_inserter(out), " postern-gateway {} ztna-{} [ztna@32473",
                 origin.process.empty() ? "-" : origin.process, action);
  put(out, "action", action);
  put(out, "id", e.id);
  if (reasoned) {
    put(out, "reason", policy::reason_code(e.reason));
    put(out, "reason_name", policy::reason_name(e.reason));
  }
  if (names.forwards) put(out, "service", "tcp-forwarding");
  const auto told = told_of(e, names);
  put(out, "destination", told.destination);
  put(out, "detail", told.detail);
  put(out, "policyid", e.policy);
  put(out, "policyname", names.policy);
  put(out, "accessproxy", names.proxy);
  put(out, "accessproxyid", e.proxy);
  put(out, "gatewayid", e.api_gateway);
  put(out, "realserverpool", e.pool);
  if (e.source.valid()) put(out, "srcip", e.source.str());
  put(out, "srcport", e.source_port);
  put(out, "srcintf", e.interface);
  put(out, "kind", ecshm::session_kind_name(e.kind));
  put(out, "method", e.method);
  put(out, "hostname", e.host);
  put(out, "path", e.path);
  if (e.status != 0) put(out, "status", e.status);
  put(out, "sentbyte", e.bytes);
  put(out, "duration_ms", e.duration_ms);
  if (e.leaf) put(out, "clientcert_sha256", to_hex_lower(*e.leaf));
  put(out, "clientdeviceid", names.endpoint_uid);
  put(out, "clientdevicename", names.host_name);
  put(out, "clientdeviceems", names.ems_serial);
  put_tags(out, begin, names.tags);
  out += "] ";
  out += reasoned ? policy::reason_text(e.reason) : std::string_view("let through");
}

void put_message(std::string& out, const Origin& origin, const ForwardCut& c) {
  const auto begin = out.size();
  fmt::format_to(std::back_inserter(out), "<{}>1 {} ", std::min(origin.facility, 23u) * 8 + 4, to_iso8601(c.time));
  put_host(out, origin.host);
  fmt::format_to(std::back_inserter(out), " postern-gateway {} forward-cut [forward@32473",
                 origin.process.empty() ? "-" : origin.process);
  put(out, "action", "cut");
  put(out, "reason", policy::reason_code(c.reason));
  put(out, "reason_name", policy::reason_name(c.reason));
  put(out, "detail", c.detail);
  if (c.source.valid()) {
    put(out, "policyid", c.policy);
    put(out, "policyname", c.policy_name);
    put(out, "srcip", c.source.str());
    put(out, "srcport", c.source_port);
    put(out, "dstip", c.destination.str());
    put(out, "dstport", c.destination_port);
    put(out, "proto", c.protocol);
    put(out, "clientdeviceid", c.endpoint_uid);
    put(out, "clientdevicename", c.host_name);
    put(out, "clientdeviceems", c.ems_serial);
    put_tags(out, begin, c.tags);
  } else {
    put(out, "count", c.count);
  }
  out += "] ";
  out += policy::reason_text(c.reason);
}

}  // namespace postern::gateway::syslog
