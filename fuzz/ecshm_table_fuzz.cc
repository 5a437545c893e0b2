// The file ec-shm of unknown origin: refused, or read without leaving it. Magic, layout and size are put right first,
// so that the offsets are what gets tested.
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "ecshm/ecshm.h"
#include "ecshm/reader.h"

namespace {

/// Gone when the process ends.
struct Directory {
  std::string path = "/tmp/postern-fuzz-XXXXXX";
  Directory() {
    if (::mkdtemp(path.data()) == nullptr) std::abort();
  }
  ~Directory() {
    ::unlink((path + "/" ECSHM_FILE).c_str());
    ::rmdir(path.c_str());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  static const Directory dir;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  ecshm_header header;
  if (size >= sizeof header) {
    std::memcpy(&header, bytes.data(), sizeof header);
    header.magic = ECSHM_MAGIC;
    header.version = ECSHM_VERSION;
    header.layout = ECSHM_LAYOUT;
    header.file_size = size;
    std::memcpy(bytes.data(), &header, sizeof header);
  }
  std::ofstream(dir.path + "/" ECSHM_FILE, std::ios::binary | std::ios::trunc) << bytes;
  ecshm::Reader reader(dir.path);
  reader.refresh(true);
  const MonoTime now(std::chrono::seconds(1));
  reader.freshness(now);
  reader.next_expiry(now);
  Sha256 leaf{};
  const auto found = reader.find(leaf, now);
  if (found.state.fresh && !reader.lease_valid(now)) std::abort();
  if (size >= sizeof leaf) std::memcpy(leaf.data(), data + size - sizeof leaf, sizeof leaf);
  const auto other = reader.find(leaf, now);
  if (!other.readable && other.state.fresh) std::abort();
  std::size_t changes = 0;
  reader.take_changes([&](std::uint32_t) { ++changes; });
  if (changes > size) std::abort();
  reader.refresh(true);
  return 0;
}
