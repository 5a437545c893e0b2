#pragma once
// What the tables of virtual addresses share.
#include <string>
#include <vector>

#include "base/ip.h"
#include "gateway/config/model.h"
#include "gateway/config/tables/attributes.h"

namespace postern::gateway::config::tables {

inline Attribute vip_name() { return text("name", "Name of the virtual address.", 79, 1); }

/// Nobody can listen at an address that is nobody's own.
inline Status check_vip(const ObjectView& o) {
  const auto ip = IpAddress::parse(o.text("extip"));
  if (!ip || !ip->is_multicast()) return {};
  return fail(ErrorCode::kInvalidArgument, "extip: " + ip->str() + " is not allowed; allowed: an address of this machine");
}

/// `everywhere`: the address of the family that means every address.
inline std::vector<Attribute> vip_attributes(const std::string& everywhere) {
  return {
      option("type", "What the address is for.", {{"access-proxy", "An access proxy."}}).by_default("access-proxy"),
      of_type("extip", Type::kAddress, "Address to listen at; " + everywhere + " stands for every address.")
          .by_default(everywhere),
      of_type("extintf", Type::kInterface,
              "Interface that clients come in by; who comes by another one is refused like one whom no policy lets in.")
          .by_default("any"),
      option("server-type", "Protocol towards clients.", {{"https", "HTTPS."}}).by_default("https"),
      number("extport", "Port to listen at.", 1, 65535).by_default("443"),
      reference("ssl-certificate", "Certificate to present.", {"certificate local"})
          .by_default(std::string(kFactoryCertificate)),
      text("comment", "Note.", 255),
  };
}

}  // namespace postern::gateway::config::tables
