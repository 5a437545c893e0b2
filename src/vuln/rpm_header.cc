#include "vuln/rpm_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace postern::vuln {
namespace {

// Tags and types of rpm's header format.
constexpr std::uint32_t kTagName = 1000, kTagVersion = 1001, kTagRelease = 1002, kTagEpoch = 1003, kTagArch = 1022,
                        kTagSourceRpm = 1044;
constexpr std::uint32_t kTypeInt32 = 4, kTypeString = 6;
constexpr std::size_t kEntryBytes = 16;
constexpr std::size_t kPreambleBytes = 8;
constexpr std::uint32_t kMaxEntries = 0xffff;

constexpr std::string_view kKeyPackage = "gpg-pubkey";
constexpr std::string_view kNoArchitectureSaid = "noarch";

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t n = 0;
  for (std::size_t i = 0; i < 4; ++i) n = n << 8 | static_cast<unsigned char>(bytes[at + i]);
  return n;
}

tl::unexpected<Error> bad_header(std::string why) {
  return fail(ErrorCode::kInvalidArgument, "a package's header in rpm's database: " + std::move(why));
}

/// The text that begins there and ends with a NUL.
std::optional<std::string_view> text_at(std::string_view data, std::size_t at) {
  if (at >= data.size()) return std::nullopt;
  const auto text = data.substr(at);
  const auto end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return text.substr(0, end);
}

std::string with_epoch(std::uint32_t epoch, std::string_view version_release) {
  return epoch == 0 ? std::string(version_release) : fmt::format("{}:{}", epoch, version_release);
}

/// "openssl" and "3.0.7-27.el9" of "openssl-3.0.7-27.el9.src.rpm"; empty names for what is put together otherwise.
struct SourceRpm {
  std::string_view name;
  std::string_view version_release;
};

SourceRpm split_source_rpm(std::string_view file) {
  for (const std::string_view ending : {".src.rpm", ".nosrc.rpm"}) {
    if (!file.ends_with(ending)) continue;
    file.remove_suffix(ending.size());
    const auto release = file.rfind('-');
    if (release == std::string_view::npos || release == 0) return {};
    const auto version = file.rfind('-', release - 1);
    if (version == std::string_view::npos || version == 0) return {};
    return {file.substr(0, version), file.substr(version + 1)};
  }
  return {};
}

}  // namespace

Result<RpmHeader> parse_rpm_header(std::string_view blob) {
  if (blob.size() < kPreambleBytes || blob.size() > kMaxRpmHeaderBytes)
    return bad_header(fmt::format("{} bytes cannot be one", blob.size()));
  const auto entries = number_at(blob, 0);
  const std::size_t data_bytes = number_at(blob, 4);
  if (entries == 0 || entries > kMaxEntries) return bad_header(fmt::format("it claims {} entries", entries));
  if (blob.size() != kPreambleBytes + entries * kEntryBytes + data_bytes)
    return bad_header("its length is not what it claims: truncated or damaged");
  const auto data = blob.substr(kPreambleBytes + entries * kEntryBytes);
  RpmHeader header;
  for (std::size_t i = 0; i < entries; ++i) {
    const auto at = kPreambleBytes + i * kEntryBytes;
    const auto tag = number_at(blob, at);
    std::string* place = nullptr;
    if (tag == kTagName) place = &header.name;
    if (tag == kTagVersion) place = &header.version;
    if (tag == kTagRelease) place = &header.release;
    if (tag == kTagArch) place = &header.arch;
    if (tag == kTagSourceRpm) place = &header.source_rpm;
    if (place == nullptr && tag != kTagEpoch) continue;
    const auto type = number_at(blob, at + 4);
    const std::size_t offset = number_at(blob, at + 8);
    if (tag == kTagEpoch) {
      if (type != kTypeInt32 || number_at(blob, at + 12) != 1 || data.size() < 4 || offset > data.size() - 4)
        return bad_header("its epoch is no number within it");
      header.epoch = number_at(data, offset);
      continue;
    }
    const auto text = type == kTypeString ? text_at(data, offset) : std::nullopt;
    if (!text) return bad_header(fmt::format("tag {} is no text within it", tag));
    if (!place->empty()) return bad_header(fmt::format("tag {} is given twice", tag));
    *place = *text;
  }
  if (header.name.empty() || header.version.empty() || header.release.empty())
    return bad_header("it has no name, version or release");
  return header;
}

Result<Inventory> inventory_of_rpms(const std::vector<RpmHeader>& headers, Distro distro) {
  Inventory inventory;
  inventory.distro = std::move(distro);
  const auto version_release = [](const RpmHeader& h) { return h.version + "-" + h.release; };
  std::map<std::string_view, std::uint32_t> source_epochs;  // by the source's file name
  for (const auto& h : headers) {
    if (h.epoch != 0 && split_source_rpm(h.source_rpm).version_release == version_release(h))
      source_epochs[h.source_rpm] = h.epoch;
  }
  for (const auto& h : headers) {
    if (h.name == kKeyPackage) continue;
    if (inventory.packages.size() == kMaxInventoryPackages) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("rpm's database: more than {} installed packages", kMaxInventoryPackages));
    }
    Package p;
    p.name = h.name;
    p.arch = h.arch.empty() ? kNoArchitectureSaid : std::string_view(h.arch);
    p.version = with_epoch(h.epoch, version_release(h));
    const auto source = split_source_rpm(h.source_rpm);
    const auto known = source_epochs.find(h.source_rpm);
    p.source = source.name.empty() ? std::string_view(p.name) : source.name;
    p.source_version = source.name.empty()
                           ? p.version
                           : with_epoch(known == source_epochs.end() ? h.epoch : known->second, source.version_release);
    for (const auto* field : {&p.name, &p.arch, &p.version, &p.source, &p.source_version}) {
      if (valid_inventory_field(*field)) continue;
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("rpm's database, package {}: its name, version, architecture or source is too long or not "
                      "plain text",
                      valid_inventory_field(p.name) ? p.name : "?"));
    }
    inventory.packages.push_back(std::move(p));
  }
  return checked_inventory(std::move(inventory), "rpm's database");
}

}  // namespace postern::vuln
