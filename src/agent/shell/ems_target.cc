#include "agent/shell/ems_target.h"

#include "agent/core/enrolment.h"
#include "proto/invitation.h"

namespace postern::agent {

Error EmsTarget::explain(const Error& error) const {
  if (*refused) return (*refused)->context(target.host + ":" + std::to_string(target.port));
  return error;
}

Result<EmsTarget> ems_target(const std::string& address, const Sha256& root_key_sha256, const char* protocol,
                             const Clock& clock) {
  const auto parsed = proto::parse_host_port(address);
  if (!parsed) return fail(parsed.error());
  EmsTarget out;
  out.refused = std::make_shared<std::optional<Error>>();
  out.target.host = parsed->host;
  out.target.port = parsed->port;
  out.target.tls.alpn = protocol;
  out.target.tls.check_name = false;
  out.target.tls.accept_peer = [refused = out.refused, root_key_sha256, &clock](const net::PeerIdentity& peer) {
    const auto ok = check_ems(peer.chain_der, root_key_sha256, clock.now().wall);
    if (!ok) *refused = ok.error();
    return ok.has_value();
  };
  return out;
}

}  // namespace postern::agent
