// /api/v1/certificates/server: EMS Server Certificates, one of which the web server shows.
#include <fmt/format.h>

#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/core/name.h"
#include "pki/certificate.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxChain = 10;
constexpr std::int64_t kMaxPem = 64 << 10;

json::array names_json(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

/// Without the key, which never leaves the EMS.
json::object certificate_json(const ServerCertificate& c) {
  json::object out{{"name", c.name},
                   {"selected", c.selected},
                   {"built_in", c.built_in},
                   {"added_at", time_json(c.added_at)},
                   {"certificate", c.chain_pem}};
  const auto chain = pki::certificates_from_pem(c.chain_pem);
  const auto leaf = chain ? pki::parse_certificate(chain->front()) : Result<pki::CertificateInfo>(fail(chain.error()));
  if (!leaf) return out;  // not written by us; what is known is shown
  out["subject"] = leaf->subject;
  out["issuer"] = leaf->issuer;
  out["serial"] = leaf->serial.str();
  out["names"] = names_json(leaf->dns_names);
  for (const auto& ip : leaf->ip_addresses) out["names"].as_array().emplace_back(ip);
  out["not_before"] = time_json(leaf->not_before);
  out["not_after"] = time_json(leaf->not_after);
  out["sha256"] = to_hex_lower(leaf->sha256);
  out["fingerprint"] = pki::fingerprint_text(leaf->sha256);
  return out;
}

Error no_certificate(const std::string& name) {
  return {ErrorCode::kNotFound, "there is no server certificate " + name};
}

const ServerCertificate* find(const CallPtr& call, const std::string& name) {
  for (const ServerCertificate* c : call->services.core.server_certificates()) {
    if (c->name == name) return c;
  }
  return nullptr;
}

tl::unexpected<Error> refuse_certificate(std::string why) {
  return fail(ErrorCode::kInvalidArgument, "certificate: " + std::move(why));
}

Status check_dates(const pki::CertificateInfo& info, WallTime now) {
  if (info.not_after <= now) return refuse_certificate(fmt::format("{} expired at {}", info.subject, to_iso8601(info.not_after)));
  if (info.not_before > now) {
    return refuse_certificate(fmt::format("{} is not valid before {}; check this machine's clock", info.subject,
                              to_iso8601(info.not_before)));
  }
  return {};
}

/// A certificate that browsers and gateways take, with its key, in our own spelling: nothing else of the texts is kept.
Result<ServerCertificate> read_upload(std::string_view chain_pem, std::string_view key_pem, WallTime now) {
  const auto chain = pki::certificates_from_pem(chain_pem);
  if (!chain) return refuse_certificate("must be PEM, the server's own certificate first; " + chain.error().message);
  if (chain->size() > kMaxChain) return refuse_certificate(fmt::format("{} certificates are too many", chain->size()));
  ServerCertificate out;
  for (std::size_t i = 0; i < chain->size(); ++i) {
    const auto info = pki::parse_certificate((*chain)[i]);
    if (!info) return refuse_certificate(fmt::format("number {} of the chain: {}", i + 1, info.error().message));
    if (Status ok = pki::check_strength((*chain)[i]); !ok) {
      return refuse_certificate(fmt::format("{}: {}", i == 0 ? info->subject : fmt::format("number {} of the chain", i + 1),
                                ok.error().message));
    }
    if (Status ok = check_dates(*info, now); !ok) return fail(ok.error());
    if (i == 0) {
      if (!info->server_auth) {
        return refuse_certificate("it is not one for a server: its extended key usage must be serverAuth. Is the server's own "
                      "certificate the first?");
      }
      if (info->client_auth) {
        return refuse_certificate("its extended key usage names clientAuth too; have one issued for serverAuth only");
      }
    } else if (!pki::signed_by((*chain)[i - 1], (*chain)[i])) {
      return refuse_certificate(fmt::format("number {} of the chain did not sign the one before it; order them from the server's "
                                "own to the root",
                                i + 1));
    }
    out.chain_pem += pki::to_pem((*chain)[i]);
  }
  const auto key = pki::PrivateKey::from_pem(key_pem);
  if (!key) return fail(ErrorCode::kInvalidArgument, "private_key: " + key.error().message);
  if (!pki::check_key(chain->front(), *key)) {
    return fail(ErrorCode::kInvalidArgument, "private_key: it is not the key of the (first) certificate");
  }
  out.key_pem = key->to_pem();
  out.added_at = now;
  return out;
}

void list_certificates(const CallPtr& call) {
  reply_page(call, call->services.core.server_certificates(), [](const ServerCertificate* c) { return c->name; },
             [](const ServerCertificate* c) { return certificate_json(*c); });
}

void show_certificate(const CallPtr& call) {
  const ServerCertificate* c = find(call, call->param("name"));
  if (c == nullptr) return call->fail(no_certificate(call->param("name")));
  call->reply(200, certificate_json(*c));
}

/// Answers with the certificate as it is after the commit.
DoneStatus done_certificate(const CallPtr& call, const std::string& name, int status) {
  return [call, name, status](Status done) {
    if (!done) return call->fail(done.error());
    const ServerCertificate* c = find(call, name);
    if (c == nullptr) return call->fail(no_certificate(name));  // deleted in the same moment
    call->reply(status, certificate_json(*c));
  };
}

void upload(const CallPtr& call) {
  const std::string name = *call->text("name");
  if (Status ok = check_new_name(name); !ok) return call->fail(ok.error());
  auto certificate = read_upload(*call->text("certificate"), *call->text("private_key"), now_of(call).wall);
  if (!certificate) return call->fail(certificate.error());
  certificate->name = name;
  call->services.core.add_server_certificate(now_of(call), actor_of(call), std::move(*certificate),
                                             done_certificate(call, name, 201));
}

void select(const CallPtr& call) {
  const std::string name = call->param("name");
  const ServerCertificate* c = find(call, name);
  if (c == nullptr) return call->fail(no_certificate(name));
  if (const auto chain = pki::certificates_from_pem(c->chain_pem)) {
    const auto leaf = pki::parse_certificate(chain->front());
    if (Status ok = leaf ? check_dates(*leaf, now_of(call).wall) : Status(); !ok) {
      return call->fail({ErrorCode::kConflict, ok.error().message});
    }
  }
  // In use first: what the web server can't use must not be recorded as selected, or the next start would fail.
  if (Status ok = call->services.hooks.use_web_certificate({c->chain_pem, c->key_pem}); !ok) {
    return call->fail(
        {ErrorCode::kConflict,
         "the web server can't use this certificate, the one before stays in use: " + ok.error().message});
  }
  call->services.core.select_server_certificate(
      now_of(call), actor_of(call), name, [call, shown = done_certificate(call, name, 200)](Status done) {
        if (!done) {
          if (const ServerCertificate* stored = call->services.core.selected_server_certificate()) {
            // It was in use before, so it can be used.
            (void)call->services.hooks.use_web_certificate({stored->chain_pem, stored->key_pem});
          }
        }
        shown(done);
      });
}

void remove_certificate(const CallPtr& call) {
  call->services.core.remove_server_certificate(now_of(call), actor_of(call), call->param("name"), done_empty(call));
}

}  // namespace

