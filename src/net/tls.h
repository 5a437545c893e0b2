#pragma once
// What TLS needs to know, as plain data. PEM texts, never paths: certificates can change without a restart.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/hex.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"

namespace postern::net {

/// Private key and chain (leaf first) that one end presents.
struct TlsIdentity {
  std::string chain_pem;
  std::string key_pem;
};

/// Who the other end proved to be, taken from the finished TLS session and from nothing else.
struct PeerIdentity {
  IpAddress remote_ip;
  std::uint16_t remote_port = 0;
  std::string alpn;                   ///< The protocol agreed on, empty when none.
  std::vector<Bytes> chain_der;       ///< Leaf first, as sent; empty when the peer showed no certificate.
  bool verified = false;              ///< The chain ends in one of our roots, is in date and has the right EKU.
  std::string verify_error;           ///< Why not, for logs.
};

enum class ClientCertificate {
  kNone,      ///< Not asked for.
  kOptional,  ///< Asked for; the handshake goes on without or with a bad one, see PeerIdentity::verified.
  kAny,       ///< Demanded, any: who it is gets decided above (gateways before they are authorised).
  kRequired,  ///< Demanded, and must verify against `client_roots_pem`, EKU clientAuth.
};

/// How one ALPN protocol is served.
struct AlpnPolicy {
  std::string protocol;  ///< Such as "postern-fabric/1" or "http/1.1"; empty: clients that offer none.
  ClientCertificate client_certificate = ClientCertificate::kNone;
};

struct TlsServerConfig {
  TlsIdentity identity;
  std::string client_roots_pem;     ///< Trust anchors for client certificates; may be empty unless kRequired is used.
  std::vector<AlpnPolicy> alpn;     ///< Offers matching none are refused; order is preference.
  bool tls13_only = true;           ///< False also admits TLS 1.2 (browsers' port).
};

struct TlsClientConfig {
  std::optional<TlsIdentity> identity;
  std::string roots_pem;            ///< Trust anchors of the server; empty: nothing is trusted by chain.
  /// Called with the peer's chain as sent (leaf first) and whether it verified against `roots_pem` (name and EKU
  /// included); the handshake goes on only when it returns true. Null: `verified` decides.
  std::function<bool(const PeerIdentity&)> accept_peer;
  std::string server_name;          ///< SNI, and the name or IP address that the certificate must carry.
  bool check_name = true;           ///< False where a pinned root or key is the identity and the name says nothing.
  std::string alpn;                 ///< Offered protocol; empty: none.
};

}  // namespace postern::net
