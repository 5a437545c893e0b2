#pragma once
// What the tests of the module stand on: certificates, a real nginx, an application behind it, TLS
// clients in front of it, and the gateway's ends of ec-shm and socket.
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/sha256.h"
#include "ecshm/channel.h"
#include "ecshm/writer.h"
#include "policy/compile.h"

namespace postern::nginx::lab {

using Clock = std::chrono::steady_clock;
inline constexpr std::chrono::seconds kPatience{10};

/// Waits for a condition; false when patience ran out.
bool wait_for(const std::function<bool()>& condition,
              std::chrono::milliseconds patience = kPatience);

struct Identity {
  std::string certificate;  ///< PEM.
  std::string key;          ///< PEM.
  Sha256 leaf{};
};

enum class Usage { kClient, kServer, kNone };

/// A certificate authority made for one test.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  /// Valid from `from` to `to`, in seconds from now.
  Identity issue(const std::string& name, Usage usage, long from = -3600, long to = 86400) const;
  std::string certificate() const;

 private:
  X509* certificate_ = nullptr;
  EVP_PKEY* key_ = nullptr;
};

/// The application: every path answers with the request's own head; /long streams without end;
/// /silent begins its answer and falls silent; /hang-up gives none; /ws upgrades to a stream that repeats what it gets.
class Application {
 public:
  Application();
  ~Application();
  int port() const { return port_; }
  std::size_t requests() const { return requests_; }

 private:
  void serve(int fd);
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> requests_{0};
  std::thread thread_;
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<std::thread> threads_;
};

/// The gateway's side: writer, socket and lease, on a thread of its own as in the real process.
class Plane {
 public:
  explicit Plane(std::filesystem::path dir);
  ~Plane();

  /// Changes the table and wakes the workers.
  void change(const std::function<void(ecshm::Writer&)>& what);
  void set_policies(const policy::PolicyTable& table);
  void put(const Sha256& leaf, const ecshm::SlotData& data);
  /// What a question is answered with: nullopt, "nobody knows it".
  std::function<std::optional<ecshm::SlotData>(const Sha256&)> on_ask;
  void stop_lease();  ///< Let it run out: the renewing stops.
  void resume_lease();
  std::vector<ecshm::Event> events();
  /// Waits for an event that fits.
  std::optional<ecshm::Event> wait_event(const std::function<bool(const ecshm::Event&)>& fits);
  std::size_t questions();
  std::size_t workers();
  /// As if the process died and came back: a new writer and socket over what was left. `fill` runs
  /// before it is seen.
  void restart(const std::function<void(ecshm::Writer&)>& fill);
  int live_sessions();
  /// Sends the order to all workers and waits until they have said how many sessions ended.
  std::uint32_t clear(const ecshm::ClearOrder& order);
  /// From now on no question is answered.
  void mute() { muted_ = true; }

 private:
  void open();
  void run();
  std::filesystem::path dir_;
  std::mutex mutex_;
  Bytes policies_;  // a gateway publishes them anew with each table
  std::unique_ptr<ecshm::Writer> writer_;
  std::unique_ptr<ecshm::Hub> hub_;
  std::vector<ecshm::Event> events_;
  std::map<std::uint64_t, int> sessions_;
  std::size_t questions_ = 0;
  std::size_t cleared_answers_ = 0;
  std::uint32_t cleared_ = 0;
  bool renew_ = true;
  std::atomic<bool> muted_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// How reading ended.
enum class End { kOpen, kClosed, kReset, kTimeout };

struct Response {
  int status = 0;
  std::string head;
  std::string body;
  std::string header(std::string_view name) const;
};

/// A TLS client; HTTP/1.1 by hand, or HTTP/2 through H2.
class Client {
 public:
  /// `identity` null: no certificate. Throws when the handshake fails.
  Client(int port, const Identity* identity, const std::string& sni, const std::string& alpn = "",
         SSL_SESSION* resume = nullptr);
  ~Client();
  void send(std::string_view bytes);
  /// Reads what is there, at least one byte; empty at the end.
  std::string read(std::chrono::milliseconds patience = kPatience);
  End end() const { return end_; }
  /// Reads on until the connection ends.
  End drain(std::chrono::milliseconds patience = kPatience);
  Response request(const std::string& method, const std::string& target, const std::string& host,
                   const std::string& headers = "");
  Response read_response();
  bool resumed() const { return SSL_session_reused(ssl_) == 1; }
  SSL_SESSION* session() const { return SSL_get1_session(ssl_); }
  std::size_t received() const { return received_; }
  Clock::time_point last_byte() const { return last_byte_; }

 private:
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  int fd_ = -1;
  End end_ = End::kOpen;
  std::string buffer_;
  std::size_t received_ = 0;
  Clock::time_point last_byte_{};
};

/// A real nginx with our module, in a directory of its own.
class Nginx {
 public:
  Nginx(const std::filesystem::path& dir, const Authority& server_ca, const Authority& client_ca,
        int application_port, int workers = 1);
  ~Nginx();
  int port() const { return port_; }
  /// Of a second server, where a certificate is not asked of anybody (proxy 2).
  int open_port() const { return open_port_; }
  pid_t pid() const { return pid_; }
  void reload();
  /// Who issues clients' certificates from the next reload on.
  void trust(const Authority& client_ca);
  std::set<pid_t> worker_pids() const;
  std::string log() const;

 private:
  std::filesystem::path dir_;
  int port_ = 0;
  int open_port_ = 0;
  pid_t pid_ = -1;
};

int free_port();

}  // namespace postern::nginx::lab
