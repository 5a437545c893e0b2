#include "policy/forward_target.h"

#include "base/ip.h"

namespace postern::policy {
namespace {

std::optional<std::uint16_t> port_of(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || digits.front() == '0') return std::nullopt;
  std::uint32_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

/// Of a host's name or address.
std::optional<char> plain(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c + 32);
  const bool sound = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  return sound ? std::optional(c) : std::nullopt;
}

/// The character that begins here, and how many it takes.
std::optional<char> next(std::string_view text, std::size_t& taken) {
  taken = 1;
  if (text.front() != '%') return text.front();
  taken = 3;
  const auto code = text.substr(0, 3);
  if (code == "%3A" || code == "%3a") return ':';
  if (code == "%5B" || code == "%5b") return '[';
  if (code == "%5D" || code == "%5d") return ']';
  return std::nullopt;
}

std::optional<ForwardTarget> target(std::string_view host, std::string_view digits) {
  ForwardTarget out;
  const auto port = port_of(digits);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!port || host.empty() || host.size() > kMaxForwardHost) return std::nullopt;
  for (const char c : host) {
    const auto kept = plain(c);
    if (!kept) return std::nullopt;
    out.host += *kept;
  }
  const bool v6 = out.host.find(':') != std::string::npos;
  if (bracketed && !v6) return std::nullopt;
  if (v6) {
    // Each address in one spelling: by what lists and the log call it, it is also found and ended.
    const auto address = IpAddress::parse(out.host);
    if (!address) return std::nullopt;
    out.host = address->str();
  }
  out.port = *port;
  return out;
}

}  // namespace

std::string ForwardTarget::text() const {
  const auto number = std::to_string(port);
  return host.find(':') == std::string::npos ? host + ':' + number : '[' + host + "]:" + number;
}

std::optional<ForwardTarget> forward_target(std::string_view query) {
  constexpr std::string_view kAddress = "address=", kPort = "&port=";
  if (!query.starts_with(kAddress)) return std::nullopt;
  query.remove_prefix(kAddress.size());
  const auto end = query.find('&');
  if (end == query.npos || !query.substr(end).starts_with(kPort)) return std::nullopt;
  std::string host;
  for (auto rest = query.substr(0, end); !rest.empty();) {
    std::size_t taken = 0;
    const auto c = next(rest, taken);
    if (!c || host.size() > kMaxForwardHost + 2) return std::nullopt;
    host += *c;
    rest.remove_prefix(taken);
  }
  return target(host, query.substr(end + kPort.size()));
}

std::optional<ForwardTarget> forward_target_of_text(std::string_view text) {
  const auto colon = text.rfind(':');
  return colon == text.npos ? std::nullopt : target(text.substr(0, colon), text.substr(colon + 1));
}

}  // namespace postern::policy
