#pragma once
// IP and MAC addresses as values. IPv4-mapped IPv6 is normalised to IPv4 when parsed: one address, one value.
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

class IpAddress {
 public:
  IpAddress() = default;  ///< "No address": !valid().
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(std::array<std::uint8_t, 16> bytes);  ///< v4-mapped becomes v4.
  static std::optional<IpAddress> parse(std::string_view text);  ///< No zone, no port, no prefix.

  /// 4 or 16 bytes in network order; nothing for any other length.
  static std::optional<IpAddress> from_bytes(std::string_view bytes);

  bool valid() const { return family_ != 0; }
  bool is_unspecified() const;  ///< 0.0.0.0 or ::, "any address" to whoever listens.
  bool is_v4() const { return family_ == 4; }
  bool is_v6() const { return family_ == 6; }
  bool is_loopback() const;
  bool is_link_local() const;
  bool is_multicast() const;    ///< Or 255.255.255.255: nobody's own.
  /// Network order; the first 4 bytes for IPv4.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  /// 4 or 16 bytes in network order; empty when not valid.
  std::string packed() const;
  std::string str() const;  ///< RFC 5952 for IPv6; empty when not valid.
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::uint8_t family_ = 0;
  std::array<std::uint8_t, 16> bytes_{};
};

/// From first to last, both included, one family. Parses "10.0.0.0/8", "10.0.0.1", "10.0.0.1-10.0.0.9".
struct IpRange {
  IpAddress first;
  IpAddress last;
  static std::optional<IpRange> parse(std::string_view text);
  bool contains(const IpAddress& address) const {
    return address.is_v4() == first.is_v4() && first <= address && address <= last;
  }
};

class MacAddress {
 public:
  MacAddress() = default;  ///< All zeros: "no address".
  explicit MacAddress(std::array<std::uint8_t, 6> bytes) : bytes_(bytes) {}
  static std::optional<MacAddress> parse(std::string_view text);  ///< "aa:bb:…" or "aa-bb-…".
  /// 6 bytes; nothing for any other length.
  static std::optional<MacAddress> from_bytes(std::string_view bytes);
  bool valid() const { return bytes_ != std::array<std::uint8_t, 6>{}; }
  const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  std::string packed() const;  ///< 6 bytes; empty when not valid.
  std::string str() const;  ///< Lower-case, colons.
  friend auto operator<=>(const MacAddress&, const MacAddress&) = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};

}  // namespace postern

template <>
struct std::hash<postern::IpAddress> {
  std::size_t operator()(const postern::IpAddress& a) const noexcept {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(a.bytes().data()), 16}) ^ a.is_v4();
  }
};
template <>
struct std::hash<postern::MacAddress> {
  std::size_t operator()(const postern::MacAddress& m) const noexcept {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(m.bytes().data()), 6});
  }
};
