#include "gateway/ztna/process_user.h"

#include <pwd.h>
#include <unistd.h>

#include <vector>

#include <fmt/format.h>

namespace postern::gateway {

Result<ProcessUser> find_process_user(const std::string& name) {
  if (name.empty()) return ProcessUser{::geteuid(), ::getegid()};
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0 || found == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no user '{}' for nginx to run as; make one or name another", name));
  }
  return ProcessUser{found->pw_uid, found->pw_gid};
}

}  // namespace postern::gateway
