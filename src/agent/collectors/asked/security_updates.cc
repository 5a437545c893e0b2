// update.security_pending and update.security_lists_at, by apt's lists and dpkg's database. Neither apt's own choice
// nor its simulation is asked: where an ordinary update outranks a security update that isn't installed either, they
// name the ordinary one alone.
#include "agent/collectors/asked/security_updates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/packages/apt_settings.h"
#include "agent/collectors/run_program.h"
#include "base/text.h"
#include "base/versions/debian.h"
#include "posture/fact_keys.h"
#include "vuln/root_inventory.h"

namespace postern::agent {
namespace security_updates_family {
namespace {

namespace keys = posture::keys;

constexpr const char* kLists = "/var/lib/apt/lists";
constexpr const char* kOsReleases[] = {"/etc/os-release", "/usr/lib/os-release"};
constexpr const char* kHelper = "/usr/lib/apt/apt-helper";
constexpr std::size_t kMaxRelease = 8u << 20;
constexpr std::size_t kMaxIndex = 128u << 20;  // Ubuntu's largest has 20 MB
constexpr std::chrono::milliseconds kPatience{20'000};

/// Whose updates count.
struct System {
  std::vector<std::string> codenames;      // derived distributions name the release that they are made of
  std::vector<std::string> distributions;  // its own, and those that it is made of
};

System system_of(const Facts& facts) {
  System out;
  for (const auto* place : kOsReleases) {
    const auto text = facts.read(place, 64u << 10);
    if (!text) continue;
    const auto values = parse_key_values(*text);
    for (const auto* key : {"VERSION_CODENAME", "UBUNTU_CODENAME", "DEBIAN_CODENAME"}) {
      if (auto value = value_of(values, key); !value.empty()) out.codenames.push_back(std::move(value));
    }
    for (const auto* key : {"ID", "ID_LIKE"}) {
      const auto value = value_of(values, key);  // outlives its parts
      for (const auto name : split(value, ' ')) {
        if (!name.empty()) out.distributions.emplace_back(name);
      }
    }
    break;
  }
  return out;
}

/// The name of a release file without its ending, with which the names of its indexes begin; empty: it is none.
std::string_view archive_of(std::string_view name) {
  for (const std::string_view ending : {"_InRelease", "_Release"}) {
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size() + 1);
  }
  return {};
}

struct SecurityLists {
  std::vector<std::string> indexes;  // file names
  std::int64_t at = 0;               // of the oldest
};

/// Adds what belongs to the release file `name`, if it is of security updates.
Status add(const Facts& facts, const std::vector<std::string>& names, const std::string& name, const System& system,
           SecurityLists& out) {
  const auto text = facts.read(std::string(kLists) + "/" + name, kMaxRelease);
  if (!text) return fail(text.error());
  const auto release = parse_apt_release(*text);
  if (!is_archive_of(release, system.distributions)) return {};
  if (std::ranges::none_of(system.codenames, [&](const auto& one) { return is_security_of(release, one); })) return {};
  const auto archive = archive_of(name);
  const auto before = out.indexes.size();
  for (const auto& other : names) {
    if (other.starts_with(archive) && other.find("_Packages", archive.size()) != other.npos)
      out.indexes.push_back(other);
  }
  if (out.indexes.size() == before) return {};  // of its sources only
  if (!release.at) return fail(ErrorCode::kInvalidArgument, name + " has no date");
  out.at = before == 0 ? *release.at : std::min(out.at, *release.at);
  return {};
}

/// Only where they usually are: of others nothing would tell when they change.
Status check_place(const Facts& facts) {
  const auto settings = read_apt_settings(facts);
  if (!settings) return fail(settings.error());
  const auto place = apt_lists_directory(*settings);
  if (place == kLists) return {};
  return fail(ErrorCode::kUnsupported, "apt is told to keep its lists in " + place + ", which is not looked at");
}

Result<SecurityLists> security_lists(const Facts& facts) {
  if (auto ok = check_place(facts); !ok) return fail(ok.error());
  const auto names = list_directory(facts, kLists);
  if (!names) return fail(names.error().code, std::string("no lists of apt: ") + names.error().message);
  if (names->size() >= kMaxNames) return fail(ErrorCode::kResourceExhausted, "more lists than are read");
  const auto system = system_of(facts);
  SecurityLists out;
  for (const auto& name : *names) {
    if (archive_of(name).empty()) continue;
    if (auto ok = add(facts, *names, name, system, out); !ok) return fail(ok.error());
  }
  if (out.indexes.empty())
    return fail(ErrorCode::kUnsupported, "apt has no list of security updates of " +
                                             (system.codenames.empty() ? "this system" : join(system.codenames, ", ")));
  return out;
}

/// An index as text. apt unpacks its own (Acquire::GzipIndexes), of the running system only.
Result<std::string> contents(const Facts& facts, const std::string& name) {
  const auto path = std::string(kLists) + "/" + name;
  if (name.ends_with("_Packages")) return facts.read(path, kMaxIndex);
  if (facts.foreign()) return fail(ErrorCode::kUnsupported, path + " is compressed");
  const auto output = run_program({kHelper, "cat-file", path}, kPatience, kMaxIndex);
  if (!output) return fail(output.error());
  if (output->exit_status != 0) return fail(ErrorCode::kUnavailable, path + " can't be unpacked");
  return output->text;
}

/// Whether the archive's main part is listed for each architecture of which something is installed. Without that nobody
/// knows what it offers.
Status check_architectures(const std::vector<vuln::Package>& packages, const std::vector<std::string>& indexes) {
  std::set<std::string> installed;
  for (const auto& package : packages) {
    if (package.arch != "all") installed.insert(package.arch);
  }
  for (const auto& arch : installed) {
    const auto part = "main_binary-" + arch + "_Packages";
    const bool listed = std::ranges::any_of(indexes, [&](const auto& name) { return name.find(part) != name.npos; });
    if (!listed) return fail(ErrorCode::kUnsupported, "apt has no list of security updates for " + arch);
  }
  return {};
}

/// dpkg's order says nothing of what is no version.
Status check_versions(const std::vector<vuln::Package>& packages) {
  const auto odd = std::ranges::find_if_not(packages, versions::valid_debian, &vuln::Package::version);
  if (odd == packages.end()) return {};
  return invalid(std::string(vuln::kDpkgStatus) + ": the version of " + odd->name + " is none: " + odd->version);
}

struct Pending {
  std::int64_t count = 0, lists_at = 0;
};

Result<Pending> pending(const Facts& facts) {
  const auto lists = security_lists(facts);
  if (!lists) return fail(lists.error());
  const auto inventory = vuln::read_root_inventory(facts.root());
  if (!inventory) return fail(inventory.error());
  if (auto ok = check_architectures(inventory->packages, lists->indexes); !ok) return fail(ok.error());
  if (auto ok = check_versions(inventory->packages); !ok) return fail(ok.error());
  std::vector<bool> older(inventory->packages.size());
  for (const auto& name : lists->indexes) {
    const auto text = contents(facts, name);
    if (!text) return fail(text.error());
    const auto listed = parse_packages_index(*text);
    if (!listed) return fail(listed.error().context(name));
    mark_older(inventory->packages, *listed, older);
  }
  return Pending{std::ranges::count(older, true), lists->at};
}

void answer(const Question&, Facts& facts) {
  if (const auto found = pending(facts)) {
    facts.know(keys::kSecurityPending, found->count, kLists);
    facts.know(keys::kSecurityListsAt, found->lists_at, kLists);
  } else {
    for (const auto key : {keys::kSecurityPending, keys::kSecurityListsAt})
      facts.unknown(key, reason_of(found.error()), kLists, found.error().message);
  }
}

Triggers triggers(const Question&, const Facts&) {
  Triggers out{.files = {kLists, std::string(vuln::kDpkgStatus), kOsReleases[0], kOsReleases[1]}};
  out.files.insert(out.files.end(), std::begin(kAptConfFiles), std::end(kAptConfFiles));
  return out;
}

struct Field {
  std::string_view name, value;
  bool is(std::string_view wanted) const {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(name, wanted, {}, lower);
  }
};

/// "Field: value" of a line, its name without blanks; an empty name: it is none.
Field field_of(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos) return {};
  const auto name = line.substr(0, colon);
  const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
  return printable ? Field{name, trim(line.substr(colon + 1))} : Field();
}

bool goes_on(std::string_view line) { return line.front() == ' ' || line.front() == '\t'; }

std::optional<unsigned> month_of(std::string_view name) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto at = std::ranges::find(kMonths, name);
  return at == kMonths.end() ? std::nullopt : std::optional(static_cast<unsigned>(at - kMonths.begin()) + 1);
}

std::optional<std::chrono::seconds> time_of_day(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 3) return std::nullopt;
  const auto hour = parse_u64(parts[0]), minute = parse_u64(parts[1]), second = parse_u64(parts[2]);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::seconds(*hour * 3600 + *minute * 60 + *second);
}

}  // namespace
}  // namespace security_updates_family

