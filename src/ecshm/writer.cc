#include "ecshm/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "ecshm/ecshm.h"
#include "ecshm/mapping.h"

namespace postern::ecshm {
namespace {

constexpr std::uint32_t kMaxSlots = 1u << 27;

std::uint64_t boot_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t hash_of(const Sha256& leaf) {
  std::uint64_t h;
  std::memcpy(&h, leaf.data(), sizeof h);
  return h;
}

constexpr std::uint32_t kNumber = (1u << ECSHM_BUCKET_NUMBER_BITS) - 1;
static_assert(kMaxSlots + ECSHM_BUCKET_FIRST <= kNumber);

std::uint32_t mark_of(const Sha256& leaf) {
  std::uint64_t second;
  std::memcpy(&second, leaf.data() + 8, sizeof second);
  return bucket_mark(second);
}
bool holds_slot(std::uint32_t bucket) { return bucket != ECSHM_BUCKET_EMPTY && bucket != ECSHM_BUCKET_REMOVED; }

bool is_leaf(const ecshm_slot& slot, const Sha256& leaf) {
  std::uint64_t words[4];
  std::memcpy(words, leaf.data(), sizeof words);
  for (int i = 0; i < 4; ++i) {
    if (load(slot.leaf[i]) != words[i]) return false;
  }
  return true;
}

/// Only the writer calls this, so that no seqlock is needed.
SlotData read_own(const ecshm_slot& slot) {
  SlotData out;
  const auto flags = load(slot.flags);
  out.connector = load(slot.connector);
  out.not_after = from_unix_ms(load(slot.not_after_ms));
  out.online = (flags & ECSHM_ONLINE) != 0;
  out.registered = (flags & ECSHM_REGISTERED) != 0;
  out.quarantined = (flags & ECSHM_QUARANTINED) != 0;
  out.blocked = (flags & ECSHM_BLOCKED) != 0;
  for (std::size_t i = 0; i < ECSHM_TAG_WORDS; ++i) {
    out.tags.words[i] = load(slot.tags[i]);
    out.unknown.words[i] = load(slot.unknown[i]);
  }
  return out;
}

void write_slot(ecshm_slot& slot, const Sha256& leaf, const SlotData* data) {
  const auto seq = load(slot.seq);
  store(slot.seq, seq + 1);
  std::atomic_thread_fence(std::memory_order_release);
  const Sha256 none{};
  std::uint64_t words[4];
  std::memcpy(words, data != nullptr ? leaf.data() : none.data(), sizeof words);
  for (int i = 0; i < 4; ++i) store(slot.leaf[i], words[i]);
  const SlotData empty;
  const auto& d = data != nullptr ? *data : empty;
  std::uint32_t flags = data != nullptr ? ECSHM_USED : 0;
  if (d.online) flags |= ECSHM_ONLINE;
  if (d.registered) flags |= ECSHM_REGISTERED;
  if (d.quarantined) flags |= ECSHM_QUARANTINED;
  if (d.blocked) flags |= ECSHM_BLOCKED;
  store(slot.flags, flags);
  store(slot.connector, d.connector);
  store(slot.not_after_ms, static_cast<std::int64_t>(to_unix_ms(d.not_after)));
  for (std::size_t i = 0; i < ECSHM_TAG_WORDS; ++i) {
    store(slot.tags[i], d.tags.words[i]);
    store(slot.unknown[i], d.unknown.words[i]);
  }
  store(slot.seq, seq + 2, std::memory_order_release);
}

}  // namespace

struct Writer::File {
  Mapping map;
  std::optional<NewFile> pending;  // Until it is published.

  ecshm_slot* slots() const {
    return reinterpret_cast<ecshm_slot*>(map.data() + map.header()->slots_offset);
  }
  std::uint32_t* buckets() const {
    return reinterpret_cast<std::uint32_t*>(map.data() + map.header()->buckets_offset);
  }
  std::uint32_t* ring() const {
    return reinterpret_cast<std::uint32_t*>(map.data() + map.header()->ring_offset);
  }
};

Writer::Writer(int dir, int lock, WriterOptions options)
    : dir_(dir), lock_(lock), options_(options) {}

Writer::~Writer() {
  file_.reset();
  close(lock_);
  close(dir_);
}

Result<std::unique_ptr<Writer>> Writer::create(const std::filesystem::path& dir,
                                               WriterOptions options) {
  if (auto made = make_directories(dir, 0750); !made) return fail(made.error());
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "opening", dir));
  const int lock = openat(fd, "writer.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) {
    const auto error = errno_error(errno, "opening", dir / "writer.lock");
    close(fd);
    return fail(error);
  }
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    close(fd);
    return fail(
        ErrorCode::kConflict,
        fmt::format(
            "{}: another gateway process writes here; stop it or choose another runtime directory",
            dir.string()));
  }
  std::unique_ptr<Writer> writer(new Writer(fd, lock, options));
  if (options.reader_group != static_cast<gid_t>(-1) &&
      fchown(fd, static_cast<uid_t>(-1), options.reader_group) != 0) {
    return fail(errno_error(errno, "giving the readers' group access to", dir));
  }
  writer->options_.ring = std::bit_ceil(std::clamp<std::uint32_t>(options.ring, 4, 1u << 20));
  if (auto made =
          writer->make_generation(std::clamp<std::uint32_t>(options.capacity, 16, kMaxSlots));
      !made) {
    return fail(made.error());
  }
  return writer;
}

