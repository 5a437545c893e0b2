#include "gateway/config/model.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table certificate_local() {
  Table t;
  t.name = "certificate local";
  t.help = "Certificates that this gateway presents.";
  t.key = text("name", "Name of the certificate.", 35, 1);
  t.attributes = {
      of_type("certificate", Type::kPem, "The certificate and what it was issued by, leaf first.").must(),
      of_type("private-key", Type::kPem, "Its private key.").must(),
      text("comments", "Note.", 511),
  };
  Object factory;
  factory.key = std::string(kFactoryCertificate);
  t.built_in = {factory};
  return t;
}

}  // namespace postern::gateway::config::tables
