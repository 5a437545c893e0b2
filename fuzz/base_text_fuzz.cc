// Addresses, hex and base64: what is taken prints as text that is taken for the same. A line holds no control
// characters.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/ip.h"
#include "base/text.h"
#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ip = IpAddress::parse(text); ip && IpAddress::parse(ip->str()) != *ip) std::abort();
  if (const auto range = IpRange::parse(text);
      range && !(range->contains(range->first) && range->contains(range->last))) {
    std::abort();
  }
  if (const auto mac = MacAddress::parse(text); mac && MacAddress::parse(mac->str()) != *mac) std::abort();
  if (const auto bytes = from_hex(text); bytes && from_hex(to_hex_colons(*bytes)) != *bytes) std::abort();
  if (const auto bytes = from_base64(text); bytes && from_base64(to_base64url(*bytes)) != *bytes) std::abort();
  const auto line = one_line(text);
  if (one_line(line) != line) std::abort();
  for (std::string_view rest = line; !rest.empty();) {
    const auto c = first_character(rest);
    if (c.length == 0 || is_control(c.point)) std::abort();
    rest.remove_prefix(c.length);
  }
  if (const auto number = parse_u64(text); number && parse_u64(std::to_string(*number)) != *number) std::abort();
  return 0;
}
