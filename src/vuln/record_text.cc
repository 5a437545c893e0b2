#include "vuln/record_text.h"

#include <algorithm>

namespace postern::vuln {
namespace {

bool digits(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool plain_text(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool valid_cve(std::string_view text) {
  return text.starts_with("CVE-") && text.size() >= 13 && text.size() <= 28 && text[8] == '-' &&
         digits(text.substr(4, 4)) && digits(text.substr(9));
}

bool valid_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  if (!digits(text.substr(0, 4)) || !digits(text.substr(5, 2)) || !digits(text.substr(8))) return false;
  const auto month = text.substr(5, 2), day = text.substr(8);
  return month >= "01" && month <= "12" && day >= "01" && day <= "31";
}

}  // namespace postern::vuln
