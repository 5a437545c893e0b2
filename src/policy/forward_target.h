#pragma once
// Where a client wants TCP to be forwarded to, as its request's query says: docs/protocol/tcp-forwarding.md.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::policy {

struct ForwardTarget {
  /// In lower case, an IPv6 address without brackets and in its shortest spelling (IPv4-mapped: as IPv4).
  std::string host;
  std::uint16_t port = 0;
  /// "10.0.3.11:22", "[2001:db8::1]:22".
  std::string text() const;
};

/// More than a log keeps.
inline constexpr std::size_t kMaxForwardHost = 72;

/// Of exactly "address=HOST&port=NUMBER", where of all that can be encoded only ':' and brackets may be. Everything else
/// would be understood otherwise by somebody: nullopt. Thread: any.
std::optional<ForwardTarget> forward_target(std::string_view query);
/// What `text` gave. nullopt: it is none.
std::optional<ForwardTarget> forward_target_of_text(std::string_view text);

}  // namespace postern::policy
