#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table user_local() {
  Table t;
  t.name = "user local";
  t.help = "Users, as endpoints say that they are signed in, for policies. There are no passwords here: the operating system of the "
           "endpoint, which its agent believes, is who asked for one.";
  t.key = text("name", "Name that the user signs in to the endpoint by: alice (of whichever domain, or none), CORP\\alice or "
                       "alice@corp.example (of this domain alone). Upper and lower case are the same.",
               64, 1);
  t.attributes = {
      toggle("status", "Whether the user is one.", true).inert(),
      option("type", "Who says that the user is signed in.", {{"endpoint", "The endpoint's agent."}}).by_default("endpoint"),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
