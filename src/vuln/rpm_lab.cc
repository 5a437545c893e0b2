#include "vuln/rpm_lab.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>

namespace postern::vuln {
namespace {

void put_number(std::string& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
}

void run(sqlite3* db, const char* sql) {
  EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
}

}  // namespace

RpmHeaderWriter& RpmHeaderWriter::entry(std::uint32_t tag, std::uint32_t type, std::uint32_t offset,
                                        std::uint32_t count) {
  for (const auto n : {tag, type, offset, count}) put_number(index_, n);
  ++entries_;
  return *this;
}

RpmHeaderWriter& RpmHeaderWriter::text(std::uint32_t tag, std::string_view value) {
  entry(tag, 6, static_cast<std::uint32_t>(data_.size()), 1);
  data_.append(value).append(1, '\0');
  return *this;
}

RpmHeaderWriter& RpmHeaderWriter::number(std::uint32_t tag, std::uint32_t value) {
  while (data_.size() % 4 != 0) data_ += '\0';
  entry(tag, 4, static_cast<std::uint32_t>(data_.size()), 1);
  put_number(data_, value);
  return *this;
}

RpmHeaderWriter& RpmHeaderWriter::bytes(std::uint32_t tag, std::string_view value) {
  entry(tag, 7, static_cast<std::uint32_t>(data_.size()), static_cast<std::uint32_t>(value.size()));
  data_ += value;
  return *this;
}

std::string RpmHeaderWriter::blob() const {
  std::string bytes;
  put_number(bytes, entries_);
  put_number(bytes, static_cast<std::uint32_t>(data_.size()));
  return bytes + index_ + data_;
}

std::string rpm_header_blob(const RpmHeader& header) {
  RpmHeaderWriter writer;
  writer.bytes(63, std::string(16, '\x01'))
      .text(1000, header.name)
      .text(1001, header.version)
      .text(1002, header.release);
  if (header.epoch != 0) writer.number(1003, header.epoch);
  writer.text(1004, "a summary").number(1009, 4096);
  if (!header.arch.empty()) writer.text(1022, header.arch);
  if (!header.source_rpm.empty()) writer.text(1044, header.source_rpm);
  return writer.blob();
}

std::string rpm_ndb_bytes(const std::vector<std::string>& blobs) {
  constexpr std::size_t kPageBytes = 4096;
  const auto put_little = [](std::string& to, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) to += static_cast<char>(value >> shift & 0xff);
  };
  const auto put_slot = [&](std::string& to, std::uint32_t number, std::size_t block, std::size_t count) {
    to += "Slot";
    for (const auto n : {std::size_t{number}, block, count}) put_little(to, static_cast<std::uint32_t>(n));
  };
  std::string head = "RpmP";
  for (const std::size_t n : {std::size_t{0}, std::size_t{7}, std::size_t{1}, blobs.size() + 1})
    put_little(head, static_cast<std::uint32_t>(n));
  head.resize(32, '\0');
  std::string packages;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    const auto number = static_cast<std::uint32_t>(i + 1);
    const auto length = static_cast<std::uint32_t>(blobs[i].size());
    std::string blob = "BlbS";
    for (const auto n : {number, 7u, length}) put_little(blob, n);
    blob += blobs[i];
    while ((blob.size() + 12) % 16 != 0) blob += '\0';
    for (const auto n : {0u, length}) put_little(blob, n);  // The checksum is not read.
    blob += "BlbE";
    put_slot(head, number, (kPageBytes + packages.size()) / 16, blob.size() / 16);
    if (i == 0) put_slot(head, 0, 0, 0);
    packages += blob;
  }
  while (head.size() < kPageBytes) put_slot(head, 0, 0, 0);
  return head + packages;
}

void write_rpm_database(const std::filesystem::path& file, const std::vector<std::string>& blobs, bool keep_log) {
  std::filesystem::create_directories(file.parent_path());
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db(raw, sqlite3_close);
  if (keep_log) sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  run(raw, "PRAGMA journal_mode = WAL");
  run(raw, "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
  if (keep_log) run(raw, "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_stmt* insert = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(raw, "INSERT INTO Packages (blob) VALUES (?)", -1, &insert, nullptr), SQLITE_OK);
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> owned(insert, sqlite3_finalize);
  for (const auto& blob : blobs) {
    sqlite3_bind_blob(insert, 1, blob.data(), static_cast<int>(blob.size()), SQLITE_TRANSIENT);
    ASSERT_EQ(sqlite3_step(insert), SQLITE_DONE);
    sqlite3_reset(insert);
  }
}

}  // namespace postern::vuln
