#include "vuln/epss.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "vuln/record_text.h"

namespace postern::vuln {
namespace {

/// A number from 0 to 1, per 10,000.
std::optional<std::uint16_t> share(std::string_view text) {
  double value = 0;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || text[0] == '-' || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  if (!(value >= 0 && value <= 1)) return std::nullopt;
  return static_cast<std::uint16_t>(std::lround(value * 10'000));
}

}  // namespace

std::string_view epss_date(std::string_view line) {
  constexpr std::string_view kName = "score_date:";
  const auto at = line.find(kName);
  if (!line.starts_with('#') || at == line.npos) return {};
  const auto date = line.substr(at + kName.size());
  const auto text = date.substr(0, date.find_first_of(", \r"));
  return plain_text(text, 40) ? text : std::string_view();
}

Result<EpssEntry> read_epss_line(std::string_view line) {
  const auto first = line.find(','), second = line.find(',', first + 1);
  if (first == line.npos || second == line.npos || line.find(',', second + 1) != line.npos) {
    return fail(ErrorCode::kInvalidArgument, "it does not have the three fields cve, epss, percentile");
  }
  EpssEntry out;
  out.cve = line.substr(0, first);
  if (!valid_cve(out.cve)) return fail(ErrorCode::kInvalidArgument, "its first field is no CVE number");
  const auto epss = share(line.substr(first + 1, second - first - 1)), percentile = share(line.substr(second + 1));
  if (!epss || !percentile) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: epss and percentile are numbers from 0 to 1", out.cve));
  }
  out.epss = *epss;
  out.percentile = *percentile;
  return out;
}

}  // namespace postern::vuln
