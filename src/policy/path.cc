#include "policy/path.h"

namespace postern::policy {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// RFC 3986 §2.3: encoding these changes nothing, so that two spellings of one path exist.
bool unreserved(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// "/..;x" is "/.." for servers that cut path parameters off, and for some that decode first "/..%3bx" is, too.
bool dots_with_parameter(std::string_view segment) {
  const auto dots = segment.substr(0, 2) == ".." ? std::size_t{2} : segment.starts_with('.') ? std::size_t{1} : 0;
  if (dots == 0) return false;
  const auto rest = segment.substr(dots);
  return rest.starts_with(';') || rest.starts_with("%3b") || rest.starts_with("%3B");
}

}  // namespace

bool canonical_path(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return false;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto c = static_cast<unsigned char>(raw[i]);
    if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#' || c == '?') return false;
    if (c == '%') {
      if (i + 2 >= raw.size()) return false;
      const int high = hex(raw[i + 1]), low = hex(raw[i + 2]);
      if (high < 0 || low < 0) return false;
      const int value = high * 16 + low;
      if (value < 0x20 || value == 0x7f || value == '/' || value == '\\' || unreserved(value))
        return false;
      i += 2;
    } else if (c == '/') {
      const auto rest = raw.substr(i + 1);
      const auto segment = rest.substr(0, rest.find('/'));
      const bool last = segment.size() == rest.size();
      if (segment == "." || segment == ".." || (segment.empty() && !last)) return false;
      if (dots_with_parameter(segment)) return false;
    }
  }
  return true;
}

}  // namespace postern::policy
