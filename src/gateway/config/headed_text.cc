#include "gateway/config/headed_text.h"

#include <fmt/format.h>

#include "base/hex.h"
#include "base/sha256.h"
#include "base/text.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kChecksum = "sha256";

std::string checksum_of(std::string_view text) { return to_hex_lower(ByteView(sha256(text))); }

}  // namespace

std::string_view HeadedText::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

std::string print_headed(const HeadedText& headed) {
  std::string out = "# " + headed.title + '\n';
  for (const auto& [name, value] : headed.fields) out += fmt::format("# {}: {}\n", name, one_line(value));
  return out + fmt::format("# {}: {}\n", kChecksum, checksum_of(headed.text)) + headed.text;
}

Result<HeadedText> read_headed(std::string_view bytes, std::string_view title) {
  HeadedText out;
  const auto head = bytes.substr(0, kMaxHeader);
  for (std::size_t at = 0; at < head.size();) {
    const auto end = head.find('\n', at);
    if (end == head.npos) break;
    auto line = trim(head.substr(at, end - at));
    at = end + 1;
    if (!line.starts_with("# ")) break;
    line.remove_prefix(2);
    if (out.title.empty()) {
      if (line != title) break;
      out.title = line;
      continue;
    }
    const auto colon = line.find(':');
    if (colon == line.npos) break;
    const auto name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (name != kChecksum) {
      out.fields.emplace_back(name, value);
      continue;
    }
    out.text = bytes.substr(at);
    if (checksum_of(out.text) == value) return out;
    return fail(ErrorCode::kDataLoss, "its checksum does not fit: it was cut off, damaged or edited");
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("it does not begin with \"# {}\" and the lines behind that, down to # {}", title, kChecksum));
}

}  // namespace postern::gateway::config
