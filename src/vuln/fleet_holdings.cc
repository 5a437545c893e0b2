#include "vuln/fleet_holdings.h"

#include <algorithm>
#include <utility>

#include "base/sort_unique.h"
#include "vuln/ecosystem.h"
#include "vuln/judged.h"
#include "vuln/kernel.h"

namespace postern::vuln::fleet_parts {
namespace {

// What each thing takes, roughly, besides its text.
constexpr std::size_t kPairBytes = 8;
constexpr std::size_t kKernelBytes = 80;
constexpr std::size_t kVersionBytes = 200;
constexpr std::size_t kSourceBytes = 250;
constexpr std::size_t kInventoryBytes = 250;

template <class T>
Id take_place(std::deque<T>& places, std::vector<Id>& free) {
  if (free.empty()) {
    places.emplace_back();
    return static_cast<Id>(places.size() - 1);
  }
  const auto id = free.back();
  free.pop_back();
  return id;
}

void take_out(std::vector<Id>& list, Id id) {
  const auto at = std::find(list.rbegin(), list.rend(), id);
  *at = list.back();
  list.pop_back();
}

std::string source_key(Id ecosystem, std::string_view name) {
  return std::to_string(ecosystem).append(1, ' ').append(name);
}

}  // namespace

Held* Holdings::find(const Sha256& hash) {
  const auto known = by_hash_.find(hash);
  return known == by_hash_.end() ? nullptr : &inventories[known->second];
}

Held& Holdings::add(const Sha256& hash, const Inventory& inventory) {
  const auto holder = take_place(inventories, free_inventories_);
  by_hash_.emplace(hash, holder);
  auto& held = inventories[holder];
  held.hash = hash;
  held.times = 1;
  held.ecosystem = ecosystem_id(ecosystem_of(inventory.distro));
  fill(held, holder, inventory);
  return held;
}

void Holdings::remove(const Sha256& hash) {
  const auto known = by_hash_.find(hash);
  const auto holder = known->second;
  by_hash_.erase(known);
  auto& held = inventories[holder];
  for (const auto* list : {&held.versions, &held.kernel_versions}) {
    for (const auto id : *list) let_go(id, holder);
  }
  bytes -= held.bytes;
  held = {};
  free_inventories_.push_back(holder);
}

std::shared_ptr<const SourceAdvisories> Holdings::said_of(const Source& source) const {
  return advisories->source(ecosystems[source.ecosystem].name, source.name);
}

void Holdings::forget(Version& version) {
  hits -= version.marks.size();
  version.marks = {};
  version.known = false;
}

Id Holdings::ecosystem_id(const std::string& name) {
  for (std::size_t i = 0; i < ecosystems.size(); ++i) {
    if (ecosystems[i].name == name) return static_cast<Id>(i);
  }
  const auto known = known_ecosystem(name);
  ecosystems.push_back({name, known ? known->order : versions::Order::kDpkg, !name.empty() && advisories->covers(name)});
  return static_cast<Id>(ecosystems.size() - 1);
}

Id Holdings::source_id(Id ecosystem, std::string_view name) {
  const auto [known, added] = source_ids_.try_emplace(source_key(ecosystem, name), 0);
  if (!added) return known->second;
  const auto id = take_place(sources, free_sources_);
  auto& source = sources[id];
  source.ecosystem = ecosystem;
  source.name = name;
  source.said = said_of(source);
  bytes += kSourceBytes + 2 * name.size();
  return known->second = id;
}

Id Holdings::version_id(Id source, std::string_view version) {
  if (const auto known = version_ids_.find({source, version}); known != version_ids_.end()) return known->second;
  const auto id = take_place(versions, free_versions_);
  auto& v = versions[id];
  v.source = source;
  v.version = version;
  v.valid = versions::valid(ecosystems[sources[source].ecosystem].order, version);
  sources[source].versions.push_back(id);
  version_ids_.emplace(VersionKey{source, v.version}, id);
  bytes += kVersionBytes + version.size();
  return id;
}

void Holdings::fill(Held& held, Id holder, const Inventory& inventory) {
  held.bytes = kInventoryBytes;
  for (const auto& p : inventory.packages) {
    auto release = kernel_release(p);
    if (release.empty()) continue;
    const auto id = version_id(source_id(held.ecosystem, kernel_source(p.source)), kernel_source_version(p));
    held.bytes += kKernelBytes + p.name.size() + release.size();
    held.kernels.push_back({p.name, std::move(release), id, {}});
    held.kernel_versions.push_back(id);
  }
  // Of a distribution that cannot be judged only the name of its kernel is of use.
  const auto judged = ecosystems[held.ecosystem].name.empty() ? std::vector<Judged>() : judged_packages(inventory);
  Id source = 0;
  for (auto j = judged.begin(); j != judged.end(); ++j) {
    if (j != judged.begin() && j->same(*std::prev(j))) continue;
    if (j == judged.begin() || j->name != std::prev(j)->name) source = source_id(held.ecosystem, j->name);
    held.versions.push_back(version_id(source, j->version));
    if (!versions[held.versions.back()].valid) held.odd_versions.push_back(held.versions.back());
  }
  held.versions.shrink_to_fit();
  sort_unique(held.kernel_versions);
  for (const auto* list : {&held.versions, &held.kernel_versions}) {
    for (const auto id : *list) versions[id].holders.push_back(holder);
    held.bytes += kPairBytes * list->size();
  }
  bytes += held.bytes;
}

void Holdings::let_go(Id version, Id holder) {
  auto& v = versions[version];
  take_out(v.holders, holder);
  if (!v.holders.empty()) return;
  forget(v);
  bytes -= kVersionBytes + v.version.size();
  version_ids_.erase({v.source, v.version});
  auto& source = sources[v.source];
  take_out(source.versions, version);
  if (source.versions.empty()) {
    bytes -= kSourceBytes + 2 * source.name.size();
    source_ids_.erase(source_key(source.ecosystem, source.name));
    free_sources_.push_back(v.source);
    source = {};
  }
  v = {};
  free_versions_.push_back(version);
}

}  // namespace postern::vuln::fleet_parts
