#pragma once
// Our table as the kernel holds it, read by netlink: whether it still is what our own transactions made of it.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "gateway/firewall/fingerprint.h"

namespace postern::gateway::firewall {

/// How the kernel writes a set's elements.
enum class ElementKind { kV4, kV6, kMac, kInterface, kBoundV4, kBoundV6, kOther };
/// "ipv4_addr", "ipv4_addr . ether_addr . ifname", ...
ElementKind element_kind(std::string_view type);
/// A key of the kernel's in nftables' syntax; the bytes themselves where they are none of that kind.
std::string element_text(ElementKind kind, std::string_view key);

/// Of the network namespace in which it was opened. Listens to nothing: a listener makes the kernel take 8 KiB for each
/// element of each transaction. Thread: one.
class KernelTable {
 public:
  /// Errors: kPermissionDenied, kUnavailable.
  static Result<std::unique_ptr<KernelTable>> open();
  virtual ~KernelTable() = default;

  /// Of the namespace's nftables: each transaction, of whoever, makes it one more. Microseconds. Errors: kUnavailable.
  virtual Result<std::uint32_t> generation() = 0;
  /// Of the table, its chains, rules and sets, with the handles that the kernel gave them, and of what stands in the sets
  /// `list/…`. What the other sets hold is not in it. 0: there is no such table. Errors: kUnavailable (also when it changes
  /// all the time meanwhile).
  virtual Result<std::uint64_t> structure(const std::string& table) = 0;
  /// Of the elements of one set. Errors: as above, kNotFound.
  virtual Result<Fingerprint> elements(const std::string& table, const std::string& set, ElementKind kind) = 0;
};

}  // namespace postern::gateway::firewall
