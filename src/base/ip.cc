#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace postern {

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress a;
  a.family_ = 4;
  std::copy(bytes.begin(), bytes.end(), a.bytes_.begin());
  return a;
}

IpAddress IpAddress::v6(std::array<std::uint8_t, 16> bytes) {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress a;
  a.family_ = 6;
  a.bytes_ = bytes;
  return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() > INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  const std::string z(text);
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, z.c_str(), raw.data()) == 1) return v4({raw[0], raw[1], raw[2], raw[3]});
  if (inet_pton(AF_INET6, z.c_str(), raw.data()) == 1) return v6(raw);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_bytes(std::string_view bytes) {
  std::array<std::uint8_t, 16> raw{};
  if (bytes.size() > raw.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), raw.begin());
  if (bytes.size() == 16) return v6(raw);
  if (bytes.size() == 4) return v4({raw[0], raw[1], raw[2], raw[3]});
  return std::nullopt;
}

bool IpAddress::is_unspecified() const {
  return valid() && std::all_of(bytes_.begin(), bytes_.end(), [](auto b) { return b == 0; });
}

std::string IpAddress::packed() const {
  if (!valid()) return {};
  return {bytes_.begin(), bytes_.begin() + (is_v4() ? 4 : 16)};
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  if (!is_v6()) return false;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return is_v6() && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const {
  if (is_v4()) return bytes_[0] >= 224 && (bytes_[0] < 240 || *this == IpAddress::v4({255, 255, 255, 255}));
  return is_v6() && bytes_[0] == 0xff;
}

std::string IpAddress::str() const {
  if (!valid()) return {};
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  if (const auto dash = text.find('-'); dash != text.npos) {
    const auto first = IpAddress::parse(text.substr(0, dash));
    const auto last = IpAddress::parse(text.substr(dash + 1));
    if (!first || !last || first->is_v4() != last->is_v4() || *last < *first) return std::nullopt;
    return IpRange{*first, *last};
  }
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned width = address->is_v4() ? 32 : 128;
  // The prefix of an IPv4 address in IPv6 notation counts from the left of the whole.
  const unsigned mapped = address->is_v4() && text.substr(0, slash).find(':') != text.npos ? 96 : 0;
  unsigned prefix = mapped + width;
  if (slash != text.npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (ec != std::errc() || end != digits.data() + digits.size() || prefix > mapped + width || prefix < mapped) {
      return std::nullopt;
    }
  }
  prefix -= mapped;
  auto low = address->bytes();
  auto high = low;
  for (unsigned bit = prefix; bit < width; ++bit) {
    low[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
    high[bit / 8] |= static_cast<std::uint8_t>(0x80u >> bit % 8);
  }
  if (address->is_v4()) {
    return IpRange{IpAddress::v4({low[0], low[1], low[2], low[3]}),
                   IpAddress::v4({high[0], high[1], high[2], high[3]})};
  }
  const IpRange range{IpAddress::v6(low), IpAddress::v6(high)};
  if (!range.first.is_v6() || !range.last.is_v6())
    return std::nullopt;  // It ends among IPv4's addresses, as ::/80 does.
  return range;
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  std::array<std::uint8_t, 6> bytes{};
  for (int i = 0; i < 6; ++i) {
    if (i > 0 && text[i * 3 - 1] != ':' && text[i * 3 - 1] != '-') return std::nullopt;
    const char* at = text.data() + i * 3;
    const auto [end, ec] = std::from_chars(at, at + 2, bytes[i], 16);
    if (ec != std::errc() || end != at + 2) return std::nullopt;
  }
  return MacAddress(bytes);
}

std::optional<MacAddress> MacAddress::from_bytes(std::string_view bytes) {
  std::array<std::uint8_t, 6> raw{};
  if (bytes.size() != raw.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), raw.begin());
  return MacAddress(raw);
}

std::string MacAddress::packed() const {
  if (!valid()) return {};
  return {bytes_.begin(), bytes_.end()};
}

std::string MacAddress::str() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes_[0], bytes_[1], bytes_[2], bytes_[3], bytes_[4],
                     bytes_[5]);
}

}  // namespace postern
