#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

using Products = AskedLab;

TEST_F(Products, AreInstalledWhereTheirProgramsAre) {
  EXPECT_EQ(said(keys::kAvInstalled), "none");
  EXPECT_EQ(said(keys::kEdrInstalled), "none");
  put("usr/sbin/clamd", "program", 0755);
  put("opt/CrowdStrike/falcon-sensor", "program", 0755);
  put("var/ossec/bin/wazuh-agentd", "leftover", 0644);
  EXPECT_EQ(said(keys::kAvInstalled), "ClamAV, CrowdStrike Falcon");
  EXPECT_EQ(said(keys::kEdrInstalled), "CrowdStrike Falcon");
  EXPECT_EQ(said(keys::kAvRunning), "unknown: unsupported");  // of an image
}

TEST_F(Products, SignaturesAreAsOldAsTheyWereMade) {
  EXPECT_EQ(said(keys::kAvSignaturesAt), "unknown: unsupported");
  put("var/lib/clamav/daily.cvd", "ClamAV-VDB:02 Jan 1970 01-30 +0100:27400:2000000:90:x:y:z");
  EXPECT_EQ(said(keys::kAvSignaturesAt), "88200000");
  put("var/lib/clamav/daily.cld", "ClamAV-VDB:24 Nov 2026 09-01 +0000:27401:2000000:90:x:y:z:1795507260");
  EXPECT_EQ(said(keys::kAvSignaturesAt), "1795507260000");
  put("var/lib/clamav/daily.cld", "garbage");
  EXPECT_EQ(said(keys::kAvSignaturesAt), "88200000");
  put("var/lib/clamav/daily.cvd", "garbage");
  EXPECT_EQ(said(keys::kAvSignaturesAt), "unknown: failed");
}

TEST(ProductsHere, RunOrDoNot) {
  const auto facts = answer_all({std::string(keys::kAvRunning), std::string(keys::kEdrRunning)}, "/", from_unix_ms(1));
  for (const auto& [key, fact] : facts) EXPECT_TRUE(fact.known()) << key;
}

}  // namespace
}  // namespace postern::agent
