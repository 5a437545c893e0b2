#include "gateway/config/secret.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table system_api_user() {
  Table t;
  t.name = "system api-user";
  t.help = "Programs that may use the REST API, each with its own token.";
  t.key = text("name", "Name of the program.", 35, 1);
  t.attributes = {
      of_type("api-key", Type::kSecret, "Token; kept as a hash. `execute api-user generate-key <name>` draws one."),
      text("comments", "Note.", 255),
  };
  t.check = [](const ObjectView& o) -> Status {
    // Each request is checked against it: that must cost next to nothing, which only a key of our own drawing allows.
    if (o.is_set("api-key") && !is_hashed_key(o.text("api-key"))) {
      return fail(ErrorCode::kInvalidArgument,
                  "api-key: can't be chosen; draw one: execute api-user generate-key " + o.key());
    }
    return {};
  };
  return t;
}

}  // namespace postern::gateway::config::tables
