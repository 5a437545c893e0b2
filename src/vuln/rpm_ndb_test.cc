#include "vuln/rpm_ndb.h"

#include <gtest/gtest.h>

#include "vuln/rpm_lab.h"

namespace postern::vuln {
namespace {

const std::vector<std::string> kHeaders = {
    rpm_header_blob({"bash", 0, "5.1.8", "9.el9", "x86_64", "bash-5.1.8-9.el9.src.rpm"}),
    rpm_header_blob({"openssl-libs", 1, "3.0.7", "27.el9", "x86_64", "openssl-3.0.7-27.el9.src.rpm"})};

TEST(RpmNdb, GivesTheHeadersAndPassesFreeSlots) {
  const auto headers = read_rpm_ndb(rpm_ndb_bytes(kHeaders));
  ASSERT_TRUE(headers) << headers.error().message;
  ASSERT_EQ(headers->size(), 2u);
  EXPECT_EQ((*headers)[0].name, "bash");
  EXPECT_EQ((*headers)[1].source_rpm, "openssl-3.0.7-27.el9.src.rpm");
  EXPECT_TRUE(read_rpm_ndb(rpm_ndb_bytes({}))->empty());
}

TEST(RpmNdb, AnyCutIsRefused) {
  const auto bytes = rpm_ndb_bytes(kHeaders);
  for (std::size_t n = 0; n < bytes.size(); n += n < 4000 ? 100 : 1) {
    const auto headers = read_rpm_ndb(std::string_view(bytes).substr(0, n));
    ASSERT_FALSE(headers) << n;
    EXPECT_EQ(headers.error().code, ErrorCode::kDataLoss);
  }
}

TEST(RpmNdb, NumbersThatLeadAstrayAreRefused) {
  const auto bytes = rpm_ndb_bytes(kHeaders);
  constexpr std::size_t kFirstSlot = 32;
  const std::size_t first_blob = 4096;
  // Magics, version, pages, a slot's number, place and length, a blob's number and length.
  for (const auto at : {std::size_t{0}, std::size_t{4}, std::size_t{12}, kFirstSlot, kFirstSlot + 4, kFirstSlot + 8,
                        kFirstSlot + 12, first_blob, first_blob + 4, first_blob + 12}) {
    for (std::size_t i = 0; i < 4; ++i) {
      auto damaged = bytes;
      damaged[at + i] = '\xff';
      const auto headers = read_rpm_ndb(damaged);
      ASSERT_FALSE(headers) << at + i;
      EXPECT_EQ(headers.error().code, ErrorCode::kDataLoss) << headers.error().message;
    }
  }
}

}  // namespace
}  // namespace postern::vuln
