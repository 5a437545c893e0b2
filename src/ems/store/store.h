#pragma once
// Where the EMS's state lives: rows by table and key, and the numbered log of what changed. Narrow on purpose: the core
// keeps everything in memory and only ever loads all of it, or commits one batch.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ems/registry/model.h"

namespace postern::ems {

/// What a row's key and value are: registry/codec.h.
enum class TableId : std::uint8_t {
  kMeta,
  kTags,
  kProfiles,
  kInvitations,
  kEndpoints,       ///< What changes seldom of an endpoint.
  kEndpointState,   ///< What changes often: online, tags, last seen.
  kFacts,           ///< "UID/key".
  kInventories,     ///< Content-addressed; read by `get` only, `load` leaves the text out.
  kDevices,
  kAdministrators,
  kApiTokens,
  kServerCertificates,
  kFeeds,
  kRisks,
};
inline constexpr std::size_t kTables = 14;
std::string_view table_name(TableId table);  ///< "endpoint_state": stable, the name in the database.

struct RowChange {
  TableId table = TableId::kMeta;
  std::string key;
  std::optional<std::string> value;  ///< None: the row is deleted.
};

/// The kind of a change of a tag; its key is the name that the tag got by it, or had when it went.
inline constexpr std::string_view kTagChange = "tag";

struct LoggedChange {
  std::string kind;
  std::string key;
  std::string json;
  std::string undo;  ///< For the core alone: what it takes to look back past this change. May be empty.
};

/// One transaction.
struct Batch {
  WallTime at{};
  std::vector<RowChange> rows;         ///< Each (table, key) at most once.
  std::vector<LoggedChange> changes;   ///< Numbered consecutively after the revision so far.
  std::vector<AuditEntry> audit;       ///< Their ids are given by the store.
  bool empty() const { return rows.empty() && changes.empty() && audit.empty(); }
};

struct StoredChange {
  Change change;
  std::string undo;
};

/// Thread: one. Errors of all: kResourceExhausted (disk full), kUnavailable (can't be read or written now), kDataLoss
/// (damaged), each saying what to do.
class Store {
 public:
  virtual ~Store() = default;

  struct Position {
    std::uint64_t epoch = 0;   ///< Random, made with the store; never 0.
    Revision revision = 0;
    Revision oldest = 0;       ///< Changes after this one are still there.
  };
  virtual Result<Position> position() const = 0;

  using Visitor = std::function<Status(TableId, std::string_view key, std::string_view value)>;
  /// Every row, in the order of TableId, keys ascending. Stops at the visitor's error. Values of kInventories are
  /// empty.
  virtual Status load(const Visitor& visit) const = 0;
  /// None: no such row.
  virtual Result<std::optional<std::string>> get(TableId table, std::string_view key) const = 0;

  /// All of it durably, or nothing. Returns the revision of its last change (unchanged if it has none).
  virtual Result<Revision> commit(const Batch& batch) = 0;

  /// Ascending, after a revision; `key` empty: of every key.
  virtual Result<std::vector<StoredChange>> changes(Revision after, std::size_t limit, std::string_view key) const = 0;
  /// Descending, before a revision (0: from the newest), of one key.
  virtual Result<std::vector<StoredChange>> history(std::string_view key, Revision before, std::size_t limit) const = 0;
  /// The same of the kind kTagChange: of all tags, whatever they were called.
  virtual Result<std::vector<StoredChange>> tag_history(Revision before, std::size_t limit) const = 0;
  /// Descending, before an id (0: from the newest).
  virtual Result<std::vector<AuditEntry>> audit(std::uint64_t before, std::size_t limit) const = 0;
  virtual std::uint64_t audit_size() const = 0;  ///< Entries in the log, at no cost.

  /// Drops changes older than `changes_before` and audit entries older than `audit_before`, at most `limit` of each.
  virtual Status prune(WallTime changes_before, WallTime audit_before, std::size_t limit) = 0;
};

}  // namespace postern::ems
