#pragma once
// Our nginx: a process of its own that outlives the gateway's. Started, adopted, reloaded,
// restarted when it dies.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "gateway/ztna/process_user.h"
#include "net/loop.h"

namespace postern::gateway {

struct NginxOptions {
  std::string binary = "/usr/sbin/nginx";
  /// Our directory for it: nginx.conf and what `install` puts there (0640, readable by nginx), and
  /// `state/`, its own.
  std::filesystem::path dir;
  /// The user that nginx runs as, if we are root; it may bind ports below 1024 and nothing else.
  /// Empty: as we are.
  std::string user = "www-data";
  /// What nginx has said by then about a start or a reload counts; it gives up ports that are taken after 2.5 s.
  std::chrono::milliseconds verdict_patience{20'000};
  /// Past this size `error.log` becomes `error.log.1`, and a new one begins. Each handshake that fails is a line in it.
  std::uintmax_t max_log_bytes = 16u << 20;
};

/// Who nginx runs as; also who the workers at ModuleChannel are. Errors: kNotFound.
Result<ProcessUser> find_nginx_user(const NginxOptions& options);

/// Thread: loop.
class NginxProcess {
 public:
  /// Makes the directories, and takes over an nginx that a gateway before this one left. Errors: kNotFound (no such
  /// user), kPermissionDenied, kResourceExhausted.
  static Result<std::unique_ptr<NginxProcess>> create(net::Loop& loop, NginxOptions options);
  /// Leaves nginx running: the next gateway process adopts it. `stop` ends it.
  virtual ~NginxProcess() = default;

  /// Writes a file (certificate, key, CA bundle) that nginx may read and nobody else. Returns its
  /// path.
  virtual Result<std::string> install(const std::string& name, std::string_view content) = 0;
  /// Has nginx check the configuration; if it is good, puts it into force: adopts a running nginx
  /// and reloads it, or starts one. `done` hears when it is in force, or what nginx said is wrong: kInvalidArgument,
  /// what NginxVerdict says, or kDeadlineExceeded when nginx says nothing. The old configuration then stays, and an
  /// nginx that could not start is started again and again. What one that said nothing says later stands in `health`.
  virtual void apply(std::string config, std::function<void(Status)> done) = 0;
  /// Ends nginx and everything on it, at once, and waits for it briefly.
  virtual void stop() = 0;
  /// The master's process id, while it runs.
  virtual std::optional<pid_t> pid() const = 0;
  virtual std::filesystem::path state_dir() const = 0;
  /// Whether nginx runs with what was applied last; what is wrong and what to do.
  virtual Status health() const = 0;

  /// nginx died by itself; it is started again, after longer and longer pauses while that keeps
  /// happening.
  std::function<void()> on_died;
};

}  // namespace postern::gateway
