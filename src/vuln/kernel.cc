#include "vuln/kernel.h"

#include <algorithm>
#include <array>

namespace postern::vuln {
namespace {

constexpr std::string_view kLinux = "linux";
constexpr std::string_view kLinuxDash = "linux-";
constexpr std::string_view kSigned = "linux-signed-";
constexpr std::string_view kImage = "linux-image-";
constexpr std::string_view kKernel = "kernel";
constexpr std::string_view kKernelDash = "kernel-";
constexpr std::string_view kCore = "-core";

/// What follows "linux-" in Ubuntu's and Alpine's sources of kernels, up to the next hyphen: other sources of such
/// names
/// ("linux-base", "linux-firmware") hold no kernel.
constexpr std::array<std::string_view, 28> kFlavours = {
    "allwinner", "aws",      "azure", "bluefield", "edge",       "gcp",      "gke",    "gkeop", "hwe",    "ibm",
    "intel",     "iot",      "kvm",   "laptop",    "lowlatency", "lts",      "nvidia", "oem",   "oracle", "raspi",
    "raspi2",    "realtime", "riscv", "rpi",       "snapdragon", "starfive", "virt",   "xilinx"};
/// Sources that SUSE builds the kernel from: one for each flavour, and those of what is the same in all.
constexpr std::array<std::string_view, 11> kSuseSources = {
    "kernel-64kb",      "kernel-azure",   "kernel-debug",  "kernel-default", "kernel-docs",    "kernel-kvmsmall",
    "kernel-obs-build", "kernel-preempt", "kernel-source", "kernel-syms",    "kernel-zfcpdump"};
constexpr std::string_view kRealTime = "kernel-rt";

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// "6.1" of "6.1" or "6.1-amd64"; empty when the text does not begin with such a number.
std::string_view leading_number(std::string_view text) {
  const auto end = text.find_first_not_of("0123456789.");
  if (end != std::string_view::npos && text[end] != '-') return {};
  const auto number = text.substr(0, end);
  return number.find('.') == std::string_view::npos || number.front() == '.' ? std::string_view() : number;
}

bool begins_with_flavour(std::string_view text) { return is_one_of(kFlavours, text.substr(0, text.find('-'))); }

std::string_view without_epoch(std::string_view version) {
  const auto colon = version.find(':');
  return colon == std::string_view::npos ? version : version.substr(colon + 1);
}

std::string debian_release(std::string_view name) {
  constexpr std::string_view kUnsignedBefore = "unsigned-";  // Ubuntu's
  constexpr std::string_view kUnsignedBehind = "-unsigned";  // Debian's
  name.remove_prefix(kImage.size());
  if (name.starts_with(kUnsignedBefore)) name.remove_prefix(kUnsignedBefore.size());
  if (name.ends_with(kUnsignedBehind)) name.remove_suffix(kUnsignedBehind.size());
  return std::string(name);
}

/// "linux-lts" 6.6.31-r0 boots as 6.6.31-0-lts.
std::string alpine_release(const Package& p) {
  const std::string_view flavour = std::string_view(p.name).substr(kLinuxDash.size());
  const std::string_view version = p.version;
  const auto revision = version.rfind("-r");
  if (flavour.find('-') != std::string_view::npos || revision == std::string_view::npos) return {};
  const auto number = version.substr(revision + 2);
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) return {};
  return std::string(version.substr(0, revision)).append("-").append(number).append("-").append(flavour);
}

/// "kernel-core" of source "kernel" boots as VERSION-RELEASE.ARCH, "kernel-debug-core" as the same with "+debug".
std::string red_hat_release(const Package& p) {
  std::string_view name = p.name;
  if (name.ends_with(kCore)) name.remove_suffix(kCore.size());
  auto release = std::string(without_epoch(p.version)).append(".").append(p.arch);
  if (name == p.source) return release;
  if (!name.starts_with(p.source + "-") || name.size() == p.name.size()) return {};
  return release.append("+").append(name.substr(p.source.size() + 1));
}

/// "kernel-default" 6.4.0-150600.23.7.3 boots as 6.4.0-150600.23.7-default: without the number of the rebuild.
std::string suse_release(const Package& p) {
  if (p.name != p.source) return {};
  const auto version = without_epoch(p.version);
  const auto release = version.substr(0, version.rfind('.'));
  if (release.rfind('-') == std::string_view::npos) return {};
  return std::string(release).append("-").append(std::string_view(p.name).substr(kKernelDash.size()));
}

}  // namespace

std::string kernel_source(std::string_view source) {
  if (source.starts_with(kKernel)) {
    const bool known = source == kKernel || source == kRealTime || is_one_of(kSuseSources, source);
    return known ? std::string(source) : std::string();
  }
  if (!source.starts_with(kLinux)) return {};
  if (source.size() == kLinux.size() || source == kSigned.substr(0, kSigned.size() - 1)) return std::string(kLinux);
  if (source.starts_with(kSigned)) {
    const auto rest = source.substr(kSigned.size());
    if (begins_with_flavour(rest)) return std::string(kLinuxDash).append(rest);
    const auto number = leading_number(rest);
    return number.empty() ? std::string(kLinux) : std::string(kLinuxDash).append(number);
  }
  if (!source.starts_with(kLinuxDash)) return {};
  const auto rest = source.substr(kLinuxDash.size());
  if (rest.empty()) return {};
  return leading_number(rest) == rest || begins_with_flavour(rest) ? std::string(source) : std::string();
}

std::string_view kernel_source_version(const Package& package) {
  return package.source.starts_with(kSigned) ? package.version : package.source_version;
}

std::string kernel_release(const Package& package) {
  if (kernel_source(package.source).empty()) return {};
  const std::string_view name = package.name;
  if (name.starts_with(kImage)) return debian_release(name);
  if (name.starts_with(kLinuxDash)) return alpine_release(package);
  if (!name.starts_with(kKernel)) return {};
  return is_one_of(kSuseSources, package.source) ? suse_release(package) : red_hat_release(package);
}

}  // namespace postern::vuln
