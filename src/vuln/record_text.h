#pragma once
// What texts in feeds may look like.
#include <string_view>

namespace postern::vuln {

inline constexpr std::size_t kMaxRecordId = 128;
inline constexpr std::size_t kMaxPackageName = 256;

/// 1..most printable ASCII characters without spaces.
bool plain_text(std::string_view text, std::size_t most);
/// "CVE-2024-3094": a year of four digits and a number of 4 to 19.
bool valid_cve(std::string_view text);
/// "2025-08-25".
bool valid_date(std::string_view text);

}  // namespace postern::vuln
