// av.installed, av.running, av.signatures_at, edr.installed and edr.running: products by their programs and processes.
#include <algorithm>

#include "agent/collectors/asked.h"
#include "agent/collectors/protection/clamav.h"
#include "agent/collectors/protection/protection.h"
#include "agent/watch/process_table.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace products_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

struct Product {
  const char* name;
  bool antivirus;
  bool edr;
  const char* program;  // anybody can have a process of the product's name: only one of this file counts
};
constexpr Product kProducts[] = {
    {"Bitdefender GravityZone", true, true, "/opt/bitdefender-security-tools/bin/epagd"},
    {"Carbon Black", false, true, "/opt/carbonblack/psc/bin/cbagentd"},
    {"ClamAV", true, false, "/usr/sbin/clamd"},
    {"Cortex XDR", true, true, "/opt/traps/bin/pmd"},
    {"CrowdStrike Falcon", true, true, "/opt/CrowdStrike/falcon-sensor"},
    {"Cybereason", false, true, "/opt/cybereason/sensor/bin/cybereason-sensor"},
    {"ESET Endpoint Antivirus", true, false, "/opt/eset/eea/sbin/startd"},
    {"Elastic Defend", true, true, "/opt/Elastic/Endpoint/elastic-endpoint"},
    {"Kaspersky Endpoint Security", true, false, "/opt/kaspersky/kesl/libexec/kesl"},
    {"Microsoft Defender", true, true, "/opt/microsoft/mdatp/sbin/wdavdaemon"},
    {"SentinelOne", true, true, "/opt/sentinelone/bin/sentinelone-agent"},
    {"Sophos", true, true, "/opt/sophos-spl/base/bin/sophos_watchdog"},
    {"Trellix", true, false, "/opt/McAfee/ens/tp/bin/mfetpd"},
    {"Trend Micro", true, true, "/opt/ds_agent/ds_agent"},
    {"Wazuh", false, true, "/var/ossec/bin/wazuh-agentd"},
};
constexpr const char* kSignatures[] = {"/var/lib/clamav/daily.cld", "/var/lib/clamav/daily.cvd"};

void signatures(Facts& facts) {
  std::int64_t newest = 0;
  auto reason = UnknownReason::kUnsupported;
  std::string source = "no signatures of a known product";
  for (const auto* path : kSignatures) {
    const auto head = read_clam_head(facts.path(path));
    if (!head && head.error().code == ErrorCode::kNotFound) continue;
    const auto built = head ? parse_clam_built(*head) : std::nullopt;
    if (built && *built > newest) {  // after an update one of the two is older
      newest = *built;
      source = path;
    } else if (!built && newest == 0) {
      reason = head ? UnknownReason::kFailed : reason_of(head.error());
      source = path;
    }
  }
  if (newest > 0) return facts.know(keys::kAvSignaturesAt, newest, source);
  facts.unknown(keys::kAvSignaturesAt, reason, source);
}

std::vector<const Product*> installed_products(const Facts& facts) {
  std::vector<const Product*> out;
  for (const auto& product : kProducts) {
    if (is_program(facts, product.program)) out.push_back(&product);
  }
  return out;
}

void answer(const Question& question, Facts& facts) {
  if (question.has(keys::kAvSignaturesAt)) signatures(facts);
  const auto installed = installed_products(facts);
  std::vector<std::string> av, edr, av_running, edr_running, processes;
  for (const auto* product : installed) processes.emplace_back(product->program);
  const auto found = facts.foreign() || processes.empty() ? std::vector<std::vector<pid_t>>(processes.size())
                                                          : find_processes(processes, 1);
  for (std::size_t i = 0; i < installed.size(); ++i) {
    const bool runs = !found[i].empty();
    if (installed[i]->antivirus) av.emplace_back(installed[i]->name);
    if (installed[i]->edr) edr.emplace_back(installed[i]->name);
    if (installed[i]->antivirus && runs) av_running.emplace_back(installed[i]->name);
    if (installed[i]->edr && runs) edr_running.emplace_back(installed[i]->name);
  }
  facts.know(keys::kAvInstalled, std::move(av), "known products' programs");
  facts.know(keys::kEdrInstalled, std::move(edr), "known products' programs");
  if (facts.foreign()) {
    facts.unknown(keys::kAvRunning, UnknownReason::kUnsupported, kForeignRoot);
    facts.unknown(keys::kEdrRunning, UnknownReason::kUnsupported, kForeignRoot);
    return;
  }
  facts.know(keys::kAvRunning, std::move(av_running), "known products' processes");
  facts.know(keys::kEdrRunning, std::move(edr_running), "known products' processes");
}

Triggers triggers(const Question& question, const Facts& facts) {
  Triggers out;
  for (const auto& product : kProducts) out.files.emplace_back(product.program);
  for (const auto* product : installed_products(facts)) out.processes.emplace_back(product->program);
  if (question.has(keys::kAvSignaturesAt)) out.files.insert(out.files.end(), {kSignatures[0], kSignatures[1]});
  return out;
}

}  // namespace
}  // namespace products_family

namespace asked {
const AskedFamily& products() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{
      .name = "products",
      .keys = {keys::kAvInstalled, keys::kAvRunning, keys::kAvSignaturesAt, keys::kEdrInstalled, keys::kEdrRunning},
      .answer = products_family::answer,
      .triggers = products_family::triggers,
      .pause = std::chrono::milliseconds(50)};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
