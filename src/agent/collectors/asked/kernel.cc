// kernel.newest and os.reboot_needed.
#include "agent/collectors/asked/kernel.h"

#include <algorithm>
#include <system_error>

#include "agent/collectors/asked.h"
#include "agent/collectors/kept.h"
#include "agent/collectors/listing.h"
#include "base/text.h"
#include "base/versions/debian.h"
#include "posture/fact_keys.h"
#include "vuln/root_inventory.h"
#include "vuln/running_kernel.h"

namespace postern::agent {
namespace kernel_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kMarkers[] = {"/run/reboot-required", "/var/run/reboot-required"};
constexpr const char* kStatus = "/var/lib/dpkg/status";

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Debian's order, in which "~" is what comes before.
std::string ordered(std::string_view release) {
  std::string out(release);
  for (auto at = out.find("-rc"); at != out.npos; at = out.find("-rc", at + 1)) out[at] = '~';
  return out;
}

std::vector<std::string> installed_kernels(const Facts& facts) {
  std::vector<std::string> out;
  for (const auto& name : names_in(facts, "/boot")) {
    for (const std::string_view image : {"vmlinuz-", "vmlinux-"}) {
      if (!name.starts_with(image)) continue;
      const auto release = std::string_view(name).substr(image.size());
      if (!release.empty() && digit(release.front()) && !release.starts_with("0-rescue")) out.emplace_back(release);
    }
  }
  std::vector<std::string> modules;
  for (const auto& release : names_in(facts, "/lib/modules")) {
    if (!digit(release.front())) continue;
    const auto directory = "/lib/modules/" + release;
    if (facts.exists(directory + "/vmlinuz")) out.push_back(release);
    if (facts.exists(directory + "/modules.dep")) modules.push_back(release);
  }
  // Where images go without a release in their names, the modules have it.
  if (out.empty()) out = std::move(modules);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Debian keeps a kernel's release over many versions of its package.
bool newer_package(const Facts& facts, const std::string& running) {
  const auto text = facts.read("/proc/version", 4096);
  const auto build = text ? vuln::debian_kernel_build(*text) : std::string();
  if (build.empty()) return false;
  const auto inventory = vuln::read_root_inventory(facts.root());
  if (!inventory) return false;
  return std::ranges::any_of(inventory->packages, [&](const vuln::Package& p) {
    return p.name == "linux-image-" + running && versions::compare_debian(build, p.version) < 0;
  });
}

void reboot_needed(Facts& facts, const std::vector<std::string>& installed, const std::string& newest,
                   const std::string& running) {
  for (const auto* marker : kMarkers) {
    if (!facts.exists(marker)) continue;
    if (of_this_start(facts, marker)) return facts.know(keys::kRebootNeeded, true, marker);
    return facts.unknown(keys::kRebootNeeded, UnknownReason::kUnsupported, std::string(marker) + " is of an earlier start");
  }
  if (running.empty())
    return facts.unknown(keys::kRebootNeeded, UnknownReason::kUnsupported,
                         facts.foreign() ? kForeignRoot : "/proc/sys/kernel/osrelease");
  if (!newest.empty() && kernel_flavour(newest) == kernel_flavour(running) && older_kernel(running, newest))
    return facts.know(keys::kRebootNeeded, true, "/boot: " + newest + " is newer than " + running);
  if (std::ranges::find(installed, running) == installed.end())
    return facts.unknown(keys::kRebootNeeded, UnknownReason::kUnsupported, "the running kernel is none that is installed");
  if (newer_package(facts, running)) return facts.know(keys::kRebootNeeded, true, kStatus);
  facts.know(keys::kRebootNeeded, false, "/boot");
}

void answer(const Question&, Facts& facts) {
  const auto release = facts.read("/proc/sys/kernel/osrelease", 256);
  const std::string running(release ? trim(*release) : std::string_view());
  const auto installed = installed_kernels(facts);
  const auto newest = newest_kernel(installed, running);
  if (newest.empty()) {
    facts.unknown(keys::kKernelNewest, UnknownReason::kUnsupported, "no kernel in /boot and /lib/modules");
  } else {
    facts.know(keys::kKernelNewest, newest, "/boot");
  }
  reboot_needed(facts, installed, newest, running);
}

Triggers triggers(const Question&, const Facts&) {
  return {.files = {kMarkers[0], kMarkers[1], "/boot", "/lib/modules", kStatus}};
}

}  // namespace
}  // namespace kernel_family

std::string kernel_flavour(std::string_view release) {
  std::string out;
  for (const auto part : split(release, '-')) {
    if (out.empty() && (part.empty() || kernel_family::digit(part.front()) || part.starts_with("rc"))) continue;
    if (!out.empty()) out += '-';
    out += part;
  }
  return out;
}

bool older_kernel(std::string_view a, std::string_view b) {
  return versions::compare_debian(kernel_family::ordered(a), kernel_family::ordered(b)) < 0;
}

std::string newest_kernel(const std::vector<std::string>& installed, std::string_view running) {
  const auto flavour = kernel_flavour(running);
  const bool any = running.empty() || std::ranges::none_of(installed, [&](const auto& release) {
                     return kernel_flavour(release) == flavour;
                   });
  std::string out;
  for (const auto& release : installed) {
    if (!any && kernel_flavour(release) != flavour) continue;
    if (out.empty() || older_kernel(out, release)) out = release;
  }
  return out;
}

namespace asked {
const AskedFamily& kernel() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "kernel",
                                   .keys = {keys::kKernelNewest, keys::kRebootNeeded},
                                   .answer = kernel_family::answer,
                                   .triggers = kernel_family::triggers,
                                   .pause = std::chrono::milliseconds(300),
                                   .costly = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
