#include <filesystem>

#include "agent/collectors/collector.h"
#include "base/file.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

bool runs(std::string_view name) {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
    const auto pid = entry.path().filename().native();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    const auto comm = read_file(entry.path() / "comm", 256);
    if (comm && trim(*comm) == name) return true;
  }
  return false;
}

bool there(const Facts& facts, const char* path) {
  std::error_code ec;
  return std::filesystem::exists(facts.path(path), ec);
}

/// "ClamAV-VDB:24 Nov 2026 …:27400:…": the third field is the version of the signatures.
std::string signature_version(std::string_view head) {
  const auto fields = split(head.substr(0, 512), ':');
  return fields.size() > 3 && fields[0] == "ClamAV-VDB" ? std::string(fields[2]) : std::string();
}

}  // namespace

void collect_protection(Facts& facts) {
  const auto state = [&](std::string_view key, const char* daemon, const char* binary) {
    if (facts.foreign()) return facts.unknown(key, UnknownReason::kUnsupported, "another root file system");
    facts.know(key, there(facts, binary) && runs(daemon), binary);
  };
  state(keys::kFeatureAv, "clamd", "/usr/sbin/clamd");
  for (const char* path : {"/var/lib/clamav/daily.cld", "/var/lib/clamav/daily.cvd"}) {
    if (!there(facts, path)) continue;
    const auto bytes = read_file(facts.path(path), 1u << 30);
    if (bytes) facts.text(keys::kAvDbVersion, signature_version(*bytes), path);
  }
  if (!facts.map().contains(keys::kAvDbVersion)) {
    facts.unknown(keys::kAvDbVersion, UnknownReason::kUnsupported, "/var/lib/clamav");
  }
  // ufw and firewalld say so themselves; a bare nftables ruleset cannot be told from an empty one without privilege.
  if (facts.foreign()) {
    facts.unknown(keys::kFeatureFirewall, UnknownReason::kUnsupported, "another root file system");
  } else if (runs("firewalld")) {
    facts.know(keys::kFeatureFirewall, true, "firewalld");
  } else if (const auto ufw = read_file(facts.path("/etc/ufw/ufw.conf"), 1 << 16)) {
    facts.know(keys::kFeatureFirewall, ufw->find("ENABLED=yes") != ufw->npos, "/etc/ufw/ufw.conf");
  } else {
    facts.unknown(keys::kFeatureFirewall, UnknownReason::kUnsupported, "no ufw, no firewalld");
  }
  std::error_code ec;
  if (facts.foreign()) {
    facts.unknown(keys::kFeatureVpn, UnknownReason::kUnsupported, "another root file system");
  } else {
    facts.know(keys::kFeatureVpn, there(facts, "/usr/sbin/openvpn") || there(facts, "/usr/bin/wg"), "/usr");
  }
  // Linux has no such products that could be asked.
  facts.unknown(keys::kFeatureWebFilter, UnknownReason::kUnsupported, "agent");
  facts.unknown(keys::kFeatureAntiSpam, UnknownReason::kUnsupported, "agent");
  facts.unknown(keys::kAppSignatureVersion, UnknownReason::kUnsupported, "agent");
}

}  // namespace postern::agent
