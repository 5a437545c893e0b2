#include "gateway/config/secret.h"
#include "gateway/config/tables/account_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

// Ten of each family with a number in the name, as such devices have them: a configuration that comes from one, and
// programs that write to one, name them so.
constexpr int kTrustedHosts = 10;

Status check_admin(const ObjectView& o) {
  for (const bool v4 : {true, false}) {
    for (int i = 1; i <= kTrustedHosts; ++i) {
      const std::string name = (v4 ? "trusthost" : "ip6-trusthost") + std::to_string(i);
      if (auto family = check_family(name, o.text(name), v4); !family) return family;
    }
  }
  return {};
}

}  // namespace

Table system_admin() {
  Table t;
  t.name = "system admin";
  t.help = "People who may administer this gateway.";
  t.key = text("name", "Name to sign in with.", 64, 1);
  t.attributes = {
      of_type("password", Type::kSecret, "Password, without the name in it; kept as a salted hash.")
          .range(kMinPassword, kMaxSecret),
      account_profile(),
      text("comments", "Note.", 255),
  };
  const std::string help = "A network to sign in from; with any set, of either family, only those set count.";
  for (int i = 1; i <= kTrustedHosts; ++i) {
    t.attributes.push_back(
        of_type("trusthost" + std::to_string(i), Type::kSubnet, help).by_default("0.0.0.0 0.0.0.0"));
  }
  for (int i = 1; i <= kTrustedHosts; ++i) {
    t.attributes.push_back(of_type("ip6-trusthost" + std::to_string(i), Type::kSubnet, help).by_default("::/0"));
  }
  t.check = check_admin;
  return t;
}

}  // namespace postern::gateway::config::tables
