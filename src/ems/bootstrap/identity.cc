#include "ems/bootstrap/identity.h"

namespace postern::ems {
namespace {

Result<pki::Identity> read_pem(const std::map<std::string, std::string>& meta, std::string_view name) {
  const auto damaged = [&](std::string_view why) {
    return fail(ErrorCode::kDataLoss,
                "the stored identity \"" + std::string(name) + "\" is damaged: " + std::string(why));
  };
  const auto it = meta.find(std::string(name));
  if (it == meta.end()) return damaged("it is missing");
  auto key = pki::PrivateKey::from_pem(it->second);
  if (!key) return damaged(key.error().message);
  auto certificates = pki::certificates_from_pem(it->second);
  if (!certificates) return damaged(certificates.error().message);
  if (auto ok = pki::check_key(certificates->front(), *key); !ok) return damaged(ok.error().message);
  return pki::Identity{std::move(*key), std::move(certificates->front())};
}

}  // namespace

net::TlsIdentity EmsIdentity::telemetry_tls() const {
  return {pki::to_pem(telemetry.certificate) + pki::to_pem(root.certificate), telemetry.key.to_pem()};
}

std::string identity_pem(const pki::Identity& identity) {
  return identity.key.to_pem() + pki::to_pem(identity.certificate);
}

Result<EmsIdentity> read_identity(const std::map<std::string, std::string>& meta) {
  const auto text = [&](std::string_view name) {
    const auto it = meta.find(std::string(name));
    return it == meta.end() ? std::string() : it->second;
  };
  EmsSerial serial(text(meta::kSerial));
  if (!valid_ems_serial(serial.str())) return fail(ErrorCode::kDataLoss, "the stored serial number is damaged");
  TenantId tenant(text(meta::kTenant));
  auto root = read_pem(meta, meta::kRoot);
  if (!root) return fail(root.error());
  auto ztna = read_pem(meta, meta::kZtna);
  if (!ztna) return fail(ztna.error());
  auto telemetry = read_pem(meta, meta::kTelemetry);
  if (!telemetry) return fail(telemetry.error());
  return EmsIdentity{std::move(serial), std::move(tenant), std::move(*root), std::move(*ztna), std::move(*telemetry)};
}

}  // namespace postern::ems
