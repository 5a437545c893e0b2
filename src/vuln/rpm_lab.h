#pragma once
// rpm's headers and databases for tests, written as rpm writes them.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "vuln/rpm_header.h"

namespace postern::vuln {

/// A header's bytes, entry by entry.
class RpmHeaderWriter {
 public:
  RpmHeaderWriter& text(std::uint32_t tag, std::string_view value);
  RpmHeaderWriter& number(std::uint32_t tag, std::uint32_t value);
  RpmHeaderWriter& bytes(std::uint32_t tag, std::string_view value);  ///< As the region that rpm seals a header with.
  RpmHeaderWriter& entry(std::uint32_t tag, std::uint32_t type, std::uint32_t offset, std::uint32_t count);
  std::string blob() const;

 private:
  std::string index_, data_;
  std::uint32_t entries_ = 0;
};

/// With a region, a summary and file sizes around what counts.
std::string rpm_header_blob(const RpmHeader& header);

/// rpmdb.sqlite with these packages. `keep_log`: as it stands while rpm works: the packages are in its write-ahead log.
void write_rpm_database(const std::filesystem::path& file, const std::vector<std::string>& blobs,
                        bool keep_log = false);

/// Packages.db with these packages, as SUSE's rpm writes it; a free slot between the first two.
std::string rpm_ndb_bytes(const std::vector<std::string>& blobs);

}  // namespace postern::vuln
