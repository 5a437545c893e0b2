// disk.encrypted and disk.unencrypted: the mount points of local storage, by what lies below them. A drive that encrypts
// by itself can't be seen here and counts as not encrypted.
#include "agent/collectors/asked/disks.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace disks_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr int kMaxDepth = 16;
constexpr const char* kTable = "/proc/self/mountinfo";

/// Where links of /sys lead.
std::filesystem::path followed(const Facts& facts, const std::string& link) {
  std::error_code error;
  const auto path = facts.path(link);
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real;
}

enum class Seen { kEncrypted, kPlain, kUnseen };

Seen both(Seen a, Seen b) {
  if (a == Seen::kPlain || b == Seen::kPlain) return Seen::kPlain;
  return a == Seen::kUnseen ? a : b;
}

class Storage {
 public:
  Storage(const Facts& facts, std::vector<Mount> mounts) : facts_(facts), mounts_(std::move(mounts)) {}

  const std::vector<Mount>& mounts() const { return mounts_; }

  /// The name of the block device of that number in /sys/class/block; empty: there is none.
  std::string name_of(const std::string& number) const {
    const auto link = "/sys/dev/block/" + number;
    return facts_.exists(link) ? followed(facts_, link).filename().native() : std::string();
  }

  /// The block device that a file system without a number of its own (btrfs) names as its source.
  std::string name_of_source(const std::string& source) const {
    if (!source.starts_with("/dev/")) return {};
    const auto base = source.substr(source.rfind('/') + 1);
    if (facts_.exists("/sys/class/block/" + base + "/dev")) return base;
    for (const auto& name : names_in(facts_, "/sys/class/block")) {
      const auto mapped = facts_.read("/sys/class/block/" + name + "/dm/name", 256);
      if (mapped && trim(*mapped) == base) return name;
    }
    return {};
  }

  Seen device(const std::string& name, int depth = 0) const {
    if (depth > kMaxDepth) return Seen::kUnseen;
    const auto directory = "/sys/class/block/" + name;
    if (!facts_.exists(directory)) return Seen::kUnseen;
    if (const auto uuid = facts_.read(directory + "/dm/uuid", 256)) {
      const auto text = trim(*uuid);
      // Integrity and verity are dm-crypt's neighbours that encrypt nothing.
      if (text.starts_with("CRYPT-") && !text.starts_with("CRYPT-INTEGRITY") && !text.starts_with("CRYPT-VERITY"))
        return Seen::kEncrypted;
    }
    if (facts_.exists(directory + "/loop")) return file_behind(directory, depth);
    // A partition has its disk's layers below it.
    if (facts_.exists(directory + "/partition")) {
      return device(followed(facts_, directory).parent_path().filename().native(), depth + 1);
    }
    const auto slaves = names_in(facts_, directory + "/slaves");
    if (slaves.empty()) return Seen::kPlain;
    Seen out = Seen::kEncrypted;
    for (const auto& slave : slaves) out = both(out, device(slave, depth + 1));
    return out;
  }

  /// By the mount that the path lies in.
  Seen place(std::string_view path, int depth) const {
    const Mount* best = nullptr;
    for (const auto& mount : mounts_) {
      const std::string_view point = mount.point == "/" ? std::string_view() : std::string_view(mount.point);
      const bool inside = path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/');
      // Of two mounts at one point the later one is seen.
      if (inside && (best == nullptr || mount.point.size() >= best->point.size())) best = &mount;
    }
    if (best == nullptr) return Seen::kUnseen;
    return mount(*best, depth + 1).value_or(Seen::kUnseen);
  }

  /// Nothing: it is no local storage of its own.
  std::optional<Seen> mount(const Mount& mount, int depth = 0) const {
    if (depth > kMaxDepth) return Seen::kUnseen;
    auto name = name_of(mount.device);
    if (name.empty()) name = name_of_source(mount.source);
    if (!name.empty()) return device(name, depth);
    if (mount.type == "zfs") return Seen::kUnseen;
    if (mount.point != "/") return std::nullopt;
    if (mount.type == "tmpfs" || mount.type == "ramfs" || mount.type == "rootfs") return std::nullopt;
    const auto upper = mount_option(mount.super, "upperdir");
    if (mount.type == "overlay" && !upper.empty()) {
      const auto seen = place(upper, depth);
      // In a container the layer's path is another mount namespace's.
      return facts_.exists(upper) ? seen : Seen::kUnseen;
    }
    return Seen::kUnseen;
  }

