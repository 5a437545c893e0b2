#include "agent/collectors/avatar/avatar.h"

#include <sys/stat.h>

#include <cerrno>

#include "agent/collectors/avatar/passwd.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/users/users.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxAccount = 64u << 10;
constexpr std::size_t kMaxPasswd = 16u << 20;
constexpr const char* kService = "/var/lib/AccountsService/";

/// A login record may hold anything: what would lead elsewhere names nobody.
bool names_one(const std::string& user) {
  return !user.empty() && user != "." && user != ".." && user.find('/') == user.npos;
}

std::string account_file(const std::string& user) { return kService + ("users/" + user); }

/// In the order in which a desktop looks.
std::vector<std::string> pictures_of(const Facts& facts, const std::string& user) {
  std::vector<std::string> out;
  if (const auto account = facts.read(account_file(user), kMaxAccount)) {
    if (auto icon = value_of(parse_key_values(*account), "Icon"); icon.starts_with('/')) out.push_back(std::move(icon));
  }
  out.push_back(kService + ("icons/" + user));
  const auto passwd = facts.read("/etc/passwd", kMaxPasswd);
  if (const auto home = passwd ? home_of(*passwd, user) : std::string(); !home.empty()) out.push_back(home + "/.face");
  return out;
}

/// AccountsService names ~/.face whether there is one or not: only a file with something in it is a picture.
Result<bool> is_picture(const Facts& facts, const std::string& place) {
  struct stat st {};
  if (::stat(facts.path(place).c_str(), &st) == 0) return S_ISREG(st.st_mode) && st.st_size > 0;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail(errno_error(errno, "looking for", place));
}

}  // namespace

std::vector<std::string> avatar_files(const Facts& facts) {
  const auto user = present_user(facts);
  if (!user || !names_one(*user)) return {};
  auto out = pictures_of(facts, *user);
  out.push_back(account_file(*user));
  return out;
}

void collect_avatar(Facts& facts) {
  const auto user = present_user(facts);
  if (!user) return facts.unknown(keys::kAvatarSource, reason_of(user.error()), kAvatarFiles[1].data());
  if (!names_one(*user)) return facts.unknown(keys::kAvatarSource, UnknownReason::kUnsupported, "nobody has logged in");
  auto reason = UnknownReason::kUnsupported;
  std::string source = "the account has no picture";
  for (const auto& place : pictures_of(facts, *user)) {
    const auto found = is_picture(facts, place);
    if (found && *found) return facts.know(keys::kAvatarSource, std::string("OS"), place);
    if (found) continue;
    reason = reason_of(found.error());
    source = place;
  }
  facts.unknown(keys::kAvatarSource, reason, source);
}

}  // namespace postern::agent
