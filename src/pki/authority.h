#pragma once
// Making certificates: the EMS's hierarchy, endpoints' client certificates, a gateway's device certificate.
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace postern::pki {

/// Larger requests are refused before they are parsed.
inline constexpr std::size_t kMaxRequestBytes = 16 << 10;

/// A signing request made with `key`; its subject says nothing (the issuer decides).
Bytes make_request(const PrivateKey& key);
/// SHA-256 of the public key of a request whose own signature is right. Errors: kInvalidArgument, kResourceExhausted,
/// kUnsupported (key other than P-256, P-384, Ed25519 or RSA of at least 2048 bits).
Result<Sha256> request_public_key(ByteView request_der);

/// A certificate with the key that belongs to it.
struct Identity {
  PrivateKey key;
  Bytes certificate;
};

struct Validity {
  WallTime not_before;
  WallTime not_after;
};

/// A self-signed certificate authority. `random` makes serial numbers.
Identity make_root(const std::string& common_name, const std::string& organisation, Validity validity, Random& random);
/// An authority under `issuer` that signs end entities only (path length 0).
Identity make_intermediate(const Identity& issuer, const std::string& common_name, const std::string& organisation,
                           Validity validity, Random& random);
/// A server's certificate (EKU serverAuth); each name is a DNS name or an IP address.
Identity make_server(const Identity& issuer, const std::string& common_name, const std::vector<std::string>& names,
                     Validity validity, Random& random);
/// An endpoint's client certificate (EKU clientAuth) for the key of a checked request.
/// Errors: as request_public_key.
Result<Bytes> issue_client(const Identity& issuer, ByteView request_der, const EndpointUid& uid, const EmsSerial& ems,
                           Validity validity, Random& random);
/// A gateway's self-signed certificate (EKU clientAuth), CN its serial number.
Identity make_device(PrivateKey key, const GatewaySerial& serial, Validity validity, Random& random);

}  // namespace postern::pki
