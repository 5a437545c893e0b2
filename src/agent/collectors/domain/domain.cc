#include "agent/collectors/domain/domain.h"

#include "agent/collectors/listing.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;

constexpr const char* kSssd = "/etc/sssd/sssd.conf";
constexpr const char* kSssdParts = "/etc/sssd/conf.d";
constexpr std::size_t kMaxConf = 1u << 20;

/// The value of `key` in `[section]`, up to the first comma or space.
std::string ini_value(std::string_view text, std::string_view section, std::string_view key) {
  bool inside = false;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.starts_with('[')) {
      inside = line == section;
      continue;
    }
    const auto equals = line.find('=');
    if (!inside || line.starts_with('#') || line.starts_with(';') || equals == line.npos) continue;
    if (trim(line.substr(0, equals)) != key) continue;
    const auto value = trim(line.substr(equals + 1));
    return std::string(trim(value.substr(0, value.find_first_of(", \t"))));
  }
  return {};
}

}  // namespace

std::string parse_sssd_domain(std::string_view text) { return ini_value(text, "[sssd]", "domains"); }

std::string parse_krb5_realm(std::string_view text) {
  return to_lower(ini_value(text, "[libdefaults]", "default_realm"));
}

std::string parse_resolv_domain(std::string_view text) {
  std::string out;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    for (const std::string_view word : {"domain", "search"}) {
      if (!line.starts_with(word) || line.size() <= word.size()) continue;
      if (line[word.size()] != ' ' && line[word.size()] != '\t') continue;
      const auto value = trim(line.substr(word.size()));
      out = value.substr(0, value.find_first_of(" \t"));
      if (out.ends_with('.')) out.pop_back();
    }
  }
  return out;
}

Result<std::string> read_sssd(const Facts& facts) {
  std::vector<std::string> paths{kSssd};
  const auto names = list_directory(facts, kSssdParts);
  if (!names && names.error().code != ErrorCode::kNotFound) return fail(names.error());
  for (const auto& name : names.value_or(std::vector<std::string>())) {
    if (name.ends_with(".conf") && !name.starts_with('.')) paths.push_back(std::string(kSssdParts) + "/" + name);
  }
  Result<std::string> out = fail(ErrorCode::kNotFound, std::string(kSssd) + " is not there");
  for (const auto& path : paths) {
    auto text = facts.read(path, kMaxConf);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return text;
    // A part that says nothing of domains leaves them as they are.
    if (!out || !parse_sssd_domain(*text).empty()) out = std::move(text);
  }
  return out;
}

void collect_domain(Facts& facts) {
  static constexpr std::pair<const char*, std::string (*)(std::string_view)> kPlaces[] = {
      {kSssd, parse_sssd_domain}, {"/etc/krb5.conf", parse_krb5_realm}, {"/etc/resolv.conf", parse_resolv_domain}};
  // What the machine joined says more than where its resolver looks; what may not be read could have said it.
  const char* denied = nullptr;
  for (const auto& [path, parse] : kPlaces) {
    const auto text = path == kSssd ? read_sssd(facts) : facts.read(path, kMaxConf);
    if (!text && text.error().code == ErrorCode::kPermissionDenied && denied == nullptr) denied = path;
    const auto domain = text ? parse(*text) : std::string();
    if (!domain.empty() && denied == nullptr) return facts.know(keys::kDomain, domain, path);
  }
  facts.unknown(keys::kDomain, denied ? posture::UnknownReason::kDenied : posture::UnknownReason::kUnsupported,
                denied ? denied : "no sssd, Kerberos or search domain");
}

}  // namespace postern::agent
