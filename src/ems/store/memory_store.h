#pragma once
// A store in memory with the semantics of a crash: what was committed survives the core that committed it, nothing else
// does. For tests and simulation.
#include <array>
#include <deque>
#include <map>

#include "ems/store/store.h"

namespace postern::ems {

class MemoryStore final : public Store {
 public:
  /// `epoch` must not be 0.
  explicit MemoryStore(std::uint64_t epoch = 1) : epoch_(epoch) {}

  Result<Position> position() const override;
  Status load(const Visitor& visit) const override;
  Result<std::optional<std::string>> get(TableId table, std::string_view key) const override;
  Result<Revision> commit(const Batch& batch) override;
  Result<std::vector<StoredChange>> changes(Revision after, std::size_t limit, std::string_view key) const override;
  Result<std::vector<StoredChange>> history(std::string_view key, Revision before, std::size_t limit) const override;
  Result<std::vector<StoredChange>> tag_history(Revision before, std::size_t limit) const override;
  Result<std::vector<AuditEntry>> audit(std::uint64_t before, std::size_t limit) const override;
  std::uint64_t audit_size() const override { return state_.audit.size(); }
  Status prune(WallTime changes_before, WallTime audit_before, std::size_t limit) override;

  /// Every commit fails with this until it is taken back; nothing of a failed one is kept.
  void fail_commits(std::optional<Error> error) { failure_ = std::move(error); }
  std::size_t commits() const { return commits_; }

  /// The planted bug "acknowledged before commit": while on, commits say yes but are kept only by `sync`; `crash`
  /// forgets those since. The simulation must notice.
  void set_lossy(bool lossy);
  void sync();
  void crash();

 private:
  struct State {
    std::array<std::map<std::string, std::string, std::less<>>, kTables> tables;
    std::deque<StoredChange> log;
    std::deque<AuditEntry> audit;
    Revision revision = 0;
    Revision oldest = 0;
    std::uint64_t next_audit = 1;
  };
  std::uint64_t epoch_;
  State state_;
  std::optional<State> durable_;  // while lossy
  std::optional<Error> failure_;
  std::size_t commits_ = 0;
};

}  // namespace postern::ems
