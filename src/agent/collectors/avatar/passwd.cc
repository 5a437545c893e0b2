#include "agent/collectors/avatar/passwd.h"

#include "base/text.h"

namespace postern::agent {

std::string home_of(std::string_view passwd, std::string_view user) {
  constexpr std::size_t kName = 0, kHome = 5, kFields = 7;
  for (const auto line : split(passwd, '\n')) {
    if (!line.starts_with(user)) continue;
    const auto fields = split(line, ':');
    if (fields.size() == kFields && fields[kName] == user && fields[kHome].starts_with('/'))
      return std::string(fields[kHome]);
  }
  return {};
}

}  // namespace postern::agent
