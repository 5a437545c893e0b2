#include "proto/invitation.h"

#include <gtest/gtest.h>

namespace postern::proto {
namespace {

TEST(Invitation, RoundTripsAndForgivesOnlyWhiteSpace) {
  Invitation i{{"ems.example:8013", "10.0.2.10:8013", "[2001:db8::1]:443"}, "ABCDEFGH23456789", sha256("key")};
  const auto text = print_invitation(i);
  EXPECT_TRUE(text.starts_with("postern://ems.example:8013,10.0.2.10:8013,[2001:db8::1]:443/ABCDEFGH23456789#"));
  const auto back = parse_invitation("  " + text + "\n");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, i);
}

TEST(Invitation, SaysWhatIsWrongAndNeverTheCode) {
  const std::string digest(64, 'a');
  for (const std::string& text : std::vector<std::string>{
       std::string(), std::string("https://ems/ABCDEFGH#") + digest, "postern://ems:8013/SECRETCODE",
        "postern://ems:8013#" + digest, "postern:///SECRETCODE#" + digest, "postern://ems/SECRETCODE#" + digest,
        "postern://ems:0/SECRETCODE#" + digest, "postern://ems:65536/SECRETCODE#" + digest,
        "postern://e ms:1/SECRETCODE#" + digest, "postern://[1.2.3.4]:1/SECRETCODE#" + digest,
        "postern://ems:1/SECRET CODE#" + digest, "postern://ems:1/SECRETCODE#" + digest + "a",
        "postern://ems:1/SECRETCODE#" + digest + "#", std::string(5000, 'x')}) {
    const auto parsed = parse_invitation(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(parsed.error().message.find("SECRET"), std::string::npos);
  }
}

}  // namespace
}  // namespace postern::proto
