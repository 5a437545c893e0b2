#include "ems/feeds/source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "base/text.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxUrl = 2048;

tl::unexpected<Error> wrong(std::string why) { return fail(ErrorCode::kInvalidArgument, std::move(why)); }

bool letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool this_machine(const std::string& host) {
  if (host == "localhost") return true;
  const auto ip = IpAddress::parse(host);
  return ip && (ip->str().starts_with("127.") || ip->str() == "::1");
}

/// Path and query: printable, without what has to be escaped.
bool valid_target(std::string_view target) {
  return target.starts_with('/') && std::ranges::all_of(target, [](char c) {
           return c > ' ' && c < 0x7f && std::string_view("\"<>\\^`{|}#").find(c) == std::string_view::npos;
         });
}

}  // namespace

bool valid_feed_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] != '.' && std::ranges::all_of(name, [](char c) {
    return letter_or_digit(c) || c == '.' || c == '-' || c == '_';
  });
}

std::string FeedUrl::str() const {
  const bool v6 = host.find(':') != host.npos;
  const bool usual = port == (tls ? 443 : 80);
  return fmt::format("{}://{}{}{}{}{}", tls ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                     usual ? "" : fmt::format(":{}", port), target);
}

Result<FeedUrl> parse_feed_url(std::string_view text) {
  if (text.size() > kMaxUrl) return wrong(fmt::format("it is longer than {} bytes", kMaxUrl));
  FeedUrl out;
  constexpr std::string_view kPlain = "http://", kTls = "https://";
  const auto begin = to_lower(text.substr(0, kTls.size()));
  if (begin.starts_with(kPlain)) {
    out.tls = false;
    out.port = 80;
    text.remove_prefix(kPlain.size());
  } else if (begin == kTls) {
    text.remove_prefix(kTls.size());
  } else {
    return wrong("it has to begin with https://");
  }
  const auto slash = text.find_first_of("/?#");
  auto authority = text.substr(0, slash);
  out.target = slash == text.npos ? std::string("/") : std::string(text.substr(slash));
  if (out.target[0] == '?') out.target.insert(0, 1, '/');
  if (!valid_target(out.target)) return wrong("its path holds something that has to be percent-encoded, or a fragment");
  if (authority.find('@') != authority.npos) return wrong("it must not hold a user or password");
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == authority.npos) return wrong("its address has no closing bracket");
    out.host = authority.substr(1, end - 1);
    if (const auto ip = IpAddress::parse(out.host); !ip || !ip->is_v6()) return wrong("it names no IPv6 address in brackets");
    authority.remove_prefix(end + 1);
    if (!authority.empty() && authority[0] != ':') return wrong("only a port can follow the address");
    port = authority.empty() ? authority : authority.substr(1);
    if (!authority.empty() && port.empty()) return wrong("its port is no number from 1 to 65535");
  } else {
    const auto colon = authority.find(':');
    out.host = to_lower(authority.substr(0, colon));
    if (colon != authority.npos) {
      port = authority.substr(colon + 1);
      if (port.empty()) return wrong("its port is no number from 1 to 65535");
    }
    const bool valid = !out.host.empty() && out.host.size() <= 253 && std::ranges::all_of(out.host, [](char c) {
      return letter_or_digit(c) || c == '.' || c == '-';
    });
    if (!valid) return wrong("it names no host");
  }
  if (!port.empty()) {
    const auto number = parse_u64(port);
    if (!number || *number == 0 || *number > 65535) return wrong("its port is no number from 1 to 65535");
    out.port = static_cast<std::uint16_t>(*number);
  }
  if (!out.tls && !this_machine(out.host))
    return wrong("http is for this machine only (http://127.0.0.1/…); use https");
  return out;
}

Result<FeedUrl> follow_feed_url(const FeedUrl& from, std::string_view location) {
  if (location.empty()) return wrong("it is sent on to another address, and not told to which (no Location)");
  if (location.starts_with('/') && !location.starts_with("//")) {
    auto out = from;
    out.target = location;
    if (out.target.size() > kMaxUrl || !valid_target(out.target)) return wrong("it is sent on to something that is no path");
    return out;
  }
  auto out = parse_feed_url(location);
  if (!out) return fail(out.error().context("it is sent on to another address"));
  if (from.tls && !out->tls) return wrong("it is sent on from https to http");
  return out;
}

}  // namespace postern::ems
