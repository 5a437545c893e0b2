#include "ecshm/reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace postern::ecshm {
namespace {

constexpr std::uint64_t kMaxPolicyBytes = 64u << 20;

struct Opened {
  Mapping map;
  dev_t device = 0;
  ino_t inode = 0;
};

Result<Opened> map_file(const std::string& path, std::size_t at_least, std::uint64_t at_most) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  struct stat st {};
  Result<Opened> out =
      fail(ErrorCode::kDataLoss, path + ": not a file of the expected kind or size");
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
      static_cast<std::size_t>(st.st_size) >= at_least &&
      static_cast<std::uint64_t>(st.st_size) <= at_most) {
    const auto size = static_cast<std::size_t>(st.st_size);
    void* base = map_shared(fd, size, false);
    if (base == nullptr) {
      out = fail(errno_error(errno, "mapping", path));
    } else {
      out = Opened{Mapping(base, size), st.st_dev, st.st_ino};
    }
  }
  close(fd);
  return out;
}

/// Is every part of the file inside it? What a reader doesn't know it refuses.
bool layout_fits(const ecshm_header& h, std::uint64_t file_size) {
  const auto part = [&](std::uint64_t offset, std::uint64_t count, std::uint64_t size,
                        std::uint64_t align) {
    return offset >= sizeof(ecshm_header) && offset % align == 0 && offset <= file_size &&
           count <= (file_size - offset) / size;
  };
  return h.magic == ECSHM_MAGIC && h.version == ECSHM_VERSION && h.layout == ECSHM_LAYOUT &&
         h.file_size == file_size && h.slot_count > 0 &&
         std::has_single_bit(std::uint64_t{h.bucket_mask} + 1) &&
         std::has_single_bit(std::uint64_t{h.ring_mask} + 1) && h.ring_mask > 0 &&
         part(h.slots_offset, h.slot_count, sizeof(ecshm_slot), 8) &&
         part(h.buckets_offset, std::uint64_t{h.bucket_mask} + 1, 4, 4) &&
         part(h.ring_offset, std::uint64_t{h.ring_mask} + 1, 4, 4);
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

enum class Read { kSame, kOther, kTorn };

Read read_slot(const ecshm_slot& slot, const std::uint64_t (&leaf)[4], SlotData& out) {
  for (int attempt = 0; attempt < ECSHM_READ_ATTEMPTS; ++attempt) {
    const auto before = load(slot.seq, std::memory_order_acquire);
    if (before % 2 != 0) {
      pause();
      continue;
    }
    bool same = true;
    for (int i = 0; i < 4; ++i) same = (load(slot.leaf[i]) == leaf[i]) && same;
    const auto flags = load(slot.flags);
    out.connector = load(slot.connector);
    out.not_after = from_unix_ms(load(slot.not_after_ms));
    for (std::size_t i = 0; i < ECSHM_TAG_WORDS; ++i) {
      out.tags.words[i] = load(slot.tags[i]);
      out.unknown.words[i] = load(slot.unknown[i]);
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load(slot.seq) != before) continue;
    out.online = (flags & ECSHM_ONLINE) != 0;
    out.registered = (flags & ECSHM_REGISTERED) != 0;
    out.quarantined = (flags & ECSHM_QUARANTINED) != 0;
    out.blocked = (flags & ECSHM_BLOCKED) != 0;
    return same && (flags & ECSHM_USED) != 0 ? Read::kSame : Read::kOther;
  }
  return Read::kTorn;
}

}  // namespace

const ecshm_slot* Reader::slots() const {
  return reinterpret_cast<const ecshm_slot*>(map_.data() + map_.header()->slots_offset);
}

bool Reader::lease_valid(MonoTime now) const {
  return map_ && to_nanoseconds(now) < load(map_.header()->lease_until);
}

std::uint32_t Reader::freshness(MonoTime now) const {
  if (!map_) return 0;
  std::uint32_t out = lease_valid(now) ? 1 : 0;
  for (std::uint32_t i = 1; i < ECSHM_CONNECTORS; ++i) {
    if (to_nanoseconds(now) < load(map_.header()->connector_until[i])) out |= 1u << i;
  }
  return out;
}

std::optional<MonoTime> Reader::next_expiry(MonoTime now) const {
  if (!map_) return std::nullopt;
  std::uint64_t soonest = ~std::uint64_t{0};
  const auto consider = [&](std::uint64_t at) {
    if (at > to_nanoseconds(now) && at < soonest) soonest = at;
  };
  consider(load(map_.header()->lease_until));
  for (std::uint32_t i = 1; i < ECSHM_CONNECTORS; ++i)
    consider(load(map_.header()->connector_until[i]));
  if (soonest > static_cast<std::uint64_t>(MonoTime::max().time_since_epoch().count()))
    return std::nullopt;
  return MonoTime(std::chrono::nanoseconds(soonest));
}

