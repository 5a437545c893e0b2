#include "agent/collectors/kept.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "agent/watch/process_table.h"
#include "base/file.h"
#include "base/text.h"

namespace postern::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxStat = 1u << 20;

bool alive_under(const fs::path& process, std::span<const std::string_view> names) {
  const auto text = read_file(process / "stat", 4096);
  const auto stat = text ? parse_process_stat(*text) : std::nullopt;
  return stat && stat->state != 'Z' && stat->state != 'X' && std::ranges::find(names, stat->comm) != names.end();
}

}  // namespace

Keeper keeper_of(const Facts& facts, std::string_view place, std::span<const std::string_view> names) {
  struct stat ours {};
  if (::stat(facts.path(place).c_str(), &ours) != 0) return Keeper::kNone;
  auto out = Keeper::kNone;
  std::error_code error;
  for (fs::directory_iterator it(facts.path("/proc"), error), end; !error && it != end; it.increment(error)) {
    const auto& process = it->path();
    struct stat its {};
    if (!parse_u64(process.filename().native()) || !alive_under(process, names)) continue;
    if (::stat(process.c_str(), &its) != 0 || (its.st_uid != 0 && its.st_uid != ours.st_uid)) continue;
    struct stat seen {};
    if (::stat((process / "root").concat(place).c_str(), &seen) == 0) {
      if (seen.st_dev == ours.st_dev && seen.st_ino == ours.st_ino) return Keeper::kRuns;
    } else if (errno == EACCES || errno == EPERM) {
      out = Keeper::kHidden;
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) return Keeper::kHidden;
  return out;
}

std::optional<WallTime> parse_start(std::string_view stat, std::string_view first_process) {
  constexpr std::string_view kBoot = "btime ";
  std::optional<std::uint64_t> boot;
  for (const auto line : split(stat, '\n')) {
    if (line.starts_with(kBoot)) boot = parse_u64(trim(line.substr(kBoot.size())));
  }
  constexpr std::uint64_t kYear9999 = 253'402'300'799;
  if (!boot || *boot > kYear9999) return std::nullopt;
  const auto at = from_unix_ms(static_cast<std::int64_t>(*boot) * 1000);
  // "1 (init) S 0 …": the 22nd field says when it began, in ticks since the kernel did.
  constexpr std::size_t kBegan = 19;  // counted from the state
  const auto close = first_process.rfind(')');
  if (close == first_process.npos) return at;
  const auto fields = split(trim(first_process.substr(close + 1)), ' ');
  const auto ticks = fields.size() > kBegan ? parse_u64(fields[kBegan]) : std::nullopt;
  const auto per_second = ::sysconf(_SC_CLK_TCK);
  if (!ticks || per_second <= 0 || *ticks / static_cast<std::uint64_t>(per_second) > kYear9999) return at;
  return at + Seconds(static_cast<std::int64_t>(*ticks / static_cast<std::uint64_t>(per_second)));
}

std::optional<WallTime> started_at(const Facts& facts) {
  const auto stat = facts.read("/proc/stat", kMaxStat);
  const auto first = facts.read("/proc/1/stat", 4096);
  return stat ? parse_start(*stat, first.value_or(std::string())) : std::nullopt;
}

bool in_memory(const Facts& facts, std::string_view place) {
  struct statfs where {};
  if (facts.foreign() || ::statfs(facts.path(place).c_str(), &where) != 0) return false;
  const auto type = static_cast<std::uint32_t>(where.f_type);
  return type == static_cast<std::uint32_t>(TMPFS_MAGIC) || type == static_cast<std::uint32_t>(RAMFS_MAGIC);
}

std::optional<WallTime> made_at(const Facts& facts, std::string_view place) {
  struct statx st {};
  if (::statx(AT_FDCWD, facts.path(place).c_str(), 0, STATX_BTIME, &st) != 0 || (st.stx_mask & STATX_BTIME) == 0)
    return std::nullopt;
  return from_unix_ms(std::int64_t{st.stx_btime.tv_sec} * 1000);
}

bool written_into(WallTime at, std::optional<WallTime> made) {
  constexpr Seconds kDay{86'400};
  return !made || at + kDay >= *made;
}

bool of_this_start(const Facts& facts, std::string_view place) {
  struct stat st {};
  if (::stat(facts.path(place).c_str(), &st) != 0) return false;
  if (in_memory(facts, place)) return true;
  const auto start = started_at(facts);
  return start && from_unix_ms(std::int64_t{st.st_mtim.tv_sec} * 1000) + kStartSlack >= *start;
}

}  // namespace postern::agent
