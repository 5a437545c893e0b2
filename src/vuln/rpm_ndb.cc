#include "vuln/rpm_ndb.h"

#include <fmt/format.h>

#include <cstdint>

namespace postern::vuln {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBlock = 16;
constexpr std::size_t kHead = 32;  // Of the file; where the slots begin.
constexpr std::size_t kSlot = 16;
constexpr std::size_t kBlobHead = 16;  // Magic, number, generation, length.
constexpr std::size_t kBlobTail = 12;  // Checksum, length, magic.

std::uint32_t little(std::string_view bytes, std::size_t at) {
  std::uint32_t n = 0;
  for (std::size_t i = 4; i > 0; --i) n = n << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  return n;
}

bool says(std::string_view bytes, std::size_t at, std::string_view magic) { return bytes.substr(at, 4) == magic; }

tl::unexpected<Error> bad_ndb(std::string_view why) {
  return fail(ErrorCode::kDataLoss, fmt::format("rpm's database (Packages.db) {}; `rpm --rebuilddb` may mend it", why));
}

/// The header that a slot points to; empty when it points to none.
std::string_view blob_at(std::string_view bytes, std::uint32_t number, std::uint64_t begin, std::uint64_t size) {
  if (begin > bytes.size() || size > bytes.size() - begin || size < kBlobHead + kBlobTail) return {};
  const auto blob = bytes.substr(begin, size);
  const std::size_t length = little(blob, 12);
  const auto tail = blob.size() - kBlobTail;
  if (!says(blob, 0, "BlbS") || little(blob, 4) != number || length > tail - kBlobHead) return {};
  if (little(blob, tail + 4) != length || !says(blob, tail + 8, "BlbE")) return {};
  return blob.substr(kBlobHead, length);
}

}  // namespace

Result<std::vector<RpmHeader>> read_rpm_ndb(std::string_view bytes) {
  if (bytes.size() < kPage || !says(bytes, 0, "RpmP") || little(bytes, 4) != 0)
    return bad_ndb("does not begin as one of the version that is known");
  const std::size_t pages = little(bytes, 12);
  if (pages == 0 || pages > bytes.size() / kPage) return bad_ndb("is cut, or damaged at its head");
  std::vector<RpmHeader> headers;
  for (std::size_t at = kHead; at < pages * kPage; at += kSlot) {
    if (!says(bytes, at, "Slot")) return bad_ndb("is damaged in its table of packages");
    const auto number = little(bytes, at + 4);
    if (number == 0) continue;  // Free.
    if (headers.size() > kMaxInventoryPackages) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("rpm's database holds more than {} packages", kMaxInventoryPackages));
    }
    const auto blob = blob_at(bytes, number, std::uint64_t{little(bytes, at + 8)} * kBlock,
                              std::uint64_t{little(bytes, at + 12)} * kBlock);
    if (blob.empty()) return bad_ndb(fmt::format("is damaged where its package {} should be", number));
    auto header = parse_rpm_header(blob);
    if (!header) return fail(header.error());
    headers.push_back(std::move(*header));
  }
  return headers;
}

}  // namespace postern::vuln
