#include "ecshm/server_health.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace postern::ecshm {
namespace {

constexpr std::uint64_t kHealthMagic = 0x31304c5448534550ull;  // "PESHTL01"

/// The whole file. A word: the server's number, and in the low bits how it is; 0: free.
struct Table {
  std::uint64_t magic;
  std::uint64_t words;        // kHealthWords
  std::uint64_t arrangement;  // counts the times that a number got a word
  std::uint64_t reserved[5];
  std::uint64_t word[kHealthWords];
};

std::uint64_t word_of(std::uint32_t number, ServerState state) {
  return std::uint64_t{number} << 32 | static_cast<std::uint64_t>(state);
}
std::uint32_t number_in(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
ServerState state_in(std::uint64_t word) {
  const auto low = word & 0xff;
  return low <= static_cast<std::uint64_t>(ServerState::kRemoved) ? static_cast<ServerState>(low) : ServerState::kUnknown;
}

Table& table_in(const Mapping& mapping) { return *reinterpret_cast<Table*>(mapping.data()); }

Mapping map_words(int fd, int protection) {
  struct stat st {};
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != static_cast<off_t>(sizeof(Table))) return {};
  void* base = mmap(nullptr, sizeof(Table), protection, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return {};
  Mapping out(base, sizeof(Table));
  if (load(table_in(out).magic) != kHealthMagic || load(table_in(out).words) != kHealthWords) return {};
  return out;
}

}  // namespace

Result<std::unique_ptr<HealthWriter>> HealthWriter::open(const std::filesystem::path& dir, gid_t reader_group) {
  const auto path = dir / kHealthFile;
  if (const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW); fd >= 0) {
    auto mapping = map_words(fd, PROT_READ | PROT_WRITE);
    struct stat st {};
    const bool ours = fstat(fd, &st) == 0 && (reader_group == static_cast<gid_t>(-1) || st.st_gid == reader_group);
    close(fd);
    if (mapping && ours) return std::unique_ptr<HealthWriter>(new HealthWriter(std::move(mapping)));
  }
  const int folder = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return fail(errno_error(errno, "opening", dir));
  const struct Closing {  // after the file, which is taken out of the folder where it was not published
    int fd;
    ~Closing() { close(fd); }
  } closing{folder};
  int error = 0;
  auto file = NewFile::create(folder, kHealthFile, reader_group, &error);
  Mapping mapping;
  if (file.fd() < 0) {
    errno = error;
  } else if ((errno = posix_fallocate(file.fd(), 0, sizeof(Table))) == 0) {  // sparse, a full disk would be a SIGBUS later
    void* base = mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
    if (base != MAP_FAILED) mapping = Mapping(base, sizeof(Table));
  }
  if (mapping) {
    store(table_in(mapping).words, std::uint64_t{kHealthWords});
    store(table_in(mapping).magic, kHealthMagic);
  }
  const bool published = mapping && file.publish();
  error = errno;
  if (!published) return fail(errno_error(error, "writing", path));
  return std::unique_ptr<HealthWriter>(new HealthWriter(std::move(mapping)));
}

bool HealthWriter::set(std::uint32_t number, ServerState state) {
  auto& table = table_in(mapping_);
  std::size_t free = kHealthWords, removed = kHealthWords;
  for (std::size_t i = 0; i < kHealthWords; ++i) {
    const auto word = load(table.word[i]);
    if (number_in(word) == number) {
      store(table.word[i], word_of(number, state), std::memory_order_release);
      return true;
    }
    if (word == 0 && free == kHealthWords) free = i;
    if (word != 0 && state_in(word) == ServerState::kRemoved && removed == kHealthWords) removed = i;
  }
  // Those that were taken out keep their word as long as there is another: a worker of before may go by it.
  const auto place = free != kHealthWords ? free : removed;
  if (place == kHealthWords) return false;
  store(table.word[place], word_of(number, state), std::memory_order_release);
  store(table.arrangement, load(table.arrangement) + 1, std::memory_order_release);
  return true;
}

ServerState HealthWriter::state(std::uint32_t number) const {
  for (const auto& cell : table_in(mapping_).word) {
    if (const auto word = load(cell); number_in(word) == number) return state_in(word);
  }
  return ServerState::kUnknown;
}

HealthReader::~HealthReader() {
  if (fd_ >= 0) close(fd_);
}

void HealthReader::look() {
  struct stat st {};
  if (fd_ >= 0 && fstat(fd_, &st) == 0 && st.st_nlink > 0) return;
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  auto mapping = map_words(fd, PROT_READ);
  if (!mapping) {
    close(fd);
    return;
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  mapping_ = std::move(mapping);
  ++opened_;
}

ServerState HealthReader::state(std::uint32_t number, Place& place) const {
  if (!mapping_) return ServerState::kUnknown;
  const auto& table = table_in(mapping_);
  auto word = load(table.word[place.index], std::memory_order_acquire);
  if (number_in(word) == number) return state_in(word);
  // 16 bits of files are enough to tell this one from the last.
  const auto arrangement = (load(table.arrangement, std::memory_order_acquire) + 1) ^ opened_ << 48;
  if (place.looked == arrangement) return ServerState::kUnknown;
  place.looked = arrangement;
  for (std::uint32_t i = 0; i < kHealthWords; ++i) {
    word = load(table.word[i], std::memory_order_acquire);
    if (number_in(word) != number) continue;
    place.index = i;
    return state_in(word);
  }
  return ServerState::kUnknown;
}

}  // namespace postern::ecshm