std::uint32_t Writer::capacity() const { return file_->map.header()->slot_count; }
std::uint64_t Writer::generation() const { return file_->map.header()->generation; }

Status Writer::make_generation(std::uint32_t capacity) {
  const std::uint32_t buckets = std::bit_ceil(capacity) * 2;
  ecshm_header header{};
  header.magic = ECSHM_MAGIC;
  header.version = ECSHM_VERSION;
  header.layout = ECSHM_LAYOUT;
  header.generation = boot_nanoseconds();
  header.slot_count = capacity;
  header.bucket_mask = buckets - 1;
  header.ring_mask = options_.ring - 1;
  header.slots_offset = sizeof header;
  header.buckets_offset = header.slots_offset + sizeof(ecshm_slot) * std::uint64_t{capacity};
  header.ring_offset = header.buckets_offset + sizeof(std::uint32_t) * std::uint64_t{buckets};
  header.file_size = header.ring_offset + sizeof(std::uint32_t) * std::uint64_t{options_.ring};

  int error = 0;
  auto file = NewFile::create(dir_, ECSHM_FILE, options_.reader_group, &error);
  if (file.fd() < 0) return fail(errno_error(error, "making", ECSHM_FILE));
  // Blocks are reserved now: a store into a sparse file on a full disk would be a SIGBUS later.
  error = posix_fallocate(file.fd(), 0, static_cast<off_t>(header.file_size));
  if (error != 0) return fail(errno_error(error, "reserving room for", ECSHM_FILE));
  void* base = map_shared(file.fd(), header.file_size, true);
  if (base == nullptr) return fail(errno_error(errno, "mapping", ECSHM_FILE));
  auto next = std::make_unique<File>();
  next->map = Mapping(base, header.file_size);
  next->pending.emplace(std::move(file));
  std::memcpy(base, &header, sizeof header);
  file_ = std::move(next);
  used_ = 0;
  removed_buckets_ = 0;
  next_slot_ = 0;
  free_.clear();
  return {};
}

Status Writer::publish() {
  if (!file_->pending) return {};
  // The generation before this one, whoever wrote it: its readers are told to come over.
  Mapping old;
  const int fd = openat(dir_, ECSHM_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) {
    struct stat st {};
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        static_cast<std::size_t>(st.st_size) >= sizeof(ecshm_header)) {
      void* base = mmap(nullptr, sizeof(ecshm_header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (base != MAP_FAILED) old = Mapping(base, sizeof(ecshm_header));
    }
    close(fd);
  }
  if (!file_->pending->publish()) return fail(errno_error(errno, "publishing", ECSHM_FILE));
  file_->pending.reset();
  published_ = true;
  dirty_ = true;
  if (old && old.header()->magic == ECSHM_MAGIC && old.header()->version == ECSHM_VERSION &&
      old.header()->layout == ECSHM_LAYOUT) {
    store(old.header()->retired, 1u, std::memory_order_release);
  }
  return {};
}

Status Writer::replace_generation(std::uint32_t capacity) {
  auto old = std::move(file_);
  const auto old_used = used_;
  const auto old_removed = removed_buckets_;
  const auto old_next = next_slot_;
  auto old_free = free_;
  if (auto made = make_generation(capacity); !made) {
    file_ = std::move(old);
    return fail(made.error());
  }
  const auto* from = old->map.header();
  auto* to = file_->map.header();
  to->lease_until = from->lease_until;
  to->policy_version = from->policy_version;
  std::copy(std::begin(from->connector_until), std::end(from->connector_until),
            to->connector_until);
  for (std::uint32_t i = 0; i < old_next; ++i) {
    const auto& slot = old->slots()[i];
    if ((slot.flags & ECSHM_USED) == 0) continue;
    Sha256 leaf;
    std::memcpy(leaf.data(), slot.leaf, leaf.size());
    insert(leaf, read_own(slot));
  }
  if (!published_) return {};
  if (auto done = publish(); !done) {
    file_ = std::move(old);
    used_ = old_used;
    removed_buckets_ = old_removed;
    next_slot_ = old_next;
    free_ = std::move(old_free);
    return done;
  }
  return {};
}

std::uint32_t* Writer::find_bucket(const Sha256& leaf) const {
  const auto mask = file_->map.header()->bucket_mask;
  const auto mark = mark_of(leaf);
  auto* buckets = file_->buckets();
  for (std::uint64_t i = hash_of(leaf), n = 0; n <= mask; ++i, ++n) {
    auto& bucket = buckets[i & mask];
    const auto value = load(bucket);
    if (value == ECSHM_BUCKET_EMPTY) return nullptr;
    if (holds_slot(value) && (value & ~kNumber) == mark && is_leaf(file_->slots()[bucket_slot(value)], leaf))
      return &bucket;
  }
  return nullptr;
}

void Writer::insert(const Sha256& leaf, const SlotData& data) {
  const auto mask = file_->map.header()->bucket_mask;
  auto* buckets = file_->buckets();
  std::uint32_t slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    slot = next_slot_++;
  }
  write_slot(file_->slots()[slot], leaf, &data);
  for (std::uint64_t i = hash_of(leaf);; ++i) {
    auto& bucket = buckets[i & mask];
    const auto value = load(bucket);
    if (holds_slot(value)) continue;
    if (value == ECSHM_BUCKET_REMOVED) --removed_buckets_;
    store(bucket, mark_of(leaf) | (slot + ECSHM_BUCKET_FIRST), std::memory_order_release);
    break;
  }
  ++used_;
  changed(slot);
}

