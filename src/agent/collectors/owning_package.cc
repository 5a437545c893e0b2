#include "agent/collectors/owning_package.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <map>
#include <mutex>

#include "agent/collectors/listing.h"
#include "agent/watch/process_table.h"
#include "agent/watch/file_events.h"
#include "base/file.h"
#include "vuln/root_inventory.h"

namespace postern::agent {
namespace {

constexpr const char* kInfo = "/var/lib/dpkg/info";
constexpr std::size_t kMaxList = 16u << 20;
constexpr std::size_t kRememberedOwners = 256;

struct OwnerMemory {
  std::mutex mutex;
  std::string stamp;                          // of the database
  std::map<std::string, std::string> owners;  // versions by path; empty: nobody's
};

OwnerMemory& owner_memory() {
  static OwnerMemory memory;
  return memory;
}

std::string_view unmerged(std::string_view path) { return path.starts_with("/usr/") ? path.substr(4) : path; }

std::string version_of_owner(const Facts& facts, const std::string& path) {
  for (const auto& name : names_in(facts, kInfo)) {
    if (!name.ends_with(".list")) continue;
    const auto list = facts.read(std::string(kInfo) + "/" + name, kMaxList);
    if (!list || !lists_file(*list, path)) continue;
    auto package = name.substr(0, name.size() - 5);  // "libc6:amd64" or "bash"
    std::string arch;
    if (const auto colon = package.find(':'); colon != package.npos) {
      arch = package.substr(colon + 1);
      package.resize(colon);
    }
    const auto inventory = vuln::read_root_inventory(facts.root());
    if (!inventory) return {};
    for (const auto& one : inventory->packages) {
      if (one.name == package && (arch.empty() || one.arch == arch)) return one.version;
    }
  }
  return {};
}

}  // namespace

bool lists_file(std::string_view list, std::string_view path) {
  const auto wanted = unmerged(path);
  if (wanted.empty()) return false;
  for (auto at = list.find(wanted); at != list.npos; at = list.find(wanted, at + 1)) {
    const auto end = at + wanted.size();
    if (end != list.size() && list[end] != '\n') continue;
    const auto start = at == 0 ? 0 : list.rfind('\n', at - 1) + 1;  // npos + 1 is 0
    const auto line = list.substr(start, end - start);
    if (line == wanted || (line.starts_with("/usr/") && unmerged(line) == wanted)) return true;
  }
  return false;
}

Result<std::string> owning_package_version(const Facts& facts, const std::string& link) {
  char target[PATH_MAX];
  const auto length = ::readlink(link.c_str(), target, sizeof target);
  if (length < 0) return fail(errno_error(errno, "reading", link));
  const std::string path(program_path(std::string_view(target, static_cast<std::size_t>(length))));
  auto& memory = owner_memory();
  const std::lock_guard lock(memory.mutex);
  auto stamp = stamp_of({facts.path(vuln::kDpkgStatus).native()});
  if (stamp != memory.stamp || memory.owners.size() >= kRememberedOwners) memory.owners.clear();
  memory.stamp = std::move(stamp);
  auto it = memory.owners.find(path);
  if (it == memory.owners.end()) it = memory.owners.emplace(path, version_of_owner(facts, path)).first;
  if (it->second.empty()) return fail(ErrorCode::kUnsupported, "no package of dpkg's owns " + path);
  return it->second;
}

}  // namespace postern::agent
