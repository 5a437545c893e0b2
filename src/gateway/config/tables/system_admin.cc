#include "gateway/config/secret.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table system_admin() {
  Table t;
  t.name = "system admin";
  t.help = "People who may administer this gateway.";
  t.key = text("name", "Name to sign in with.", 64, 1);
  t.attributes = {
      of_type("password", Type::kSecret, "Password, without the name in it; kept as a salted hash.")
          .range(kMinPassword, kMaxSecret),
      text("comments", "Note.", 255),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
