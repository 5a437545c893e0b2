// domain.joined, user.domains and user.groups. A machine is a member where it holds keys of the domain's; people are their
// domain's where their login names or the directory say so.
#include "agent/collectors/asked/directory_service.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "agent/collectors/asked.h"
#include "agent/collectors/domain/domain.h"
#include "agent/collectors/users/logins.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace directory_service_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kKeytab = "/etc/krb5.keytab";
constexpr const char* kSamba = "/etc/samba/smb.conf";
constexpr const char* kSambaSecrets = "/var/lib/samba/private/secrets.tdb";
constexpr const char *kSssd = "/etc/sssd/sssd.conf", *kSssdParts = "/etc/sssd/conf.d";
constexpr const char* kPasswd = "/etc/passwd";
constexpr const char* kGroup = "/etc/group";
constexpr std::size_t kMaxUsers = 256;
constexpr int kMaxGroups = 4096;
constexpr Seconds kLook{60};

void joined(Facts& facts) {
  std::set<std::string> domains;
  if (const auto keytab = facts.read(kKeytab, 1u << 20)) {
    const auto realms = parse_keytab_realms(*keytab);
    if (!realms) return facts.unknown(keys::kJoinedDomains, UnknownReason::kFailed, kKeytab);
    domains = *realms;
  } else if (keytab.error().code != ErrorCode::kNotFound) {
    return facts.unknown(keys::kJoinedDomains, reason_of(keytab.error()), kKeytab);
  }
  if (const auto samba = facts.read(kSamba, 1u << 20); samba && facts.exists(kSambaSecrets)) {
    if (auto realm = parse_samba_realm(*samba); !realm.empty()) domains.insert(std::move(realm));
  }
  facts.know(keys::kJoinedDomains, std::vector<std::string>(domains.begin(), domains.end()),
             domains.empty() ? "no keys of a domain's" : kKeytab);
}

void user_domains(Facts& facts, const LoggedIn& now) {
  const auto passwd = facts.read(kPasswd, 16u << 20);
  if (!passwd) return facts.unknown(keys::kUserDomains, reason_of(passwd.error()), kPasswd);
  const auto locals = parse_table_column(*passwd, 0);
  std::set<std::string> out;
  for (const auto& user : now.users) {
    if (auto domain = domain_of_login(user); !domain.empty()) {
      out.insert(std::move(domain));
      continue;
    }
    if (locals.contains(user)) continue;
    // A short name that is nobody's here is the directory's: of which domain is known if there is one only.
    const auto sssd = read_sssd(facts);
    const auto domains = sssd ? parse_sssd_domains(*sssd) : std::vector<std::string>();
    if (domains.size() != 1)
      return facts.unknown(keys::kUserDomains, sssd ? UnknownReason::kUnsupported : reason_of(sssd.error()),
                           "which domain a user who is logged in is of can't be told");
    out.insert(to_lower(domains.front()));
  }
  facts.know(keys::kUserDomains, std::vector<std::string>(out.begin(), out.end()), now.source);
}

/// Names of a user's groups that are no groups of this machine's own. Asks whoever nsswitch.conf names.
Result<std::set<std::string>> groups_of(const std::string& user, const std::set<std::string>& local_ids) {
  std::vector<char> buffer(64u << 10);
  passwd entry{};
  passwd* found = nullptr;
  int error = ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return fail(ErrorCode::kUnavailable, "asking for " + user + ": " + errno_text(error));
  // As while sssd or winbind, who knows people that are none of this machine's own, does not run.
  if (found == nullptr) return fail(ErrorCode::kUnavailable, "no directory that answers knows " + user + ", who is logged in");
  int count = kMaxGroups;
  std::vector<gid_t> ids(kMaxGroups);
  if (::getgrouplist(user.c_str(), entry.pw_gid, ids.data(), &count) < 0)
    return fail(ErrorCode::kResourceExhausted, user + " is in more groups than can be told");
  ids.resize(static_cast<std::size_t>(count));
  std::set<std::string> out;
  for (const auto id : ids) {
    if (local_ids.contains(std::to_string(id))) continue;
    group entry_of{};
    group* one = nullptr;
    std::vector<char> text(256u << 10);
    error = ::getgrgid_r(id, &entry_of, text.data(), text.size(), &one);
    if (error == ERANGE) return fail(ErrorCode::kResourceExhausted, "a group has more members than can be read");
    if (error != 0) return fail(ErrorCode::kUnavailable, "asking for a group: " + errno_text(error));
    if (one == nullptr) return fail(ErrorCode::kUnavailable, "no directory that answers knows a group of " + user);
    out.insert(one->gr_name);
  }
  return out;
}

void user_groups(Facts& facts, const std::vector<std::string>& users) {
  if (facts.foreign()) return facts.unknown(keys::kUserGroups, UnknownReason::kUnsupported, kForeignRoot);
  const auto table = facts.read(kGroup, 16u << 20);
  if (!table) return facts.unknown(keys::kUserGroups, reason_of(table.error()), kGroup);
  const auto local_ids = parse_table_column(*table, 2);
  std::set<std::string> out;
  for (const auto& user : users) {
    auto groups = groups_of(user, local_ids);
    if (!groups) return facts.unknown(keys::kUserGroups, reason_of(groups.error()), groups.error().message);
    out.merge(*groups);
  }
  facts.know(keys::kUserGroups, std::vector<std::string>(out.begin(), out.end()), "nsswitch");
}

