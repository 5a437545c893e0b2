#pragma once
// ClamAV's signature databases. Pure.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::agent {

inline constexpr std::size_t kClamHeader = 512;  ///< Bytes of a database's header.

/// The version in a header: "ClamAV-VDB:24 Nov 2026 09-01 +0000:27400:…" is 27400.
std::optional<std::uint64_t> parse_clam_version(std::string_view header);

/// When a database was made, Unix ms: its last field, else the time in words, which names its zone.
std::optional<std::int64_t> parse_clam_built(std::string_view header);

}  // namespace postern::agent
