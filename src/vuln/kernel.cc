#include "vuln/kernel.h"

namespace postern::vuln {
namespace {

constexpr std::string_view kLinux = "linux";
constexpr std::string_view kLinuxDash = "linux-";
constexpr std::string_view kSigned = "linux-signed-";
constexpr std::string_view kImage = "linux-image-";

/// "6.1" of "6.1" or "6.1-amd64"; empty when the text does not begin with such a number.
std::string_view leading_number(std::string_view text) {
  const auto end = text.find_first_not_of("0123456789.");
  if (end != std::string_view::npos && text[end] != '-') return {};
  const auto number = text.substr(0, end);
  return number.find('.') == std::string_view::npos || number.front() == '.' ? std::string_view()
                                                                             : number;
}

}  // namespace

std::string kernel_source(std::string_view source) {
  if (!source.starts_with(kLinux)) return {};
  if (source.size() == kLinux.size()) return std::string(kLinux);
  if (source.starts_with(kSigned)) {
    const auto number = leading_number(source.substr(kSigned.size()));
    return number.empty() ? std::string(kLinux) : std::string(kLinuxDash).append(number);
  }
  if (!source.starts_with(kLinuxDash)) return {};
  const auto rest = source.substr(kLinuxDash.size());
  return !rest.empty() && leading_number(rest) == rest ? std::string(source) : std::string();
}

std::string_view kernel_source_version(const Package& package) {
  return package.source.starts_with(kSigned) ? package.version : package.source_version;
}

bool is_kernel_image(const Package& package) {
  return package.name.starts_with(kImage) && !kernel_source(package.source).empty();
}

bool is_image_of(std::string_view package, std::string_view release) {
  if (release.empty() || !package.starts_with(kImage)) return false;
  package.remove_prefix(kImage.size());
  if (!package.starts_with(release)) return false;
  package.remove_prefix(release.size());
  return package.empty() || package == "-unsigned";
}

}  // namespace postern::vuln
