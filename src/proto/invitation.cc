#include "proto/invitation.h"

#include <algorithm>
#include <cstring>

#include "base/hex.h"
#include "base/ip.h"
#include "base/text.h"

namespace postern::proto {
namespace {

constexpr std::string_view kScheme = "postern://";

tl::unexpected<Error> bad_invitation(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "this is not an invitation (" + std::string(what) +
                                               "); paste the whole text that begins with postern://");
}

bool letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool valid_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 &&
         std::ranges::all_of(host, [](char c) { return letter_or_digit(c) || c == '.' || c == '-' || c == '_'; });
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorCode::kInvalidArgument,
                "\"" + std::string(text.substr(0, 300)) + "\" is not an address; write host:port or [IPv6]:port");
  };
  const auto colon = text.rfind(':');
  if (colon == text.npos) return wrong();
  auto host = text.substr(0, colon);
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return wrong();
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    const auto ip = IpAddress::parse(host);
    if (!ip || !ip->is_v6()) return wrong();
  } else if (!valid_host(host)) {
    return wrong();
  }
  return HostPort{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string print_invitation(const Invitation& invitation) {
  return std::string(kScheme) + join(invitation.addresses, ",") + "/" + invitation.code + "#" +
         to_hex_lower(invitation.root_key_sha256);
}

Result<Invitation> parse_invitation(std::string_view text) {
  text = trim(text);
  if (text.size() > kMaxInvitation) return bad_invitation("it is too long");
  if (!text.starts_with(kScheme)) return bad_invitation("it begins otherwise");
  text.remove_prefix(kScheme.size());
  const auto slash = text.find('/');
  const auto hash = text.find('#');
  if (slash == text.npos || hash == text.npos || hash < slash) return bad_invitation("a part is missing");
  Invitation out;
  const auto addresses = split(text.substr(0, slash), ',');
  if (addresses.size() > kMaxInvitationAddresses) return bad_invitation("too many addresses");
  for (const auto address : addresses) {
    if (!parse_host_port(address)) return bad_invitation("an address is malformed");
    out.addresses.emplace_back(address);
  }
  const auto code = text.substr(slash + 1, hash - slash - 1);
  const bool good = code.size() >= 8 && code.size() <= 128 &&
                    std::ranges::all_of(code, [](char c) { return letter_or_digit(c) || c == '-'; });
  if (!good) return bad_invitation("the code is malformed");
  out.code = code;
  const auto digest = from_hex(text.substr(hash + 1));
  if (!digest || digest->size() != out.root_key_sha256.size()) return bad_invitation("the key's digest is malformed");
  std::memcpy(out.root_key_sha256.data(), digest->data(), digest->size());
  return out;
}

}  // namespace postern::proto
