#pragma once
// A text under a header that says what it is and holds its checksum: backups and kept revisions. The header's lines are
// comments of the configuration language, so that the whole can be pasted, too.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace postern::gateway::config {

struct HeadedText {
  std::string title;                                         ///< The first line, behind "# ".
  std::vector<std::pair<std::string, std::string>> fields;   ///< In order; each value one line.
  std::string text;

  /// The value of a field; empty: there is none.
  std::string_view field(std::string_view name) const;
};

/// "# title\n# name: value\n…# sha256: <of the text>\n" and the text. Values are put on one line.
std::string print_headed(const HeadedText& headed);

/// The reverse, for what comes from anywhere. Errors: kInvalidArgument (it does not begin with this title, or the header
/// never ends), kDataLoss (the text is not the one that the checksum was made of: cut off, damaged or edited). The
/// text is bounded by who read it, the header by kMaxHeader.
inline constexpr std::size_t kMaxHeader = 16u << 10;
Result<HeadedText> read_headed(std::string_view bytes, std::string_view title);

}  // namespace postern::gateway::config
