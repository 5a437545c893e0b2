// What a durable change costs without us: the same rows committed to PostgreSQL with a NOTIFY, timed until a listener has
// it; or committed to SQLite as the EMS sets it up (WAL, synchronous=FULL), timed until the commit is done.
//
// Usage: commit_peer --postgres SOCKET_DIRECTORY --rounds N | --sqlite FILE --rounds N
// Prints {"us": T} per round. PostgreSQL is spoken to in its own protocol (version 3), which needs no library.
#include <arpa/inet.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "arguments.h"
#include "timing.h"

namespace {

using namespace postern::bench;

constexpr int kEndpoints = 1000;
constexpr int kFactBytes = 200;

class Postgres {
 public:
  explicit Postgres(const std::string& directory) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = directory + "/.s.PGSQL.5432";
    if (path.size() >= sizeof address.sun_path) {
      errno = ENAMETOOLONG;
      give_up(path.c_str());
    }
    path.copy(address.sun_path, path.size());
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up(path.c_str());
    using namespace std::string_literals;
    send(number(196608) + "user\0postgres\0database\0postgres\0\0"s, '\0');
    until('Z');
  }
  ~Postgres() { ::close(fd_); }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  void query(const std::string& sql) { send(sql + '\0', 'Q'); }
  /// Reads up to and including a message of this type: 'Z' ready, 'A' notification.
  void until(char type) {
    for (;;) {
      const char got = read(1)[0];
      const auto body = read(length(read(4)) - 4);
      if (got == 'E') {
        std::fprintf(stderr, "PostgreSQL: %s\n", body.c_str());
        std::exit(1);
      }
      if (got == type) return;
    }
  }

 private:
  static std::string number(std::uint32_t value) {
    value = htonl(value);
    return {reinterpret_cast<const char*>(&value), 4};
  }
  static std::size_t length(const std::string& bytes) {
    std::uint32_t value = 0;
    bytes.copy(reinterpret_cast<char*>(&value), 4);
    value = ntohl(value);
    if (value < 4 || value > 1 << 20) {
      std::fprintf(stderr, "PostgreSQL sent a message of %u bytes\n", value);
      std::exit(1);
    }
    return value;
  }
  void send(const std::string& body, char type) {
    const auto message = (type != '\0' ? std::string(1, type) : "") + number(body.size() + 4) + body;
    if (::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message.size())) give_up("send");
  }
  std::string read(std::size_t size) {
    while (in_.size() < size) {
      char buffer[4096];
      const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) give_up("PostgreSQL closed the connection");
      in_.append(buffer, static_cast<std::size_t>(n));
    }
    auto out = in_.substr(0, size);
    in_.erase(0, size);
    return out;
  }

  int fd_;
  std::string in_;
};

constexpr const char* kTables =
    "CREATE TABLE endpoint(uid INTEGER PRIMARY KEY, facts TEXT, tags TEXT, revision BIGINT);"
    "CREATE TABLE change(revision INTEGER PRIMARY KEY, uid INTEGER, body TEXT);";

std::string filled(const std::string& what, int round) {
  const auto facts = std::to_string(round) + std::string(kFactBytes, 'f');
  const auto revision = std::to_string(round + 1), uid = std::to_string(round * 7919 % kEndpoints);
  return "BEGIN; UPDATE endpoint SET facts='" + facts + "', tags='1,2,3', revision=" + revision + " WHERE uid=" + uid +
         "; INSERT INTO change VALUES(" + revision + "," + uid + ",'" + facts + "'); " + what + "COMMIT;";
}

void print(Nanos took) { std::printf("{\"us\": %.1f}\n", static_cast<double>(took) / 1000); }

void postgres(const std::string& directory, int rounds) {
  Postgres writer(directory), listener(directory);
  writer.query(std::string("DROP TABLE IF EXISTS endpoint, change;") + kTables +
               "INSERT INTO endpoint SELECT i, repeat('f', 200), '1,2,3', 0 FROM generate_series(0, 999) i;");
  writer.until('Z');
  listener.query("LISTEN change");
  listener.until('Z');
  for (int i = 0; i < rounds; ++i) {
    const auto sql = filled("NOTIFY change, '" + std::to_string(i) + "'; ", i);
    const Nanos start = now();
    writer.query(sql);
    listener.until('A');
    print(now() - start);
    writer.until('Z');
  }
}

void sqlite(const std::string& file, int rounds) {
  sqlite3* db = nullptr;
  const auto run = [&](const std::string& sql) {
    if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return;
    std::fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
    std::exit(1);
  };
  if (sqlite3_open(file.c_str(), &db) != SQLITE_OK) give_up(file.c_str());
  run(std::string("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; DROP TABLE IF EXISTS endpoint;"
                  "DROP TABLE IF EXISTS change;") + kTables);
  run("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < 999) "
      "INSERT INTO endpoint SELECT i, hex(zeroblob(100)), '1,2,3', 0 FROM n");
  for (int i = 0; i < rounds; ++i) {
    const auto sql = filled("", i);
    const Nanos start = now();
    run(sql);
    print(now() - start);
  }
  sqlite3_close(db);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const int rounds = static_cast<int>(arguments.number("rounds"));
  const auto file = arguments.text("sqlite", "");
  if (file.empty()) {
    postgres(arguments.text("postgres"), rounds);
  } else {
    sqlite(file, rounds);
  }
}
