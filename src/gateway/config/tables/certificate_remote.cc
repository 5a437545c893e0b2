#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table certificate_remote() {
  Table t;
  t.name = "certificate remote";
  t.help = "Certificates of others, to know them by.";
  t.key = text("name", "Name of the certificate.", 35, 1);
  t.attributes = {
      of_type("remote", Type::kPem, "The certificate.").must(),
      text("comments", "Note.", 511),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
