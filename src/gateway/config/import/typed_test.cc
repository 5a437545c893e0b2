// Texts that people typed, and scripts that edit an entry again: nothing is guessed at.
#include "gateway/config/import/fortios_lab.h"

namespace postern::gateway::config::fortios {
namespace {

using ::testing::HasSubstr;

using TypedImport = FortiosLab;

const std::string kRefusedAndAccepted = kLanAndServer + policy_text("", "5") + policy_text("", "6");

std::string again(const std::string& line) { return "config firewall policy\nedit 5\n" + line + "next\nend\n"; }

TEST_F(TypedImport, PolicyThatIsEditedAgainRefusesWhereItStoodFirst) {
  for (const std::string line : {"set action deny\n", "unset action\n", "set status enable\n", "set srcintf \"port9\"\n"}) {
    SCOPED_TRACE(line);
    take(kRefusedAndAccepted + again(line));
    EXPECT_THAT(off("firewall policy 5"), HasSubstr("stands there twice"));
    EXPECT_THAT(off("firewall policy 6"), HasSubstr("it stands behind firewall policy 5, which refuses and is not in force here"));
  }
  take(kLanAndServer + policy_text("", "4") + policy_text("", "5") + again("set action deny\n"));
  EXPECT_TRUE(on("4"));  // stands in front of it
}

TEST_F(TypedImport, TheSameOnceMoreIsTheSameWordByWord) {
  take(kLanAndServer + policy_text("", "5") + policy_text("", "5"));
  EXPECT_TRUE(on("5"));
  EXPECT_THAT(off("firewall policy 5"), HasSubstr("says the same"));
  for (const std::string more : {"set groups \"staff\"\n", "set srcaddr-negate enable\n", "config unheard\nset a b\nend\n"}) {
    SCOPED_TRACE(more);
    for (const std::string action : {"accept", "deny"}) {
      take(kLanAndServer + policy_text("", "5", action) + policy_text(more, "5", action) + policy_text("", "6"));
      EXPECT_FALSE(on("5"));
      EXPECT_FALSE(on("6"));
    }
  }
  const auto service = [](const std::string& more) {
    return "config firewall service custom\nedit \"S\"\nset tcp-portrange 80\n" + more + "next\nend\n";
  };
  take(kLanAndServer + service("") + service("set iprange 10.9.9.9\n") + policy_text("set service \"S\"\n"));
  EXPECT_FALSE(on());
}

TEST_F(TypedImport, ShortenedWordsSwitchEveryPolicyOff) {
  const std::string texts[] = {
      kLanAndServer + policy_text("set act deny\n", "5") + policy_text("", "6"),
      kLanAndServer + policy_text("set status disable\nset stat enable\n", "5", "deny") + policy_text("", "6"),
      kLanAndServer + policy_text("set dstintf \"port9\"\nset dstint \"port2\"\n", "5", "deny") + policy_text("", "6"),
      kLanAndServer + "conf firewall policy\nedit 4\nset srcintf \"any\"\nnext\nend\n" + policy_text("", "6"),
      kLanAndServer + policy_text("se action deny\n", "5") + policy_text("", "6"),
      kLanAndServer + "edit 4\nset srcintf \"any\"\nnext\nend\n" + policy_text("", "6"),
      kLanAndServer + "config system global\nset hostn x\nend\n" + policy_text("", "6"),
      kLanAndServer + policy_text("", "6") + "FGT # conf firewall policy\nFGT (policy) # d 6\nFGT (policy) # end\n",
  };
  for (const auto& text : texts) {
    SCOPED_TRACE(text);
    take(text);
    EXPECT_THAT(off("firewall policy 6"), HasSubstr("is none that show prints, but typed or cut off"));
    EXPECT_FALSE(on("6"));
  }
  take("Welcome to the branch\n" + kLanAndServer + policy_text("", "6") + "next\nend\n");
  EXPECT_TRUE(on("6"));
}

TEST_F(TypedImport, SingleLettersBehindAPromptDoNotOnlyLook) {
  for (const std::string typed : {"d 6", "de 6", "e 7", "a", "s status disable"}) {
    take(kLanAndServer + policy_text("", "6") + "FGT # config firewall policy\nFGT (policy) # " + typed + "\nFGT (policy) # end\n");
    EXPECT_FALSE(on("6")) << typed;
  }
}

}  // namespace
}  // namespace postern::gateway::config::fortios
