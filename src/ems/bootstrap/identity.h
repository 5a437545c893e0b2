#pragma once
// Who this EMS is: serial number, tenant and the keys that make it trusted. Kept in the store's meta table; the keys
// never leave it but into TLS and signatures.
#include <map>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "net/tls.h"
#include "pki/authority.h"

namespace postern::ems {

struct EmsIdentity {
  EmsSerial serial;
  TenantId tenant;
  pki::Identity root;       ///< The EMS root key: signs the other two and the built-in web certificate.
  pki::Identity ztna;       ///< The ZTNA CA: signs endpoints' client certificates.
  pki::Identity telemetry;  ///< Of the telemetry listener.

  Sha256 root_key_sha256() const { return root.key.public_key_sha256(); }
  /// Leaf and the root above it.
  net::TlsIdentity telemetry_tls() const;
  std::string root_pem() const { return pki::to_pem(root.certificate); }
  std::string ztna_pem() const { return pki::to_pem(ztna.certificate); }
};

namespace meta {
inline constexpr std::string_view kSerial = "serial";
inline constexpr std::string_view kTenant = "tenant";
inline constexpr std::string_view kRoot = "root";            ///< Key and certificate, as the next two.
inline constexpr std::string_view kZtna = "ztna_ca";
inline constexpr std::string_view kTelemetry = "telemetry";
inline constexpr std::string_view kNextTag = "next_tag";
inline constexpr std::string_view kAliveAt = "alive_at";      ///< When the EMS last ran, Unix ms.
inline constexpr std::string_view kProbe = "probe";          ///< Written to find out whether writing works again.
}  // namespace meta

/// Key and certificate as one PEM text, and back.
std::string identity_pem(const pki::Identity& identity);
/// Error: kDataLoss.
Result<EmsIdentity> read_identity(const std::map<std::string, std::string>& meta);

}  // namespace postern::ems
