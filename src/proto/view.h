#pragma once
// A gateway's view: the endpoints and tags that one gateway is entitled to, with the digest that proves that both ends
// hold the same. The EMS keeps one per connected gateway, the gateway keeps one per connector; entries are the exact
// bytes that travelled (a serialised wire::ViewEntry, wire::TagInfo), so versions that know other fields still agree.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/ids.h"
#include "base/sha256.h"

namespace postern::proto {

/// Digest of a set of (key, bytes): the XOR of SHA-256(kind ‖ key length ‖ key ‖ bytes), so that one change costs one
/// hash. It finds disagreement by mistake; it is no defence against a forger (the channel is authenticated).
class ViewDigest {
 public:
  void toggle(char kind, std::string_view key, std::string_view bytes);  ///< Adds, or removes what was added.
  const Sha256& value() const { return value_; }
  friend bool operator==(const ViewDigest&, const ViewDigest&) = default;

 private:
  Sha256 value_{};
};

/// Memory: the entries. Thread: one.
class View {
 public:
  /// True if it changed anything. `entry` is what travels.
  bool upsert(const EndpointUid& uid, std::string entry);
  bool remove(const EndpointUid& uid);
  bool upsert_tag(std::uint32_t id, std::string info);
  bool remove_tag(std::uint32_t id);
  void clear();

  const std::string* find(const EndpointUid& uid) const;
  const std::map<EndpointUid, std::string>& entries() const { return entries_; }
  const std::map<std::uint32_t, std::string>& tags() const { return tags_; }
  const Sha256& digest() const { return digest_.value(); }

 private:
  std::map<EndpointUid, std::string> entries_;
  std::map<std::uint32_t, std::string> tags_;
  ViewDigest digest_;
};

}  // namespace postern::proto
