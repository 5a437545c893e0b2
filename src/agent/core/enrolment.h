#pragma once
// What makes this machine an endpoint of an EMS: the key, the certificate over it, and how that EMS is recognised.
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/sha256.h"
#include "pki/key.h"
#include "posture/fact.h"

namespace postern::agent {

struct Enrolment {
  EndpointUid uid;
  EmsSerial ems_serial;
  TenantId tenant;
  std::vector<std::string> addresses;   ///< "host:port", in the order in which they are tried.
  Sha256 root_key_sha256{};             ///< Of the EMS root key: a server whose chain ends elsewhere is not this EMS.
  pki::PrivateKey key;
  std::vector<Bytes> chain_der;         ///< Leaf first, without the root.
  CertSerial certificate;               ///< The leaf's, as are the times.
  WallTime not_before{};
  WallTime not_after{};

  std::string chain_pem() const;
  /// By this machine's clock: it can't be renewed any more, and the EMS hangs up on who shows it.
  bool expired(WallTime now) const { return now >= not_after; }
};

/// Takes a new chain into an enrolment after checking it: the key is ours and the subject is the UID.
/// Errors: kDataLoss, saying what is wrong with it.
Status adopt_chain(Enrolment& enrolment, std::vector<Bytes> chain_der);

/// The body of POST /enrol, from what is known of this machine.
std::string enrol_request(const std::string& code, const pki::PrivateKey& key, const posture::FactMap& facts,
                          const std::string& agent_version);

/// Why there is no connection, of which the way says only `reason`: with what to do where the certificate has expired.
std::string why_not_connected(const Enrolment& enrolment, WallTime now, std::string reason);

/// What the EMS answered. Errors: the EMS's own (its code and words), kDataLoss (an answer that cannot be one).
Result<Enrolment> enrol_response(ByteView body, const pki::PrivateKey& key, std::vector<std::string> addresses,
                                 const Sha256& root_key_sha256);

/// Is this the EMS with that root key? `chain_der` is what the server showed, leaf first, root included.
/// Errors: kUnauthenticated, saying what a person should look at.
Status check_ems(const std::vector<Bytes>& chain_der, const Sha256& root_key_sha256, WallTime now);

}  // namespace postern::agent
