#include "base/ids.h"

#include <algorithm>

namespace postern {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

EndpointUid parse_endpoint_uid(std::string_view text) {
  if (text.size() != 32) return {};
  std::string upper(text);
  for (char& c : upper) {
    if (is_lower(c)) c = static_cast<char>(c - 'a' + 'A');
    if (!is_digit(c) && !(c >= 'A' && c <= 'F')) return {};
  }
  return EndpointUid(std::move(upper));
}

bool valid_tag_name(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == ' ' || text.back() == ' ') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || is_upper(c) || is_lower(c) || c == '.' || c == '_' || c == '-' || c == ' ';
  });
}

bool valid_gateway_serial(std::string_view text) {
  return text.size() == 16 && text.substr(0, 3) == "PGW" &&
         std::all_of(text.begin() + 3, text.end(), [](char c) { return is_digit(c) || is_upper(c); });
}

bool valid_ems_serial(std::string_view text) {
  return text.size() == 16 && text.substr(0, 6) == "PSTEMS" &&
         std::all_of(text.begin() + 6, text.end(), is_digit);
}

}  // namespace postern
