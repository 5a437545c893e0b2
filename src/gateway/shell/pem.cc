#include "gateway/shell/pem.h"

#include <fmt/format.h>

#include "base/file.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace postern::gateway {
namespace {

bool is_text(const std::string& value) { return !value.empty() && value[0] != '/'; }

}  // namespace

Result<std::string> pem_of(const std::string& value) {
  if (!is_text(value)) return value.empty() ? Result<std::string>(std::string()) : read_file(value, 1 << 20);
  return value;
}

Status check_pair(const std::string& chain_pem, const std::string& key_pem) {
  const auto chain = pki::certificates_from_pem(chain_pem);
  if (!chain) return fail(chain.error());
  const auto key = pki::PrivateKey::from_pem(key_pem);
  if (!key) return fail(key.error());
  if (auto fits = pki::check_key(chain->front(), *key); !fits) return fits;
  return pki::check_strength(chain->front());
}

Status check_validity(const std::string& chain_pem, WallTime now) {
  const auto chain = pki::certificates_from_pem(chain_pem);
  if (!chain) return fail(chain.error());
  const auto info = pki::parse_certificate(chain->front());
  if (!info) return fail(info.error());
  if (now < info->not_before)
    return fail(ErrorCode::kInvalidArgument, "is valid from " + to_iso8601(info->not_before) + " on: until then, clients refuse it");
  if (now >= info->not_after)
    return fail(ErrorCode::kInvalidArgument, "was valid until " + to_iso8601(info->not_after) + ": clients refuse it");
  return {};
}

Status check_certificates(const config::ConfigTree& before, const config::ConfigTree& next) {
  const auto wrong = [](const config::ObjectView& o, std::string_view attribute, const std::string& why) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} {}: {}: {}; allowed: PEM text as openssl writes it, or the absolute path of a PEM file",
                            o.table().name, o.key(), attribute, why));
  };
  // What was taken before must not keep other changes out, whatever became of its file.
  const auto is_new = [&](const config::ObjectView& o) {
    const auto* known = before.find({{o.table().name, o.key()}});
    return known == nullptr || !(*known == o.object());
  };
  for (const auto& o : next.entries("certificate remote")) {
    const auto pem = pem_of(o.text("remote"));
    if (!is_new(o) || !pem) continue;
    if (auto read = pki::certificates_from_pem(*pem); !read) return wrong(o, "remote", read.error().message);
  }
  for (const auto& o : next.entries("certificate local")) {
    const auto certificate = pem_of(o.text("certificate")), key = pem_of(o.text("private-key"));
    if (!is_new(o) || o.text("certificate").empty()) continue;  // the built-in one's text stands elsewhere
    const auto read = certificate ? pki::certificates_from_pem(*certificate)
                                  : Result<std::vector<Bytes>>(std::vector<Bytes>());
    if (!read) return wrong(o, "certificate", read.error().message);
    if (!key) continue;
    const auto own = pki::PrivateKey::from_pem(*key);
    if (!own) return wrong(o, "private-key", own.error().message);
    if (read->empty()) continue;
    if (auto fits = pki::check_key(read->front(), *own); !fits) return wrong(o, "private-key", fits.error().message);
  }
  return {};
}

}  // namespace postern::gateway
