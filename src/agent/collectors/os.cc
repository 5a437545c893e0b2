#include <sys/utsname.h>
#include <unistd.h>

#include <map>

#include <fmt/format.h>

#include "agent/collectors/collector.h"
#include "agent/collectors/parse.h"
#include "base/file.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;
using posture::UnknownReason;

void collect_os(Facts& facts) {
  facts.know(keys::kOsFamily, std::string("linux"), "agent");
  auto text = read_file(facts.path("/etc/os-release"), 64 << 10);
  std::string source = "/etc/os-release";
  if (!text) {
    text = read_file(facts.path("/usr/lib/os-release"), 64 << 10);
    source = "/usr/lib/os-release";
  }
  utsname machine{};
  uname(&machine);
  if (text) {
    auto fields = parse_key_values(*text);
    facts.text(keys::kOsId, fields["ID"], source);
    facts.text(keys::kOsName, fields["NAME"], source);
    facts.text(keys::kOsVersionId, fields["VERSION_ID"], source);
    auto pretty = fields["PRETTY_NAME"].empty() ? fields["NAME"] : fields["PRETTY_NAME"];
    if (!pretty.empty() && !facts.foreign()) pretty += fmt::format(", {}-bit (kernel {})", sizeof(void*) * 8, machine.release);
    facts.text(keys::kOsVersion, pretty, source);
  } else {
    for (const auto key : {keys::kOsId, keys::kOsName, keys::kOsVersionId, keys::kOsVersion}) facts.text(key, text, source);
  }
  if (facts.foreign()) {
    // Architecture and kernel of what is not running can't be told from here.
    facts.unknown(keys::kOsType, UnknownReason::kUnsupported, "uname");
    facts.unknown(keys::kKernelRelease, UnknownReason::kUnsupported, "uname");
    facts.text(keys::kHostName, read_file(facts.path("/etc/hostname"), 4096), "/etc/hostname");
  } else {
    const std::string_view arch = machine.machine;
    facts.know(keys::kOsType, std::string(arch == "x86_64" ? "LINUX64" : arch == "aarch64" ? "LINUX_ARM64" : "LINUX"), "uname");
    facts.know(keys::kKernelRelease, std::string(machine.release), "uname");
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    facts.text(keys::kHostName, std::string(name), "gethostname");
  }
  facts.text(keys::kMachineId, read_file(facts.path("/etc/machine-id"), 4096), "/etc/machine-id");
  auto info = read_file(facts.path("/etc/machine-info"), 64 << 10);
  if (info) {
    facts.text(keys::kHostDescription, parse_key_values(*info)["PRETTY_HOSTNAME"], "/etc/machine-info");
  } else {
    facts.text(keys::kHostDescription, info, "/etc/machine-info");
  }
  const auto sssd = read_file(facts.path("/etc/sssd/sssd.conf"), 1 << 20);
  if (sssd) {
    facts.text(keys::kDomain, parse_key_values(*sssd)["domains"], "/etc/sssd/sssd.conf");
  } else {
    facts.text(keys::kDomain, sssd, "/etc/sssd/sssd.conf");
  }
}

}  // namespace postern::agent