Status Writer::upsert(const Sha256& leaf, const SlotData& data) {
  if (data.connector == 0 || data.connector >= ECSHM_CONNECTORS) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("connector {} is not one of 1..7", data.connector));
  }
  if (auto* bucket = find_bucket(leaf)) {
    const auto number = bucket_slot(load(*bucket));
    auto& slot = file_->slots()[number];
    if (read_own(slot) == data) return {};
    write_slot(slot, leaf, &data);
    changed(number);
    return {};
  }
  const auto full = free_.empty() && next_slot_ >= capacity();
  const auto buckets = std::size_t{file_->map.header()->bucket_mask} + 1;
  if (full || used_ + removed_buckets_ + 1 > buckets / 4 * 3) {
    if (full && capacity() > kMaxSlots / 2) {
      return fail(ErrorCode::kResourceExhausted,
                  "the table of endpoints is as large as it can get");
    }
    if (auto grown = replace_generation(full ? capacity() * 2 : capacity()); !grown) return grown;
  }
  insert(leaf, data);
  return {};
}

void Writer::remove(const Sha256& leaf) {
  auto* bucket = find_bucket(leaf);
  if (bucket == nullptr) return;
  const auto number = bucket_slot(load(*bucket));
  store(*bucket, ECSHM_BUCKET_REMOVED, std::memory_order_release);
  write_slot(file_->slots()[number], leaf, nullptr);
  free_.push_back(number);
  --used_;
  ++removed_buckets_;
  changed(number);
}

std::optional<SlotData> Writer::find(const Sha256& leaf) const {
  const auto* bucket = find_bucket(leaf);
  if (bucket == nullptr) return std::nullopt;
  return read_own(file_->slots()[bucket_slot(load(*bucket))]);
}

void Writer::set_lease(MonoTime until) {
  store(file_->map.header()->lease_until, to_nanoseconds(until));
}

void Writer::set_connector_valid_until(std::uint32_t connector, MonoTime until) {
  if (connector == 0 || connector >= ECSHM_CONNECTORS) return;
  auto& word = file_->map.header()->connector_until[connector];
  const auto before = load(word);
  const auto value = to_nanoseconds(until);
  store(word, value);
  if (value < before) changed(ECSHM_CHANGE_ALL);
}

Status Writer::publish_policies(ByteView blob) {
  int error = 0;
  auto file = NewFile::create(dir_, ECSHM_POLICY_FILE, options_.reader_group, &error);
  if (file.fd() < 0) return fail(errno_error(error, "making", ECSHM_POLICY_FILE));
  const std::uint64_t stamp = boot_nanoseconds();
  Bytes bytes(blob.begin(), blob.end());
  bytes.insert(bytes.end(), reinterpret_cast<const std::uint8_t*>(&stamp),
               reinterpret_cast<const std::uint8_t*>(&stamp) + sizeof stamp);
  for (std::size_t done = 0; done < bytes.size();) {
    const auto n = write(file.fd(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(errno_error(n < 0 ? errno : ENOSPC, "writing", ECSHM_POLICY_FILE));
    done += static_cast<std::size_t>(n);
  }
  if (!file.publish()) return fail(errno_error(errno, "publishing", ECSHM_POLICY_FILE));
  store(file_->map.header()->policy_version, stamp, std::memory_order_release);
  changed(ECSHM_CHANGE_ALL);
  return {};
}

void Writer::changed(std::uint32_t slot) {
  auto* header = file_->map.header();
  const auto head = load(header->change_head);
  // Whoever reads the entry written now also sees that the head had come this far, and so that it
  // is one lap behind.
  std::atomic_thread_fence(std::memory_order_release);
  store(file_->ring()[head & header->ring_mask], slot);
  store(header->change_head, head + 1, std::memory_order_release);
  dirty_ = true;
}

void Writer::notify() {
  if (!published_ || !std::exchange(dirty_, false)) return;
  if (on_notify) on_notify();
}

}  // namespace postern::ecshm