std::optional<std::int64_t> parse_release_date(std::string_view text) {
  namespace chrono = std::chrono;
  using namespace security_updates_family;
  auto parts = split(text, ' ');
  std::erase(parts, std::string_view());  // "Sat,  5 Dec"
  if (parts.size() != 6 || (parts[5] != "UTC" && parts[5] != "GMT" && parts[5] != "+0000")) return std::nullopt;
  const auto day = parse_u64(parts[1]), year = parse_u64(parts[3]);
  const auto month = month_of(parts[2]);
  const auto time = time_of_day(parts[4]);
  if (!day || !month || !year || !time || *day > 31 || *year < 1970 || *year > 9999) return std::nullopt;
  const chrono::year_month_day date(chrono::year(static_cast<int>(*year)), chrono::month(*month),
                                    chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return chrono::duration_cast<chrono::milliseconds>(chrono::sys_days(date).time_since_epoch() + *time).count();
}

AptRelease parse_apt_release(std::string_view text) {
  AptRelease out;
  bool begun = false;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // Around it stands a signature, whose own head is another paragraph.
    if (trim(line).empty()) {
      if (begun) break;
      continue;
    }
    const auto field = security_updates_family::field_of(line);
    begun = begun || field.is("origin") || field.is("label") || field.is("suite") || field.is("codename");
    if (field.is("origin")) out.origin = field.value;
    if (field.is("label")) out.label = field.value;
    if (field.is("suite")) out.suite = field.value;
    if (field.is("codename")) out.codename = field.value;
    if (field.is("date")) out.at = parse_release_date(field.value);
  }
  return out;
}

