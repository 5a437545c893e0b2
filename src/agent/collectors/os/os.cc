#include "agent/collectors/os/os.h"

#include <sys/utsname.h>

#include <fmt/format.h>

#include "agent/collectors/os/key_values.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxSmallFile = 64u << 10;

void collect_release(Facts& facts, const utsname& machine) {
  std::string source = "/etc/os-release";
  auto text = facts.read(source, kMaxSmallFile);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    source = "/usr/lib/os-release";
    text = facts.read(source, kMaxSmallFile);
  }
  if (!text) {
    for (const auto key : {keys::kOsId, keys::kOsName, keys::kOsVersionId, keys::kOsVersion})
      facts.text(key, text, source);
    return;
  }
  const auto fields = parse_key_values(*text);
  facts.text(keys::kOsId, value_of(fields, "ID"), source);
  facts.text(keys::kOsName, value_of(fields, "NAME"), source);
  facts.text(keys::kOsVersionId, value_of(fields, "VERSION_ID"), source);
  auto pretty = value_of(fields, "PRETTY_NAME");
  if (pretty.empty()) pretty = value_of(fields, "NAME");
  if (!pretty.empty() && !facts.foreign()) {
    const std::string_view arch = machine.machine;
    const int bits = arch.find("64") != arch.npos || arch == "s390x" ? 64 : 32;
    pretty += fmt::format(", {}-bit (kernel {})", bits, machine.release);
  }
  facts.text(keys::kOsVersion, pretty, source);
}

}  // namespace

std::string_view os_type_of(std::string_view machine) {
  if (machine == "x86_64") return "LINUX64";
  if (machine == "aarch64") return "LINUX_ARM64";
  if (machine.size() == 4 && machine.front() == 'i' && machine.ends_with("86")) return "LINUX32";
  return "";
}

void collect_os(Facts& facts) {
  facts.know(keys::kOsFamily, std::string("linux"), "agent");
  utsname machine{};
  ::uname(&machine);
  collect_release(facts, machine);
  if (facts.foreign()) {
    // Architecture and kernel of what is not running can't be told from its files.
    facts.unknown(keys::kOsType, UnknownReason::kUnsupported, kForeignRoot);
    facts.unknown(keys::kKernelRelease, UnknownReason::kUnsupported, kForeignRoot);
    facts.text(keys::kHostName, facts.read("/etc/hostname", kMaxSmallFile), "/etc/hostname");
  } else {
    facts.text(keys::kOsType, std::string(os_type_of(machine.machine)), "uname");
    facts.text(keys::kKernelRelease, std::string(machine.release), "uname");
    facts.text(keys::kHostName, std::string(machine.nodename), "uname");
  }
  facts.text(keys::kMachineId, facts.read("/etc/machine-id", kMaxSmallFile), "/etc/machine-id");
  const auto info = facts.read("/etc/machine-info", kMaxSmallFile);
  facts.text(keys::kHostDescription,
             info.map([](const std::string& text) { return value_of(parse_key_values(text), "PRETTY_HOSTNAME"); }),
             "/etc/machine-info");
}

}  // namespace postern::agent
