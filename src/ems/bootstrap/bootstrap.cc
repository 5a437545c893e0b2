#include "ems/bootstrap/bootstrap.h"

#include <utility>

#include "ems/bootstrap/identity.h"
#include "ems/bootstrap/lifetimes.h"
#include "ems/registry/codec.h"
#include "pki/certificate.h"

namespace postern::ems {
namespace {

Status commit(Store& store, const Batch& batch) {
  const auto done = store.commit(batch);
  if (!done) return fail(done.error());
  return {};
}

}  // namespace

Result<bool> store_is_blank(const Store& store) {
  auto serial = store.get(TableId::kMeta, meta::kSerial);
  if (!serial) return fail(serial.error());
  return !serial->has_value();
}

Status bootstrap(Store& store, Random& random, Now now, const BootstrapOptions& options) {
  const auto blank = store_is_blank(store);
  if (!blank) return fail(blank.error());
  if (!*blank) return fail(ErrorCode::kConflict, "this data directory already holds an EMS");

  const EmsSerial serial("PSTEMS" + random.digits(10));
  const std::string organisation = "Postern EMS " + serial.str();
  const auto root = pki::make_root(serial.str() + " root", organisation, validity(now, kRootLife), random);
  const auto ztna =
      pki::make_intermediate(root, serial.str() + " ZTNA CA", organisation, validity(now, kZtnaLife), random);
  const auto telemetry = pki::make_server(root, serial.str() + " telemetry", options.server_names,
                                          validity(now, kTelemetryLife), random);
  const auto web = pki::make_server(root, options.server_names.empty() ? serial.str() : options.server_names.front(),
                                    options.server_names, validity(now, kWebLife), random);
  Batch batch;
  batch.at = now.wall;
  const auto meta_row = [&](std::string_view key, std::string value) {
    batch.rows.push_back({TableId::kMeta, std::string(key), std::move(value)});
  };
  meta_row(meta::kNextTag, std::to_string(posture::kAllRegisteredClientsId + 1));
  meta_row(meta::kRoot, identity_pem(root));
  meta_row(meta::kSerial, serial.str());
  meta_row(meta::kTelemetry, identity_pem(telemetry));
  meta_row(meta::kTenant, std::string(32, '0'));
  meta_row(meta::kZtna, identity_pem(ztna));

  Profile profile;
  profile.name = kDefaultProfile;
  batch.rows.push_back({TableId::kProfiles, profile.name, codec::profile_row(profile)});
  Administrator admin;
  admin.name = kFirstAdministrator;
  admin.password_hash = options.password_hash;
  admin.must_change_password = options.must_change_password;
  admin.created_at = now.wall;
  batch.rows.push_back({TableId::kAdministrators, admin.name, codec::administrator_row(admin)});
  ServerCertificate certificate;
  certificate.name = "Built-in";
  certificate.chain_pem = pki::to_pem(web.certificate) + pki::to_pem(root.certificate);
  certificate.key_pem = web.key.to_pem();
  certificate.selected = certificate.built_in = true;
  certificate.added_at = now.wall;
  batch.rows.push_back(
      {TableId::kServerCertificates, certificate.name, codec::server_certificate_row(certificate)});
  batch.changes.push_back({"ems", serial.str(), R"({"event":"created"})", ""});
  batch.audit.push_back({0, now.wall, "ems", "", "ems.create", serial.str(), "first start"});
  return commit(store, batch);
}

Status set_password(Store& store, Now now, const std::string& administrator, const std::string& password_hash) {
  auto row = store.get(TableId::kAdministrators, administrator);
  if (!row) return fail(row.error());
  if (!row->has_value()) return fail(ErrorCode::kNotFound, "there is no administrator \"" + administrator + "\"");
  auto a = codec::read_administrator_row(**row);
  if (!a) return fail(a.error());
  a->password_hash = password_hash;
  a->must_change_password = false;
  std::string detail = "from the command line";
  // A password that lets nobody in would be no help.
  if (std::exchange(a->disabled, false)) detail += ", enabled";
  Batch batch;
  batch.at = now.wall;
  // Whoever knew the password before may have made tokens with it.
  std::size_t ended = 0;
  const auto loaded = store.load([&](TableId table, std::string_view key, std::string_view value) -> Status {
    if (table != TableId::kApiTokens) return {};
    const auto token = codec::read_api_token_row(value);
    if (!token) return fail(token.error());
    if (token->user != administrator) return {};
    batch.rows.push_back({TableId::kApiTokens, std::string(key), std::nullopt});
    ++ended;
    return {};
  });
  if (!loaded) return fail(loaded.error());
  if (ended != 0) detail += ", API tokens ended: " + std::to_string(ended);
  batch.rows.push_back({TableId::kAdministrators, administrator, codec::administrator_row(*a)});
  batch.changes.push_back({"administrator", administrator, R"({"event":"password_reset"})", ""});
  batch.audit.push_back({0, now.wall, "ems", "", "administrator.reset_password", administrator, detail});
  return commit(store, batch);
}

}  // namespace postern::ems
