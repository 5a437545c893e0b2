#include "vuln/rpm_database.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace postern::vuln {
namespace {

namespace fs = std::filesystem;

constexpr int kStepsPerLook = 1'000'000;  // Of SQLite's machine between two looks at how long it takes.
constexpr int kMostLooks = 1'000;

/// A directory of our own, gone with its content in the end.
class OwnDirectory {
 public:
  OwnDirectory() {
    std::error_code ec;
    auto name = (fs::temp_directory_path(ec) / "postern-rpmdb-XXXXXX").native();
    if (!ec && ::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~OwnDirectory() {
    std::error_code ec;
    if (!path_.empty()) fs::remove_all(path_, ec);
  }
  OwnDirectory(const OwnDirectory&) = delete;
  OwnDirectory& operator=(const OwnDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

bool write_copy(const fs::path& file, std::string_view bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  return out.good();
}

struct CloseSqlite {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseSqlite>;
using Statement = std::unique_ptr<sqlite3_stmt, CloseSqlite>;

tl::unexpected<Error> damaged(sqlite3* db, std::string_view doing) {
  if (sqlite3_errcode(db) == SQLITE_INTERRUPT || sqlite3_errcode(db) == SQLITE_TOOBIG)
    return fail(ErrorCode::kResourceExhausted, "rpm's database is too large to be read");
  return fail(ErrorCode::kDataLoss,
              fmt::format("rpm's database cannot be {}: {}; `rpm --rebuilddb` may mend it", doing, sqlite3_errmsg(db)));
}

Result<Database> open_copy(const fs::path& file) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (opened != SQLITE_OK) return damaged(db.get(), "opened");
  sqlite3_limit(db.get(), SQLITE_LIMIT_LENGTH, static_cast<int>(kMaxRpmHeaderBytes));
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  return db;
}

Result<Statement> prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) return damaged(db, "read");
  return Statement(statement);
}

int count_look(void* looks) { return ++*static_cast<int*>(looks) > kMostLooks; }

Result<std::vector<RpmHeader>> headers_in(sqlite3* db) {
  int looks = 0;
  sqlite3_progress_handler(db, kStepsPerLook, count_look, &looks);
  auto table = prepare(db,
                       "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'Packages' AND "
                       "sql NOT LIKE 'CREATE VIRTUAL%'");
  if (!table) return fail(table.error());
  const int found = sqlite3_step(table->get());
  if (found == SQLITE_DONE)
    return fail(ErrorCode::kDataLoss, "this SQLite database is none of rpm's: no table Packages");
  if (found != SQLITE_ROW) return damaged(db, "read");
  auto rows = prepare(db, "SELECT blob FROM Packages");
  if (!rows) return fail(rows.error());
  std::vector<RpmHeader> headers;
  for (;;) {
    const int step = sqlite3_step(rows->get());
    if (step == SQLITE_DONE) return headers;
    if (step != SQLITE_ROW) return damaged(db, "read");
    if (headers.size() > kMaxInventoryPackages) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("rpm's database holds more than {} packages", kMaxInventoryPackages));
    }
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(rows->get(), 0));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(rows->get(), 0));
    auto header = parse_rpm_header(bytes == nullptr ? std::string_view() : std::string_view(bytes, size));
    if (!header) return fail(header.error());
    headers.push_back(std::move(*header));
  }
}

}  // namespace

Result<std::vector<RpmHeader>> read_rpm_database(std::string_view database, std::string_view log) {
  const OwnDirectory directory;
  if (directory.path().empty()) {
    return fail(ErrorCode::kResourceExhausted,
                "no directory can be made to copy rpm's database to: is there room for temporary files?");
  }
  const auto copy = directory.path() / "rpmdb.sqlite";
  if (!write_copy(copy, database) || (!log.empty() && !write_copy(directory.path() / "rpmdb.sqlite-wal", log))) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("rpm's database cannot be copied to {}: is there room?", directory.path().native()));
  }
  const auto db = open_copy(copy);
  if (!db) return fail(db.error());
  return headers_in(db->get());
}

}  // namespace postern::vuln
