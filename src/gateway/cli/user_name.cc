#include "gateway/cli/user_name.h"

#include <pwd.h>

#include <array>

namespace postern::gateway::cli {

std::string user_name(uid_t uid) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return "uid " + std::to_string(uid);
}

}  // namespace postern::gateway::cli