void answer(const Question& question, Facts& facts) {
  if (question.has(keys::kJoinedDomains)) joined(facts);
  if (!question.has(keys::kUserDomains) && !question.has(keys::kUserGroups)) return;
  const auto now = logged_in(facts);
  if (!now || now->users.size() > kMaxUsers) {
    const auto reason = now ? UnknownReason::kFailed : reason_of(now.error());
    const std::string why = now ? "more are logged in than can be told" : now.error().message;
    facts.unknown(keys::kUserDomains, reason, why);
    facts.unknown(keys::kUserGroups, reason, why);
    return;
  }
  user_domains(facts, *now);
  if (question.has(keys::kUserGroups)) user_groups(facts, now->users);
}

Triggers triggers(const Question& question, const Facts& facts) {
  Triggers out{.files = {std::string(kUtmp), std::string(kSessionUsers), kPasswd, kGroup, kSssd, kSssdParts, kKeytab, kSamba,
                         kSambaSecrets}};
  out.processes.assign(kLoginKeepers.begin(), kLoginKeepers.end());
  if (!question.has(keys::kUserGroups) || facts.foreign()) return out;
  out.interval = kLook;
  out.why = "a directory tells nobody that a group's members change";
  return out;
}

/// Big-endian numbers and counted texts, checked.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool skip(std::size_t n) {
    if (left_.size() < n) return false;
    left_.remove_prefix(n);
    return true;
  }
  bool number(std::size_t bytes, std::uint32_t& out) {
    if (left_.size() < bytes) return false;
    out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8 | static_cast<std::uint8_t>(left_[i]);
    left_.remove_prefix(bytes);
    return true;
  }
  bool text(std::string_view& out) {
    std::uint32_t size = 0;
    if (!number(2, size) || left_.size() < size) return false;
    out = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }
  std::string_view take(std::size_t n) {
    const auto out = left_.substr(0, n);
    left_.remove_prefix(out.size());
    return out;
  }
  bool empty() const { return left_.empty(); }
  std::size_t size() const { return left_.size(); }

 private:
  std::string_view left_;
};

/// The realm of an entry whose principal is a machine's; empty: it is not, or the entry is broken.
std::string machine_realm(std::string_view entry) {
  Reader reader(entry);
  std::uint32_t components = 0;
  std::string_view realm, first;
  if (!reader.number(2, components) || !reader.text(realm) || components == 0 || !reader.text(first)) return {};
  const bool machine = (components == 2 && to_lower(first) == "host") || (components == 1 && first.ends_with('$'));
  return machine ? to_lower(realm) : std::string();
}

}  // namespace
}  // namespace directory_service_family

Result<std::set<std::string>> parse_keytab_realms(std::string_view bytes) {
  using directory_service_family::Reader;
  constexpr std::size_t kMaxRealms = 64;
  if (!bytes.starts_with("\x05\x02")) return fail(ErrorCode::kDataLoss, "no keytab of version 2");
  Reader reader(bytes.substr(2));
  std::set<std::string> out;
  while (!reader.empty()) {
    std::uint32_t raw = 0;
    if (!reader.number(4, raw)) return fail(ErrorCode::kDataLoss, "the keytab is cut off");
    const auto size = static_cast<std::int32_t>(raw);
    if (size == 0) break;
    const auto length = static_cast<std::size_t>(size < 0 ? -static_cast<std::int64_t>(size) : size);
    if (length > reader.size()) return fail(ErrorCode::kDataLoss, "the keytab is cut off");
    const auto entry = reader.take(length);
    if (size < 0) continue;  // a hole that a removed key left
    if (auto realm = directory_service_family::machine_realm(entry); !realm.empty() && out.size() < kMaxRealms)
      out.insert(std::move(realm));
  }
  return out;
}

std::string parse_samba_realm(std::string_view text) {
  bool global = true, ads = false;
  std::string realm;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (line.starts_with('[')) {
      global = to_lower(line).starts_with("[global]");
      continue;
    }
    const auto equals = line.find('=');
    if (!global || equals == line.npos) continue;
    const auto key = to_lower(trim(line.substr(0, equals)));
    const auto value = to_lower(trim(line.substr(equals + 1)));
    if (key == "security") ads = value == "ads";
    if (key == "realm") realm = value;
  }
  return ads ? realm : std::string();
}

std::vector<std::string> parse_sssd_domains(std::string_view text) {
  constexpr std::size_t kMaxDomains = 64;
  std::vector<std::string> out;
  bool inside = false;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.starts_with('[')) inside = line == "[sssd]";
    const auto equals = line.find('=');
    if (!inside || line.starts_with('#') || line.starts_with(';') || equals == line.npos) continue;
    if (trim(line.substr(0, equals)) != "domains") continue;
    for (const auto domain : split(line.substr(equals + 1), ',')) {
      if (!trim(domain).empty() && out.size() < kMaxDomains) out.emplace_back(trim(domain));
    }
  }
  return out;
}

std::string domain_of_login(std::string_view user) {
  if (const auto at = user.rfind('@'); at != user.npos) return to_lower(user.substr(at + 1));
  if (const auto slash = user.find('\\'); slash != user.npos) return to_lower(user.substr(0, slash));
  return {};
}

std::set<std::string> parse_table_column(std::string_view text, std::size_t column) {
  std::set<std::string> out;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > column && fields.size() > 1) out.emplace(fields[column]);
  }
  return out;
}

namespace asked {
const AskedFamily& directory_service() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "directory",
                                   .keys = {keys::kJoinedDomains, keys::kUserDomains, keys::kUserGroups},
                                   .answer = directory_service_family::answer,
                                   .triggers = directory_service_family::triggers,
                                   .slow = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
