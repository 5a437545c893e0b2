#include "gateway/core/tag_table.h"

#include <algorithm>

namespace postern::gateway {

TagTable::Entry* TagTable::acquire(const std::string& address_name, const TagBits& kept) {
  if (const auto it = entries_.find(address_name); it != entries_.end()) return &it->second;
  for (std::size_t bit = 0; bit < kMaxTags; ++bit) {
    if (taken_[bit] || kept[bit] || asked_[bit]) continue;
    taken_[bit] = true;
    auto& entry = entries_[address_name];
    entry.address_name = address_name;
    entry.bit = bit;
    return &entry;
  }
  return nullptr;
}

void TagTable::define(Entry& entry, const Definition& definition) {
  entry.connector = definition.connector;
  entry.info = definition.info;
  bits_[{definition.connector, definition.info.id}] = entry.bit;
  defined_[definition.connector][entry.bit] = true;
}

bool TagTable::evict(const TagBits& kept) {
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    auto& entry = it->second;
    if (entry.used_by_policy || kept[entry.bit] || asked_[entry.bit]) continue;
    if (entry.info) {
      bits_.erase({entry.connector, entry.info->id});
      defined_[entry.connector][entry.bit] = false;
      homeless_[it->first] = {entry.connector, *entry.info};
    }
    taken_[entry.bit] = false;
    entries_.erase(it);
    return true;
  }
  return false;
}

void TagTable::place_homeless(const TagBits& kept) {
  while (!homeless_.empty()) {
    const auto it = homeless_.begin();
    auto* entry = acquire(it->first, kept);
    if (entry == nullptr) return;
    define(*entry, it->second);
    homeless_.erase(it);
  }
}

void TagTable::collect() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.info || it->second.used_by_policy) {
      ++it;
      continue;
    }
    taken_[it->second.bit] = false;
    it = entries_.erase(it);
  }
}

bool TagTable::means_otherwise(ConnectorId connector, const std::vector<TagInfo>& tags) const {
  std::map<std::uint32_t, std::string> names;
  for (const auto& tag : tags) names[tag.id] = address_name(connector, tag);
  const auto otherwise = [&](std::uint32_t id, const std::string& name) {
    const auto it = names.find(id);
    return it != names.end() && it->second != name;
  };
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& item) {
           const auto& entry = item.second;
           return entry.connector == connector && entry.info && otherwise(entry.info->id, item.first);
         }) ||
         std::any_of(homeless_.begin(), homeless_.end(), [&](const auto& item) {
           return item.second.connector == connector && otherwise(item.second.info.id, item.first);
         });
}

std::vector<std::string> TagTable::set_defined(ConnectorId connector, const std::vector<TagInfo>& tags) {
  std::set<std::string> names;
  for (const auto& tag : tags) names.insert(address_name(connector, tag));
  for (auto& [name, entry] : entries_) {
    if (entry.connector == connector && !names.contains(name)) {
      entry.info.reset();
      entry.connector = 0;
    }
  }
  collect();
  std::erase_if(homeless_, [&](const auto& item) { return item.second.connector == connector; });
  std::erase_if(bits_, [&](const auto& item) { return item.first.first == connector; });
  defined_[connector].reset();
  std::vector<std::string> homeless;
  for (const auto& tag : tags) {
    auto* entry = acquire(address_name(connector, tag));
    if (entry == nullptr) {
      homeless.push_back(address_name(connector, tag));
      homeless_[homeless.back()] = {connector, tag};
      continue;
    }
    define(*entry, {connector, tag});
  }
  // Of other connectors, into what this one left.
  place_homeless({});
  return homeless;
}

std::vector<std::string> TagTable::set_used(const std::set<std::string>& address_names) {
  TagBits before;
  for (auto& [name, entry] : entries_) {
    if (entry.used_by_policy) before[entry.bit] = true;
    entry.used_by_policy = address_names.contains(name);
  }
  collect();
  std::vector<std::string> homeless;
  for (const auto& name : address_names) {
    auto* entry = acquire(name, before);
    if (entry == nullptr && evict(before)) entry = acquire(name, before);
    if (entry == nullptr) {
      homeless.push_back(name);
      continue;
    }
    entry->used_by_policy = true;
    if (const auto defined = homeless_.find(name); defined != homeless_.end()) {
      define(*entry, defined->second);
      homeless_.erase(defined);
    }
  }
  place_homeless(before);
  return homeless;
}

TagTable::Meaning TagTable::meaning() const {
  Meaning out{bits_, defined_, {}};
  for (const auto& [name, entry] : entries_) out.names.emplace_hint(out.names.end(), name, entry.bit);
  return out;
}

const TagTable::Entry* TagTable::find(const std::string& address_name) const {
  const auto it = entries_.find(address_name);
  return it == entries_.end() ? nullptr : &it->second;
}

std::optional<std::size_t> TagTable::bit_of(ConnectorId connector, std::uint32_t tag_id) const {
  const auto it = bits_.find({connector, tag_id});
  if (it == bits_.end()) return std::nullopt;
  return it->second;
}

const TagBits& TagTable::defined_by(ConnectorId connector) const {
  static const TagBits kNone;
  const auto it = defined_.find(connector);
  return it == defined_.end() ? kNone : it->second;
}

}  // namespace postern::gateway