Reader::Found Reader::find(const Sha256& leaf, MonoTime now) const {
  Found out;
  if (!map_) return out;
  const auto* header = map_.header();
  out.state.fresh = lease_valid(now);
  std::uint64_t words[4];
  std::memcpy(words, leaf.data(), sizeof words);
  const auto mark = bucket_mark(words[1]) >> ECSHM_BUCKET_NUMBER_BITS;
  const auto* buckets =
      reinterpret_cast<const std::uint32_t*>(map_.data() + header->buckets_offset);
  for (std::uint64_t i = words[0], n = 0; n <= header->bucket_mask; ++i, ++n) {
    const auto bucket = load(buckets[i & header->bucket_mask], std::memory_order_acquire);
    if (bucket == ECSHM_BUCKET_EMPTY) return out;
    const auto number = bucket_slot(bucket);
    if (number >= header->slot_count || bucket >> ECSHM_BUCKET_NUMBER_BITS != mark) continue;
    SlotData data;
    const auto read = read_slot(slots()[number], words, data);
    if (read == Read::kOther) continue;
    if (read == Read::kTorn) {
      out.readable = false;
      out.state.fresh = false;
      return out;
    }
    out.slot = number;
    out.connector = data.connector;
    out.state.known = true;
    out.state.online = data.online;
    out.state.registered = data.registered;
    out.state.quarantined = data.quarantined;
    out.state.blocked = data.blocked;
    out.state.not_after = data.not_after;
    out.state.tags = data.tags;
    out.state.unknown = data.unknown;
    out.state.fresh = out.state.fresh && data.connector > 0 && data.connector < ECSHM_CONNECTORS &&
                      to_nanoseconds(now) < load(header->connector_until[data.connector]);
    return out;
  }
  return out;
}

bool Reader::table_replaced() const {
  struct stat st {};
  const auto path = dir_ + "/" ECSHM_FILE;
  return stat(path.c_str(), &st) == 0 && (st.st_ino != inode_ || st.st_dev != device_);
}

Status Reader::map_table() {
  auto opened = map_file(dir_ + "/" ECSHM_FILE, sizeof(ecshm_header), std::uint64_t{1} << 40);
  if (!opened) return fail(opened.error());
  if (!layout_fits(*opened->map.header(), opened->map.size())) {
    return fail(ErrorCode::kUnsupported,
                dir_ +
                    "/" ECSHM_FILE
                    ": another version or damaged; gateway and nginx module must be of one build");
  }
  map_ = std::move(opened->map);
  device_ = opened->device;
  inode_ = opened->inode;
  // From the table as it is now: whatever changes after this line is in the ring.
  seen_ = load(map_.header()->change_head, std::memory_order_acquire);
  return {};
}

/// `version`: the stamp that the table asks for; tags have other bits in another writer's table.
Status Reader::map_policies(std::uint64_t version) {
  if (version == 0) return fail(ErrorCode::kUnavailable, "the gateway has published no policies yet");
  auto opened = map_file(dir_ + "/" ECSHM_POLICY_FILE, 1 + sizeof version, kMaxPolicyBytes + sizeof version);
  if (!opened) return fail(opened.error());
  const auto size = opened->map.size() - sizeof version;
  std::uint64_t stamp = 0;
  std::memcpy(&stamp, opened->map.data() + size, sizeof stamp);
  if (stamp != version) return fail(ErrorCode::kUnavailable, "the policies are not those of this table");
  auto view = policy::PolicyView::open({reinterpret_cast<const std::uint8_t*>(opened->map.data()), size});
  if (!view) return fail(view.error());
  policies_ = *view;
  policy_map_ = std::move(opened->map);
  policy_version_ = version;
  return {};
}

bool Reader::refresh(bool look_at_directory) {
  bool different = false;
  Status status;
  const bool retired = map_ && load(map_.header()->retired, std::memory_order_acquire) != 0;
  if (!map_ || retired || (look_at_directory && table_replaced())) {
    status = map_table();
    different = status.has_value();
  }
  const auto version = map_ ? load(map_.header()->policy_version, std::memory_order_acquire) : 0;
  if (version != policy_version_ || !policy_map_) {
    if (const auto mapped = map_policies(version); mapped) {
      different = true;
    } else {
      if (status) status = mapped;
      // Within one table the policies before hold until the new ones can be read.
      if (different || version == 0) {
        policies_ = {};
        policy_map_ = {};
        policy_version_ = 0;
      }
    }
  }
  problem_ = status ? std::string() : status.error().message;
  return different;
}

}  // namespace postern::ecshm
