#pragma once
// The compiled policy table as bytes. Position-independent (offsets from the first byte), all
// numbers in the machine's order, every array aligned to 8. Only the compiler writes it and only
// PolicyView reads it; a change of any struct here changes kLayout, and a view refuses a blob of
// another layout.
#include <cstdint>

#include "policy/tag_set.h"

namespace postern::policy::blob {

inline constexpr std::uint64_t kMagic = 0x31594c4f50545350;  // "PSTPOLY1"
inline constexpr std::uint32_t kVersion = 4;

struct Text {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

struct Array {
  std::uint32_t offset = 0;
  std::uint32_t count = 0;
};

struct Tag {
  std::uint32_t bit = 0;
  std::uint32_t ignore_unknown = 0;
  Text name;
  Text message;
};

struct ApiGateway {
  std::uint32_t id = 0;
  std::uint32_t pool = 0;
  std::uint32_t host_pattern = 0;
  std::uint32_t url_pattern = 0;
  Text host;
  Text url;  ///< Of Pattern::kRegex: the compiled expression, aligned to 8.
};

struct Range {
  std::uint8_t first[16] = {};
  std::uint8_t last[16] = {};
  std::uint32_t is_v4 = 0;
  std::uint32_t reserved = 0;
};

struct Destination {
  std::uint32_t proxy = 0;
  std::uint32_t api_gateway = 0;
};

struct Proxy {
  std::uint32_t id = 0;
  std::uint32_t empty_cert_action = 0;
  Text name;
  Array api_gateways;  ///< Of ApiGateway, best match first.
  Array policies;      ///< Of std::uint32_t: indices into Header::policies, in order.
  Array interfaces;    ///< Of Text.
};

struct Policy {
  std::uint32_t id = 0;
  std::uint8_t action = 0;
  std::uint8_t match = 0;
  std::uint8_t negate = 0;
  std::uint8_t log = 0;
  Text name;
  Array sources;     ///< Of Range.
  Array interfaces;  ///< Of Text.
  std::uint32_t has_tags = 0;
  std::uint32_t has_secondary = 0;
  Array destinations;  ///< Of Destination, ascending.
  std::uint32_t has_destinations = 0;
  std::uint32_t has_users = 0;
  TagSet tags;            ///< Of both groups.
  TagSet primary;         ///< Of the first group.
  TagSet secondary;       ///< Of the second.
  TagSet users;
  TagSet ignore_unknown;  ///< Those of `tags` whose unknown doesn't count where they are forbidden.
};

struct Header {
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t layout = 0;
  std::uint64_t size = 0;        ///< Of the whole blob.
  std::uint8_t digest[32] = {};  ///< SHA-256 of everything after the header.
  Array proxies;                 ///< Of Proxy, ascending by id.
  Array policies;                ///< Of Policy.
  Array tags;                    ///< Of Tag, ascending by bit.
};

/// Mixes the sizes of all structs: a cheap guard against reading a blob that another build laid
/// out.
inline constexpr std::uint32_t kLayout = [] {
  std::uint32_t h = 2166136261u;
  for (const std::uint64_t v : {sizeof(Tag), sizeof(ApiGateway), sizeof(Range), sizeof(Proxy),
                                sizeof(Policy), sizeof(Header), alignof(Policy), kTagBits}) {
    h = (h ^ static_cast<std::uint32_t>(v)) * 16777619u;
  }
  return h;
}();

}  // namespace postern::policy::blob