Resource certificates_resource() {
  return {
      .name = "certificates",
      .description = "EMS Server Certificates: what the web server shows to browsers and gateways",
      .routes = {{.method = "GET",
                  .path = "/api/v1/certificates/server",
                  .role = Role::kReadonly,
                  .handler = list_certificates,
                  .summary = "All server certificates by name, without their keys",
                  .query = list_query({}),
                  .result = "ServerCertificate",
                  .list = true},
                 {.method = "POST",
                  .path = "/api/v1/certificates/server",
                  .handler = upload,
                  .summary = "Upload a certificate with its key; it is checked, and in use once it is selected",
                  .body_kind = BodyKind::kFields,
                  .body = {{.name = "name", .description = "Its name here", .required = true, .min = 1, .max = 63},
                           {.name = "certificate",
                            .description = "PEM: the server's own certificate, then those above it",
                            .required = true,
                            .min = 1,
                            .max = kMaxPem,
                            .multiline = true},
                           {.name = "private_key",
                            .description = "PEM, not encrypted. It never leaves the EMS",
                            .required = true,
                            .min = 1,
                            .max = kMaxPem,
                            .multiline = true}},
                  .max_body = 256u << 10,
                  .success = 201,
                  .result = "ServerCertificate"},
                 {.method = "GET",
                  .path = "/api/v1/certificates/server/{name}",
                  .role = Role::kReadonly,
                  .handler = show_certificate,
                  .summary = "One server certificate",
                  .result = "ServerCertificate"},
                 {.method = "POST",
                  .path = "/api/v1/certificates/server/{name}/select",
                  .handler = select,
                  .summary = "Use it for new connections from now on. Gateways that trusted another one stop and ask",
                  .result = "ServerCertificate"},
                 {.method = "DELETE",
                  .path = "/api/v1/certificates/server/{name}",
                  .handler = remove_certificate,
                  .summary = "Delete an uploaded certificate that is not selected, and its key",
                  .success = 204}},
      .schemas = R"({"ServerCertificate": {"type": "object",
        "required": ["name", "selected", "built_in", "added_at", "certificate"], "properties": {
          "name": {"type": "string"},
          "selected": {"type": "boolean", "description": "In use; exactly one is"},
          "built_in": {"type": "boolean", "description": "Signed by the EMS root key; can't be deleted"},
          "added_at": {"type": ["string", "null"], "format": "date-time"},
          "certificate": {"type": "string", "description": "PEM, the server's own first"},
          "subject": {"type": "string"}, "issuer": {"type": "string"}, "serial": {"type": "string"},
          "names": {"type": "array", "items": {"type": "string"}, "description": "Host names and addresses it is for"},
          "not_before": {"type": "string", "format": "date-time"},
          "not_after": {"type": "string", "format": "date-time"},
          "sha256": {"type": "string", "description": "Of the certificate, hex"},
          "fingerprint": {"type": "string", "description": "The same, as people compare it: AB:CD:…"}}}})"};
}

}  // namespace postern::ems::api