 private:
  Seen file_behind(const std::string& directory, int depth) const {
    const auto file = facts_.read(directory + "/loop/backing_file", 4096);
    return file ? place(trim(*file), depth) : Seen::kUnseen;
  }

  const Facts& facts_;
  std::vector<Mount> mounts_;
};

bool image(const Mount& mount) {
  return mount.type == "squashfs" || mount.type == "iso9660" || mount.type == "erofs" || mount.type == "udf";
}

void answer(const Question&, Facts& facts) {
  const auto unknown = [&](UnknownReason reason, const std::string& source) {
    facts.unknown(keys::kEncryptedVolumes, reason, source);
    facts.unknown(keys::kUnencryptedVolumes, reason, source);
  };
  const auto text = facts.read(kTable, 4u << 20);
  if (!text) {
    const bool foreign = facts.foreign() && text.error().code == ErrorCode::kNotFound;
    return unknown(foreign ? UnknownReason::kUnsupported : reason_of(text.error()), foreign ? kForeignRoot : kTable);
  }
  auto mounts = parse_mountinfo(*text);
  if (!mounts)
    return unknown(UnknownReason::kFailed, "more than " + std::to_string(kMaxMounts) + " file systems are mounted");
  const Storage storage(facts, std::move(*mounts));
  std::vector<std::string> encrypted, plain;
  std::set<std::string> points;
  for (auto it = storage.mounts().rbegin(); it != storage.mounts().rend(); ++it) {  // the last at a point is seen
    const auto& mount = *it;
    // Parts of a file system that is mounted elsewhere, and read-only images, are no volumes of their own.
    if (image(mount) || (mount.root != "/" && mount.type != "btrfs" && mount.point != "/")) continue;
    const auto seen = storage.mount(mount);
    if (!seen || !points.insert(mount.point).second) continue;
    if (*seen == Seen::kUnseen)
      return unknown(UnknownReason::kUnsupported, "what " + mount.point + " (" + mount.type + ") lies on can't be seen");
    (*seen == Seen::kEncrypted ? encrypted : plain).push_back(mount.point);
  }
  if (points.empty()) return unknown(UnknownReason::kUnsupported, "no local storage is mounted");
  std::ranges::sort(encrypted);
  std::ranges::sort(plain);
  facts.know(keys::kEncryptedVolumes, std::move(encrypted), "/sys/dev/block");
  facts.know(keys::kUnencryptedVolumes, std::move(plain), "/sys/dev/block");
}

Triggers triggers(const Question&, const Facts&) { return {.mounts = true}; }

std::string unescape(std::string_view field) {
  std::string out;
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && octal(field[i + 1]) && octal(field[i + 2]) && octal(field[i + 3])) {
      out += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      out += field[i];
    }
  }
  return out;
}

}  // namespace
}  // namespace disks_family

std::optional<std::vector<Mount>> parse_mountinfo(std::string_view text) {
  using disks_family::unescape;
  std::vector<Mount> out;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (fields.size() < 10 || dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    if (out.size() >= kMaxMounts) return std::nullopt;
    out.push_back({std::string(fields[2]), unescape(fields[3]), unescape(fields[4]), unescape(dash[1]),
                   unescape(dash[2]), unescape(dash[3])});
  }
  return out;
}

std::string mount_option(std::string_view options, std::string_view name) {
  for (const auto option : split(options, ',')) {
    if (option.starts_with(name) && option.size() > name.size() && option[name.size()] == '=')
      return std::string(option.substr(name.size() + 1));
  }
  return {};
}

namespace asked {
const AskedFamily& disks() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "disks",
                                   .keys = {keys::kEncryptedVolumes, keys::kUnencryptedVolumes},
                                   .answer = disks_family::answer,
                                   .triggers = disks_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
