#pragma once
// Names of things, each its own type, so that a tag's name can't be passed where an endpoint's UID is meant.
#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace postern {

/// A string with a meaning. Values are made by `parse`-like functions or trusted code; the wrapper checks nothing.
template <class Meaning>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::string text_;
};

using EndpointUid = Id<struct EndpointUidMeaning>;        ///< 32 upper-case hex digits.
using EmsSerial = Id<struct EmsSerialMeaning>;            ///< "PSTEMS" + 10 digits.
using TenantId = Id<struct TenantIdMeaning>;              ///< 32 hex digits, zeros by default.
using GatewaySerial = Id<struct GatewaySerialMeaning>;    ///< "PGW" + 13 characters of A-Z, 0-9.
using TagName = Id<struct TagNameMeaning>;                ///< 1..63 of A-Z a-z 0-9 . _ - and space inside.
using CertSerial = Id<struct CertSerialMeaning>;          ///< Upper-case hex digits, as OpenSSL prints a serial.

/// 32 hex digits of either case, normalised to upper case; empty result when malformed.
EndpointUid parse_endpoint_uid(std::string_view text);
bool valid_tag_name(std::string_view text);
bool valid_gateway_serial(std::string_view text);
bool valid_ems_serial(std::string_view text);

}  // namespace postern

template <class Meaning>
struct std::hash<postern::Id<Meaning>> {
  std::size_t operator()(const postern::Id<Meaning>& id) const noexcept {
    return std::hash<std::string>()(id.str());
  }
};
