#include "agent/collectors/protection/clamav.h"

#include "base/text.h"

namespace postern::agent {

std::optional<std::uint64_t> parse_clam_version(std::string_view header) {
  const auto fields = split(header.substr(0, kClamHeader), ':');
  if (fields.size() < 4 || fields[0] != "ClamAV-VDB") return std::nullopt;
  return parse_u64(fields[2]);
}

}  // namespace postern::agent
