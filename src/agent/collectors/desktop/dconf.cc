#include "agent/collectors/desktop/dconf.h"

#include <algorithm>

#include "agent/collectors/listing.h"
#include "base/text.h"

namespace postern::agent {
namespace {

// In this order: the first that is there counts.
constexpr std::array kProfiles{kDconfFiles[0], kDconfFiles[1], kDconfFiles[2]};
constexpr std::string_view kDatabases = kDconfFiles[3], kEnvironment = kDconfFiles[4], kMandatory = kDconfFiles[5];
constexpr std::size_t kMaxProfile = 1u << 20;
constexpr std::size_t kMaxDatabase = 4u << 20;
constexpr std::size_t kMaxDatabases = 16;

/// Fails where sessions of some have another profile than that of everybody.
Status check_profile(const Facts& facts) {
  const auto mandatory = list_directory(facts, kMandatory);
  if (!mandatory && mandatory.error().code != ErrorCode::kNotFound) return fail(mandatory.error());
  if (mandatory && !mandatory->empty()) {
    return fail(ErrorCode::kUnsupported, std::string(kMandatory) + "/" + mandatory->front() +
                                             " gives that user another profile of dconf than everybody has");
  }
  const auto environment = facts.read(kEnvironment, kMaxProfile);
  if (!environment && environment.error().code != ErrorCode::kNotFound) return fail(environment.error());
  if (environment && sets_dconf_profile(*environment))
    return fail(ErrorCode::kUnsupported,
                std::string(kEnvironment) + " sets DCONF_PROFILE, which chooses another profile of dconf");
  return {};
}

/// None: there is no profile, so people have their own databases only.
Result<std::vector<std::string>> database_names(const Facts& facts) {
  for (const auto profile : kProfiles) {
    const auto text = facts.read(profile, kMaxProfile);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return fail(text.error());
    auto names = parse_dconf_profile(*text);
    if (!names) return fail(ErrorCode::kUnsupported, std::string(profile) + " has sources that can't be read");
    return std::move(*names);
  }
  return std::vector<std::string>();
}

/// Without comments, trimmed.
std::string_view content_of(std::string_view line) { return trim(line.substr(0, line.find('#'))); }

}  // namespace

std::optional<std::vector<std::string>> parse_dconf_profile(std::string_view text) {
  constexpr std::string_view kSystem = "system-db:";
  std::vector<std::string> out;
  bool first = true;
  for (const auto raw : split(text, '\n')) {
    const auto line = content_of(raw);
    if (line.empty()) continue;
    const auto name = line.starts_with(kSystem) ? line.substr(kSystem.size()) : std::string_view();
    const bool plain =
        !name.empty() && name.find('/') == name.npos && !name.starts_with('.') && out.size() < kMaxDatabases;
    // The user's own stands first.
    if (!plain && !first) return std::nullopt;
    if (plain) out.emplace_back(name);
    first = false;
  }
  return out;
}

bool sets_dconf_profile(std::string_view environment) {
  const auto lines = split(environment, '\n');
  return std::ranges::any_of(lines, [](auto line) { return content_of(line).find("DCONF_PROFILE") != line.npos; });
}

LockedSettings::LockedSettings(const std::vector<GvdbTable>& databases) {
  for (const auto& one : databases) databases_.push_back({.values = one, .locks = one.table(".locks")});
}

std::size_t LockedSettings::locked_in(std::string_view path) const {
  for (auto i = databases_.size(); i > 0; --i) {
    const auto& locks = databases_[i - 1].locks;
    if (locks && locks->value(path)) return i - 1;
  }
  return databases_.size();
}

std::optional<GvdbValue> LockedSettings::first_value(std::string_view path) const {
  for (auto i = locked_in(path); i < databases_.size(); ++i) {
    if (auto value = databases_[i].values.value(path)) return value;
  }
  return std::nullopt;
}

Result<LockedSettings> read_dconf(const Facts& facts) {
  if (auto ok = check_profile(facts); !ok) return fail(ok.error());
  const auto names = database_names(facts);
  if (!names) return fail(names.error());
  std::vector<GvdbTable> databases;
  for (const auto& name : *names) {
    const auto path = std::string(kDatabases) + "/" + name;
    auto file = facts.read(path, kMaxDatabase);
    if (!file && file.error().code == ErrorCode::kNotFound) continue;
    if (!file) return fail(file.error());
    auto database = GvdbTable::open(std::move(*file));
    if (!database) return fail(database.error().context(path));
    databases.push_back(std::move(*database));
  }
  return LockedSettings(databases);
}

}  // namespace postern::agent
