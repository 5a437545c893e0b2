// disk-encryption {"scope","volumes"}: what is stored on the endpoint is encrypted.
#include <fmt/format.h>

#include "posture/quote.h"
#include "posture/rules/checks.h"
#include "posture/rules/volumes.h"

namespace postern::posture::rules {
namespace disk_encryption_rule {
namespace {

constexpr Match kOtherwise = Match::kAll;

bool drive(std::string_view text) {
  return text.size() == 2 && text[1] == ':' &&
         ((text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z'));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const auto& volumes = list_of(parameters, "volumes");
  const std::string_view given = text_of(parameters, "scope");
  const std::string_view scope = !given.empty() ? given : volumes.empty() ? "all" : "volumes";
  if ((scope == "volumes") != !volumes.empty()) {
    return invalid(volumes.empty() ? std::string("volumes: is missing; the scope volumes needs a list of them")
                                   : fmt::format("volumes: {} belongs to the scope volumes, not to {}",
                                                 posture::quoted(volumes.front()), scope));
  }
  const Match match = match_of(parameters, kOtherwise);
  if (volumes.empty() && parameters.contains("match")) return invalid("match: belongs to volumes; give a list of them");
  if (scope == "all") return all_encrypted();
  if (scope == "system") return system_encrypted(os);
  Conditions parts;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const bool good =
        os == OsFamily::kWindows ? drive(volumes[i]) : volumes[i] == "/" || check_path("", volumes[i], os).has_value();
    if (!good) {
      return invalid(fmt::format("volumes[{}]: {} must be {}", i, posture::quoted(volumes[i]),
                                 os == OsFamily::kWindows ? "a drive such as D:" : "a mount point such as / or /home"));
    }
    parts.push_back(volume_encrypted(volumes[i], os));
  }
  return joined(match, std::move(parts));
}

}  // namespace
}  // namespace disk_encryption_rule

const RuleType& disk_encryption() {
  static const RuleType kType{
      .name = "disk-encryption",
      .title = "Disk Encryption",
      .help =
          "All volumes are encrypted (/boot, /boot/efi and /efi don't count), or the system's, or those that are "
          "named.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "scope",
                      .choices = {"all", "system", "volumes"},
                      .help = "Which volumes must be encrypted; all if neither it nor volumes is given."},
                     {.name = "volumes",
                      .type = ParameterSpec::Type::kTexts,
                      .help = "Mount points such as /home, on Windows drives such as D:."},
                     match_parameter(disk_encryption_rule::kOtherwise)},
      .facts = {keys::kEncryptedVolumes, keys::kUnencryptedVolumes},
      .unknown = "No match if a volume that counts is known to be unencrypted.",
      .compile = disk_encryption_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
