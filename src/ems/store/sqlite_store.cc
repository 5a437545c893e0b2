#include "ems/store/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"

namespace postern::ems {
namespace {

constexpr int kSchemaVersion = 1;
constexpr int kApplicationId = 0x50535445;  // "PSTE": tells our files from others

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinishStatement {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Prepared = std::unique_ptr<sqlite3_stmt, FinishStatement>;

Error error_of(sqlite3* db, int code, const std::filesystem::path& file, std::string_view doing) {
  const std::string what = fmt::format("{}: {}", doing, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {ErrorCode::kResourceExhausted,
              fmt::format("the disk that holds {} is full ({}); free space there, nothing that was confirmed is lost",
                          file.string(), what)};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {
          ErrorCode::kUnavailable,
          fmt::format("{} is in use by another program; is postern-ems running already? ({})", file.string(), what)};
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {ErrorCode::kPermissionDenied, fmt::format("{} can't be opened for writing ({})", file.string(), what)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::kDataLoss,
              fmt::format("{} is damaged or not a database ({}); restore it from a backup", file.string(), what)};
    default: return {ErrorCode::kUnavailable, fmt::format("{}: {}", file.string(), what)};
  }
}

/// A prepared statement in use: bound in order, reset when it goes out of scope.
class Use {
 public:
  explicit Use(sqlite3_stmt* s) : s_(s) {}
  ~Use() {
    sqlite3_reset(s_);
    sqlite3_clear_bindings(s_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  // The bytes stay the caller's and outlive the step.
  Use& text(std::string_view v) {
    sqlite3_bind_text64(s_, ++n_, v.empty() ? "" : v.data(), v.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Use& blob(std::string_view v) {
    sqlite3_bind_blob64(s_, ++n_, v.empty() ? "" : v.data(), v.size(), SQLITE_STATIC);
    return *this;
  }
  Use& integer(std::int64_t v) {
    sqlite3_bind_int64(s_, ++n_, v);
    return *this;
  }
  int step() { return sqlite3_step(s_); }
  std::string_view column_text(int i) const {
    const void* p = sqlite3_column_blob(s_, i);
    return {static_cast<const char*>(p), static_cast<std::size_t>(sqlite3_column_bytes(s_, i))};
  }
  std::int64_t column_integer(int i) const { return sqlite3_column_int64(s_, i); }

 private:
  sqlite3_stmt* s_;
  int n_ = 0;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(std::filesystem::path file, Database db) : file_(std::move(file)), db_(std::move(db)) {}

  Status open(Random& random);

  Result<Position> position() const override { return position_; }
  Status load(const Visitor& visit) const override;
  Result<std::optional<std::string>> get(TableId table, std::string_view key) const override;
  Result<Revision> commit(const Batch& batch) override;
  Result<std::vector<StoredChange>> changes(Revision after, std::size_t limit, std::string_view key) const override;
  Result<std::vector<StoredChange>> history(std::string_view key, Revision before, std::size_t limit) const override;
  Result<std::vector<StoredChange>> tag_history(Revision before, std::size_t limit) const override;
  Result<std::vector<AuditEntry>> audit(std::uint64_t before, std::size_t limit) const override;
  std::uint64_t audit_size() const override { return audit_size_; }
  Status prune(WallTime changes_before, WallTime audit_before, std::size_t limit) override;

 private:
  Error error(int code, std::string_view doing) const { return error_of(db_.get(), code, file_, doing); }
  Status run(const std::string& sql);
  Result<std::int64_t> number(const std::string& sql) const;
  Status prepare(Prepared& out, const std::string& sql);
  Status create(Random& random);
  int write(const Batch& batch);
  Result<std::vector<StoredChange>> read_changes(Use& use) const;

  std::filesystem::path file_;
  Database db_;
  Position position_;
  std::uint64_t audit_size_ = 0;
  std::array<Prepared, kTables> upsert_, remove_, select_, all_;
  Prepared begin_, commit_, rollback_, add_change_, add_audit_, set_revision_;
  Prepared changes_, changes_of_, history_, tag_history_, audit_, drop_changes_, drop_audit_, oldest_, set_oldest_;
};

Status SqliteStore::run(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error(code, "setting up"));
  return {};
}

Result<std::int64_t> SqliteStore::number(const std::string& sql) const {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr);
  Prepared s(raw);
  if (code == SQLITE_OK) code = sqlite3_step(raw);
  if (code != SQLITE_ROW) return fail(error(code, "reading"));
  return sqlite3_column_int64(raw, 0);
}

Status SqliteStore::prepare(Prepared& out, const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return fail(error(code, "preparing"));
  out.reset(raw);
  return {};
}

std::string create_table(TableId table) {
  // Inventories are large: a row in the leaf of a WITHOUT ROWID table would make every search read them.
  return fmt::format("CREATE TABLE IF NOT EXISTS {}(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL){};",
                     table_name(table), table == TableId::kInventories ? "" : " WITHOUT ROWID");
}

/// Changes of tags are few among those of endpoints.
constexpr std::string_view kTagIndex = "changes_of_tags";

Status SqliteStore::create(Random& random) {
  std::int64_t epoch = 0;
  while (epoch <= 0) epoch = static_cast<std::int64_t>(random.next_u64() >> 1);
  std::string sql = "BEGIN IMMEDIATE;";
  for (std::size_t t = 0; t < kTables; ++t) {
    sql += create_table(static_cast<TableId>(t));
  }
  sql += "CREATE TABLE changes(revision INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
         " key TEXT NOT NULL, json TEXT NOT NULL, undo BLOB NOT NULL);"
         "CREATE INDEX changes_by_key ON changes(key, revision);"
         "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, actor TEXT NOT NULL,"
         " source TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL);"
         "CREATE TABLE position(one INTEGER PRIMARY KEY CHECK(one = 1), epoch INTEGER NOT NULL,"
         " revision INTEGER NOT NULL, oldest INTEGER NOT NULL);";
  sql += fmt::format("INSERT INTO position VALUES(1, {}, 0, 0);", epoch);
  sql += fmt::format("PRAGMA application_id={};PRAGMA user_version={};COMMIT;", kApplicationId, kSchemaVersion);
  return run(sql);
}

Status SqliteStore::open(Random& random) {
  sqlite3_extended_result_codes(db_.get(), 1);
  sqlite3_busy_timeout(db_.get(), 1000);
  // Exclusive: the memory of a running EMS is only right if nobody else writes.
  if (auto ok = run("PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                    "PRAGMA foreign_keys=ON;PRAGMA trusted_schema=OFF;PRAGMA cache_size=-65536;");
      !ok) {
    return ok;
  }
  const auto version = number("PRAGMA user_version");
  if (!version) return fail(version.error());
  const auto application = number("PRAGMA application_id");
  if (!application) return fail(application.error());
  const auto objects = number("SELECT count(*) FROM sqlite_master");
  if (!objects) return fail(objects.error());
  if (*version == 0 && *objects == 0) {
    if (auto ok = create(random); !ok) return ok;
  } else if (*application != kApplicationId) {
    return fail(ErrorCode::kDataLoss, file_.string() + " is a database of another program");
  } else if (*version > kSchemaVersion) {
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("{} was written by a newer postern-ems (schema {}, this one knows {}); install that version",
                    file_.string(), *version, kSchemaVersion));
  }
  // Takes the exclusive lock now, so that a second EMS fails here and not at its first change. Tables that the version
  // which wrote the database did not have yet are made; that version does not look at them, should it come back.
  std::string sql = "BEGIN IMMEDIATE;UPDATE position SET one=1;";
  for (std::size_t t = 0; t < kTables; ++t) sql += create_table(static_cast<TableId>(t));
  sql += fmt::format("CREATE INDEX IF NOT EXISTS {} ON changes(revision) WHERE kind='{}';", kTagIndex, kTagChange);
  if (auto ok = run(sql + "COMMIT;"); !ok) return ok;
  for (std::size_t t = 0; t < kTables; ++t) {
    const auto table = static_cast<TableId>(t);
    const std::string name(table_name(table));
    const std::array<std::pair<Prepared*, std::string>, 4> statements{{
        {&upsert_[t],
         "INSERT INTO " + name + "(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value=excluded.value"},
        {&remove_[t], "DELETE FROM " + name + " WHERE key=?"},
        {&select_[t], "SELECT value FROM " + name + " WHERE key=?"},
        {&all_[t], table == TableId::kInventories ? "SELECT key, x'' FROM " + name + " ORDER BY key"
                                                  : "SELECT key, value FROM " + name + " ORDER BY key"},
    }};
    for (const auto& [statement, sql] : statements) {
      if (auto ok = prepare(*statement, sql); !ok) return ok;
    }
  }
  const std::string change_columns = "SELECT revision, at_ms, kind, key, json, undo FROM changes ";
  const std::array<std::pair<Prepared*, std::string>, 15> statements{{
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&add_change_, "INSERT INTO changes VALUES(?, ?, ?, ?, ?, ?)"},
      {&add_audit_, "INSERT INTO audit(at_ms, actor, source, action, object, detail) VALUES(?, ?, ?, ?, ?, ?)"},
      {&set_revision_, "UPDATE position SET revision=?"},
      {&changes_, change_columns + "WHERE revision > ? ORDER BY revision LIMIT ?"},
      {&changes_of_, change_columns + "WHERE revision > ? AND key=? ORDER BY revision LIMIT ?"},
      {&history_, change_columns + "WHERE key=? AND revision < ? ORDER BY revision DESC LIMIT ?"},
      {&tag_history_,
       change_columns + fmt::format("WHERE kind='{}' AND revision < ? ORDER BY revision DESC LIMIT ?", kTagChange)},
      {&audit_,
       "SELECT id, at_ms, actor, source, action, object, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?"},
      {&drop_changes_,
       "DELETE FROM changes WHERE revision IN (SELECT revision FROM changes WHERE at_ms < ? ORDER BY revision LIMIT "
       "?)"},
      {&drop_audit_, "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_ms < ? ORDER BY id LIMIT ?)"},
      {&oldest_, "SELECT coalesce(min(revision) - 1, (SELECT revision FROM position)) FROM changes"},
      {&set_oldest_, "UPDATE position SET oldest=?"},
  }};
  for (const auto& [statement, sql] : statements) {
    if (auto ok = prepare(*statement, sql); !ok) return ok;
  }
  const auto epoch = number("SELECT epoch FROM position");
  if (!epoch) return fail(epoch.error());
  const auto revision = number("SELECT revision FROM position");
  if (!revision) return fail(revision.error());
  const auto oldest = number("SELECT oldest FROM position");
  if (!oldest) return fail(oldest.error());
  position_ = {static_cast<std::uint64_t>(*epoch), static_cast<Revision>(*revision), static_cast<Revision>(*oldest)};
  const auto entries = number("SELECT count(*) FROM audit");
  if (!entries) return fail(entries.error());
  audit_size_ = static_cast<std::uint64_t>(*entries);
  return {};
}

Status SqliteStore::load(const Visitor& visit) const {
  for (std::size_t t = 0; t < kTables; ++t) {
    Use use(all_[t].get());
    int code;
    while ((code = use.step()) == SQLITE_ROW) {
      if (auto ok = visit(static_cast<TableId>(t), use.column_text(0), use.column_text(1)); !ok) return ok;
    }
    if (code != SQLITE_DONE) return fail(error(code, "reading"));
  }
  return {};
}

Result<std::optional<std::string>> SqliteStore::get(TableId table, std::string_view key) const {
  Use use(select_[static_cast<std::size_t>(table)].get());
  const int code = use.text(key).step();
  if (code == SQLITE_DONE) return std::optional<std::string>();
  if (code != SQLITE_ROW) return fail(error(code, "reading"));
  return std::optional<std::string>(use.column_text(0));
}

/// SQLITE_DONE, or the first error.
int SqliteStore::write(const Batch& batch) {
  int code = SQLITE_DONE;
  for (const auto& row : batch.rows) {
    const auto t = static_cast<std::size_t>(row.table);
    if (row.value) {
      Use use(upsert_[t].get());
      code = use.text(row.key).blob(*row.value).step();
    } else {
      Use use(remove_[t].get());
      code = use.text(row.key).step();
    }
    if (code != SQLITE_DONE) return code;
  }
  const auto at = to_unix_ms(batch.at);
  auto revision = static_cast<std::int64_t>(position_.revision);
  for (const auto& c : batch.changes) {
    Use use(add_change_.get());
    code = use.integer(++revision).integer(at).text(c.kind).text(c.key).text(c.json).blob(c.undo).step();
    if (code != SQLITE_DONE) return code;
  }
  for (const auto& a : batch.audit) {
    Use use(add_audit_.get());
    code =
        use.integer(to_unix_ms(a.at)).text(a.actor).text(a.source).text(a.action).text(a.object).text(a.detail).step();
    if (code != SQLITE_DONE) return code;
  }
  if (!batch.changes.empty()) {
    Use use(set_revision_.get());
    code = use.integer(revision).step();
  }
  return code;
}

Result<Revision> SqliteStore::commit(const Batch& batch) {
  int code = Use(begin_.get()).step();
  if (code != SQLITE_DONE) return fail(error(code, "beginning a change"));
  code = write(batch);
  if (code == SQLITE_DONE) code = Use(commit_.get()).step();
  if (code != SQLITE_DONE) {
    const Error why = error(code, "writing a change");
    // SQLite has rolled back by itself after some errors.
    if (sqlite3_get_autocommit(db_.get()) == 0) Use(rollback_.get()).step();
    return fail(why);
  }
  position_.revision += batch.changes.size();
  audit_size_ += batch.audit.size();
  return position_.revision;
}

Result<std::vector<StoredChange>> SqliteStore::read_changes(Use& use) const {
  std::vector<StoredChange> out;
  int code;
  while ((code = use.step()) == SQLITE_ROW) {
    StoredChange c;
    c.change.revision = static_cast<Revision>(use.column_integer(0));
    c.change.at = from_unix_ms(use.column_integer(1));
    c.change.kind = use.column_text(2);
    c.change.key = use.column_text(3);
    c.change.json = use.column_text(4);
    c.undo = use.column_text(5);
    out.push_back(std::move(c));
  }
  if (code != SQLITE_DONE) return fail(error(code, "reading changes"));
  return out;
}

Result<std::vector<StoredChange>> SqliteStore::changes(Revision after, std::size_t limit, std::string_view key) const {
  Use use(key.empty() ? changes_.get() : changes_of_.get());
  use.integer(static_cast<std::int64_t>(after));
  if (!key.empty()) use.text(key);
  use.integer(static_cast<std::int64_t>(limit));
  return read_changes(use);
}

Result<std::vector<StoredChange>> SqliteStore::history(std::string_view key, Revision before, std::size_t limit) const {
  Use use(history_.get());
  use.text(key).integer(before == 0 ? INT64_MAX : static_cast<std::int64_t>(before));
  use.integer(static_cast<std::int64_t>(limit));
  return read_changes(use);
}

Result<std::vector<StoredChange>> SqliteStore::tag_history(Revision before, std::size_t limit) const {
  Use use(tag_history_.get());
  use.integer(before == 0 ? INT64_MAX : static_cast<std::int64_t>(before)).integer(static_cast<std::int64_t>(limit));
  return read_changes(use);
}

Result<std::vector<AuditEntry>> SqliteStore::audit(std::uint64_t before, std::size_t limit) const {
  Use use(audit_.get());
  use.integer(before == 0 ? INT64_MAX : static_cast<std::int64_t>(before)).integer(static_cast<std::int64_t>(limit));
  std::vector<AuditEntry> out;
  int code;
  while ((code = use.step()) == SQLITE_ROW) {
    AuditEntry a;
    a.id = static_cast<std::uint64_t>(use.column_integer(0));
    a.at = from_unix_ms(use.column_integer(1));
    a.actor = use.column_text(2);
    a.source = use.column_text(3);
    a.action = use.column_text(4);
    a.object = use.column_text(5);
    a.detail = use.column_text(6);
    out.push_back(std::move(a));
  }
  if (code != SQLITE_DONE) return fail(error(code, "reading the audit log"));
  return out;
}

Status SqliteStore::prune(WallTime changes_before, WallTime audit_before, std::size_t limit) {
  const auto step = [&](sqlite3_stmt* s, WallTime before) {
    return Use(s).integer(to_unix_ms(before)).integer(static_cast<std::int64_t>(limit)).step();
  };
  int code = Use(begin_.get()).step();
  std::int64_t oldest = static_cast<std::int64_t>(position_.oldest);
  if (code == SQLITE_DONE) code = step(drop_changes_.get(), changes_before);
  std::uint64_t dropped = 0;
  if (code == SQLITE_DONE) {
    code = step(drop_audit_.get(), audit_before);
    if (code == SQLITE_DONE) dropped = static_cast<std::uint64_t>(sqlite3_changes64(db_.get()));
  }
  if (code == SQLITE_DONE) {
    Use use(oldest_.get());
    code = use.step();
    if (code == SQLITE_ROW) {
      oldest = use.column_integer(0);
      code = SQLITE_DONE;
    }
  }
  if (code == SQLITE_DONE) code = Use(set_oldest_.get()).integer(oldest).step();
  if (code == SQLITE_DONE) code = Use(commit_.get()).step();
  if (code != SQLITE_DONE) {
    const Error why = error(code, "dropping old changes");
    if (sqlite3_get_autocommit(db_.get()) == 0) Use(rollback_.get()).step();
    return fail(why);
  }
  position_.oldest = static_cast<Revision>(oldest);
  audit_size_ -= std::min(audit_size_, dropped);
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Random& random) {
  // Made by us first, so that at no moment anybody else may read it; SQLite gives -wal and -shm the same mode.
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(errno_error(errno, "opening the database", file));
  ::fchmod(fd, 0600);
  ::close(fd);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (code != SQLITE_OK) return fail(error_of(raw, code, file, "opening"));
  auto store = std::make_unique<SqliteStore>(file, std::move(db));
  if (auto ok = store->open(random); !ok) return fail(ok.error());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace postern::ems
