#include "ems/store/memory_store.h"

#include <algorithm>

namespace postern::ems {

Result<Store::Position> MemoryStore::position() const { return Position{epoch_, state_.revision, state_.oldest}; }

Status MemoryStore::load(const Visitor& visit) const {
  for (std::size_t t = 0; t < kTables; ++t) {
    const auto table = static_cast<TableId>(t);
    for (const auto& [key, value] : state_.tables[t]) {
      const bool left_out = table == TableId::kInventories;
      if (auto ok = visit(table, key, left_out ? std::string_view() : std::string_view(value)); !ok) return ok;
    }
  }
  return {};
}

Result<std::optional<std::string>> MemoryStore::get(TableId table, std::string_view key) const {
  const auto& rows = state_.tables[static_cast<std::size_t>(table)];
  const auto it = rows.find(key);
  if (it == rows.end()) return std::optional<std::string>();
  return std::optional<std::string>(it->second);
}

Result<Revision> MemoryStore::commit(const Batch& batch) {
  if (failure_) return fail(*failure_);
  ++commits_;
  for (const auto& row : batch.rows) {
    auto& rows = state_.tables[static_cast<std::size_t>(row.table)];
    if (row.value) {
      rows[row.key] = *row.value;
    } else {
      rows.erase(row.key);
    }
  }
  for (const auto& change : batch.changes) {
    state_.log.push_back({{++state_.revision, batch.at, change.kind, change.key, change.json}, change.undo});
  }
  for (auto entry : batch.audit) {
    entry.id = state_.next_audit++;
    state_.audit.push_back(std::move(entry));
  }
  return state_.revision;
}

Result<std::vector<StoredChange>> MemoryStore::changes(Revision after, std::size_t limit, std::string_view key) const {
  std::vector<StoredChange> out;
  for (const auto& change : state_.log) {
    if (out.size() == limit) break;
    if (change.change.revision > after && (key.empty() || change.change.key == key)) out.push_back(change);
  }
  return out;
}

Result<std::vector<StoredChange>> MemoryStore::history(std::string_view key, Revision before, std::size_t limit) const {
  std::vector<StoredChange> out;
  for (auto it = state_.log.rbegin(); it != state_.log.rend() && out.size() < limit; ++it) {
    if ((before == 0 || it->change.revision < before) && it->change.key == key) out.push_back(*it);
  }
  return out;
}

Result<std::vector<StoredChange>> MemoryStore::tag_history(Revision before, std::size_t limit) const {
  std::vector<StoredChange> out;
  for (auto it = state_.log.rbegin(); it != state_.log.rend() && out.size() < limit; ++it) {
    if ((before == 0 || it->change.revision < before) && it->change.kind == kTagChange) out.push_back(*it);
  }
  return out;
}

Result<std::vector<AuditEntry>> MemoryStore::audit(std::uint64_t before, std::size_t limit) const {
  std::vector<AuditEntry> out;
  for (auto it = state_.audit.rbegin(); it != state_.audit.rend() && out.size() < limit; ++it) {
    if (before == 0 || it->id < before) out.push_back(*it);
  }
  return out;
}

Status MemoryStore::prune(WallTime changes_before, WallTime audit_before, std::size_t limit) {
  if (failure_) return fail(*failure_);
  for (std::size_t n = 0; n < limit && !state_.log.empty() && state_.log.front().change.at < changes_before; ++n) {
    state_.oldest = state_.log.front().change.revision;
    state_.log.pop_front();
  }
  for (std::size_t n = 0; n < limit && !state_.audit.empty() && state_.audit.front().at < audit_before; ++n) {
    state_.audit.pop_front();
  }
  return {};
}

void MemoryStore::set_lossy(bool lossy) {
  if (lossy && !durable_) durable_ = state_;
  if (!lossy) durable_.reset();
}

void MemoryStore::sync() {
  if (durable_) durable_ = state_;
}

void MemoryStore::crash() {
  if (durable_) state_ = *durable_;
}

}  // namespace postern::ems
