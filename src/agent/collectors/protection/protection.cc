#include "agent/collectors/protection/protection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "agent/collectors/network/reader.h"
#include "agent/collectors/protection/clamav.h"
#include "agent/collectors/protection/ruleset.h"
#include "agent/watch/process_table.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;


constexpr const char* kClamd = "/usr/sbin/clamd";
constexpr const char* kAntivirus[] = {kClamd, "/opt/microsoft/mdatp/sbin/wdavdaemon", "/opt/CrowdStrike/falcon-sensor",
                                      "/opt/ds_agent/ds_agent"};
constexpr const char* kVpnClients[] = {"/usr/sbin/openvpn", "/usr/bin/wg", "/usr/sbin/openconnect", "/usr/sbin/swanctl",
                                       "/usr/sbin/ipsec"};

bool runs(const char* program) { return !find_processes({program}, 1).front().empty(); }

void antivirus(Facts& facts) {
  std::uint64_t version = 0;
  std::string source = "/var/lib/clamav";
  auto reason = UnknownReason::kUnsupported;
  for (const auto path : {kProtectionFiles[0], kProtectionFiles[1]}) {
    const auto head = read_clam_head(facts.path(path));
    if (!head && head.error().code == ErrorCode::kNotFound) continue;
    const auto found = head ? parse_clam_version(*head) : std::nullopt;
    if (!found) {
      reason = head ? UnknownReason::kFailed : reason_of(head.error());
      source = path;
    } else if (*found > version) {  // after an update one of the two is older
      version = *found;
      source = path;
    }
  }
  if (version > 0) {
    facts.know(keys::kAvDbVersion, std::to_string(version), source);
  } else {
    facts.unknown(keys::kAvDbVersion, reason, source);
  }
  if (facts.foreign()) return facts.unknown(keys::kFeatureAv, UnknownReason::kUnsupported, kForeignRoot);
  for (const auto* program : kAntivirus) {
    if (!facts.exists(program) || !runs(program)) continue;
    // A scanner without signatures protects from nothing.
    const bool ready = program != kClamd || version > 0;
    return facts.know(keys::kFeatureAv, ready, program);
  }
  facts.know(keys::kFeatureAv, false, "no antivirus daemon runs");
}

void firewall(Facts& facts) {
  if (facts.foreign()) return facts.unknown(keys::kFeatureFirewall, UnknownReason::kUnsupported, kForeignRoot);
  const auto ruleset = read_ruleset();
  if (ruleset && ruleset->filters_input()) return facts.know(keys::kFeatureFirewall, true, "nftables");
  // The old iptables keeps its rules where nftables does not show them.
  const auto old = facts.read("/proc/self/net/ip_tables_names", 4096);
  if (old && old->find("filter") != old->npos) {
    return facts.unknown(keys::kFeatureFirewall, UnknownReason::kUnsupported, "iptables-legacy");
  }
  if (ruleset ||
      (ruleset.error().code == ErrorCode::kUnsupported && (old || old.error().code == ErrorCode::kNotFound))) {
    return facts.know(keys::kFeatureFirewall, false, "nftables");
  }
  facts.unknown(keys::kFeatureFirewall,
                ruleset.error().code == ErrorCode::kUnsupported ? UnknownReason::kDenied : reason_of(ruleset.error()),
                "nftables");
}

/// Of a VPN to be there is to be on: it is dialled when it is needed. A tunnel shows one that is not among the known
/// clients.
void vpn(Facts& facts) {
  for (const auto* client : kVpnClients) {
    if (is_program(facts, client)) return facts.know(keys::kFeatureVpn, true, client);
  }
  if (facts.foreign()) return facts.know(keys::kFeatureVpn, false, "no VPN client");
  const auto reader = NetworkReader::open();
  if (!reader) return facts.unknown(keys::kFeatureVpn, reason_of(reader.error()), "rtnetlink");
  facts.know(keys::kFeatureVpn, (*reader)->table().tunnel_up(), "rtnetlink");
}

}  // namespace

bool is_program(const Facts& facts, const std::string& path) {
  struct stat st {};
  return ::stat(facts.path(path).c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 &&
         st.st_size > 0;
}

Result<std::string> read_clam_head(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  struct stat st {};
  std::string head(kClamHeader, '\0');
  const bool regular = ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  const auto n = regular ? ::read(fd, head.data(), head.size()) : -1;
  ::close(fd);
  if (n < 0) return fail(ErrorCode::kUnavailable, path.string() + " can't be read");
  head.resize(static_cast<std::size_t>(n));
  return head;
}

std::vector<std::string> protecting_daemons(const Facts& facts) {
  std::vector<std::string> out;
  for (const auto* program : kAntivirus) {
    if (facts.exists(program)) out.emplace_back(program);
  }
  return out;
}

void collect_protection(Facts& facts) {
  antivirus(facts);
  firewall(facts);
  vpn(facts);
  // Linux has no product for these that could be asked.
  for (const auto key : {keys::kFeatureWebFilter, keys::kFeatureAntiSpam, keys::kAppSignatureVersion}) {
    facts.unknown(key, UnknownReason::kUnsupported, "no such product on Linux is known");
  }
}

}  // namespace postern::agent
