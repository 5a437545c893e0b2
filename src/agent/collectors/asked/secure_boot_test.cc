#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

class SecureBoot : public AskedLab {
 protected:
  void variable(const char* name, const std::string& bytes) {
    put((std::string("sys/firmware/efi/efivars/") + name).c_str(), bytes);
  }
};
constexpr const char* kVariable = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

TEST_F(SecureBoot, IsWhatTheFirmwareSays) {
  EXPECT_EQ(said(keys::kSecureBoot), "unknown: unsupported");
  put("sys/firmware/efi/fw_platform_size", "64");
  EXPECT_EQ(said(keys::kSecureBoot), "unknown: unsupported");  // its variables can't be seen
  variable("Boot0000-8be4df61-93ca-11d2-aa0d-00e098032b8c", "x");
  EXPECT_EQ(said(keys::kSecureBoot), "no");
  variable(kVariable, std::string("\x06\0\0\0\1", 5));
  EXPECT_EQ(said(keys::kSecureBoot), "yes");
  variable("MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23", std::string("\x06\0\0\0\1", 5));
  EXPECT_EQ(said(keys::kSecureBoot), "no");  // shim was told not to check
  variable(kVariable, std::string("\x06\0\0\0\0", 5));
  EXPECT_EQ(said(keys::kSecureBoot), "no");
  variable(kVariable, "\x06");
  EXPECT_EQ(said(keys::kSecureBoot), "unknown: failed");
}

}  // namespace
}  // namespace postern::agent
