#include "gateway/core/tag_table.h"

namespace postern::gateway {

TagTable::Entry* TagTable::acquire(const std::string& address_name) {
  if (const auto it = entries_.find(address_name); it != entries_.end()) return &it->second;
  for (std::size_t bit = 0; bit < kMaxTags; ++bit) {
    if (taken_[bit]) continue;
    taken_[bit] = true;
    auto& entry = entries_[address_name];
    entry.address_name = address_name;
    entry.bit = bit;
    return &entry;
  }
  return nullptr;
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
  std::erase_if(bits_, [&](const auto& item) { return item.first.first == connector; });
  auto& defined = defined_[connector];
  defined.reset();
  std::vector<std::string> homeless;
  for (const auto& tag : tags) {
    auto* entry = acquire(address_name(connector, tag));
    if (entry == nullptr) {
      homeless.push_back(address_name(connector, tag));
      continue;
    }
    entry->connector = connector;
    entry->info = tag;
    bits_[{connector, tag.id}] = entry->bit;
    defined[entry->bit] = true;
  }
  return homeless;
}

std::vector<std::string> TagTable::set_used(const std::set<std::string>& address_names) {
  for (auto& [name, entry] : entries_) entry.used_by_policy = address_names.contains(name);
  collect();
  std::vector<std::string> homeless;
  for (const auto& name : address_names) {
    auto* entry = acquire(name);
    if (entry == nullptr) {
      homeless.push_back(name);
    } else {
      entry->used_by_policy = true;
    }
  }
  return homeless;
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