bool is_security_of(const AptRelease& release, std::string_view codename) {
  const std::string security = std::string(codename) + "-security";
  if (release.codename == security || release.suite == security) return !codename.empty();
  // Before Debian 11 the codename was "buster" or "buster/updates".
  return release.label == "Debian-Security" && !codename.empty() &&
         (release.codename == codename || release.codename == std::string(codename) + "/updates");
}

bool is_archive_of(const AptRelease& release, const std::vector<std::string>& distributions) {
  const auto origin = to_lower(release.origin);
  return std::ranges::any_of(distributions, [&](const auto& one) { return to_lower(one) == origin; });
}

Result<std::vector<ListedPackage>> parse_packages_index(std::string_view text) {
  const bool empty = trim(text).empty();
  std::vector<ListedPackage> out;
  ListedPackage one;
  bool begun = false;
  const auto finish = [&]() -> Status {
    if (!std::exchange(begun, false)) return {};
    if (one.name.empty() || one.arch.empty() || one.version.empty())
      return invalid("an entry lacks its name, architecture or version");
    if (!versions::valid_debian(one.version)) return invalid("the version of " + std::string(one.name) + " is none");
    if (out.size() == kMaxListedPackages) return fail(ErrorCode::kResourceExhausted, "more packages than are read");
    out.push_back(std::exchange(one, {}));
    return {};
  };
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) {
      if (auto ok = finish(); !ok) return fail(ok.error());
      continue;
    }
    if (begun && security_updates_family::goes_on(line)) continue;
    const auto field = security_updates_family::field_of(line);
    if (field.name.empty()) return invalid("a line is no field of a package");
    begun = true;
    if (field.is("package")) one.name = field.value;
    if (field.is("architecture")) one.arch = field.value;
    if (field.is("version")) one.version = field.value;
  }
  if (auto ok = finish(); !ok) return fail(ok.error());
  if (out.empty() && !empty) return invalid("it holds no package");
  return out;
}

void mark_older(const std::vector<vuln::Package>& installed, const std::vector<ListedPackage>& listed,
                std::vector<bool>& pending) {
  for (const auto& update : listed) {
    auto at = std::ranges::lower_bound(installed, update.name, {},
                                       [](const auto& one) { return std::string_view(one.name); });
    for (; at != installed.end() && at->name == update.name; ++at) {
      const bool same = at->arch == update.arch || at->arch == "all" || update.arch == "all";
      if (same && versions::compare_debian(at->version, update.version) < 0)
        pending[static_cast<std::size_t>(at - installed.begin())] = true;
    }
  }
}

namespace asked {
const AskedFamily& security_updates() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "security updates",
                                   .keys = {keys::kSecurityPending, keys::kSecurityListsAt},
                                   .answer = security_updates_family::answer,
                                   .triggers = security_updates_family::triggers,
                                   .pause = std::chrono::milliseconds(1000),
                                   .slow = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
