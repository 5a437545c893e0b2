#include "gateway/ztna/nginx_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/ztna/nginx_verdict.h"
#include "gateway/ztna/spawn.h"

namespace postern::gateway {
namespace {

constexpr std::size_t kMaxOutput = 64 << 10;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{5000};
/// Having lived this long counts as healthy: the next death is answered at once again.
constexpr std::chrono::seconds kHealthy{30};
constexpr std::chrono::seconds kStopPatience{5};
constexpr std::chrono::milliseconds kVerdictLook{20};
constexpr std::chrono::milliseconds kLateLook{200};
constexpr std::chrono::milliseconds kLogLook{1000};
constexpr std::size_t kLogPiece = 64 << 10;
/// Of the log at one look; the next one goes on behind it.
constexpr int kMaxLogPieces = 64;

int open_pidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0u)); }

/// What nginx has to say about a configuration; blocking, for a worker thread.
struct Checked {
  bool good = false;
  std::string said;
};

Checked check_generation(const SpawnOptions& base, const std::filesystem::path& output_path) {
  Checked out;
  const int fd =
      open(output_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    out.said = errno_error(errno, "opening", output_path).message;
    return out;
  }
  auto options = base;
  options.output = fd;
  const auto pid = spawn(options);
  if (!pid) {
    out.said = pid.error().message;
  } else {
    int status = 0;
    while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
    }
    out.good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const auto said = read_file(output_path, kMaxOutput);
    out.said = said ? std::string(trim(*said)) : describe_exit(status);
    if (out.said.empty()) out.said = describe_exit(status);
  }
  close(fd);
  return out;
}

class Process final : public NginxProcess {
 public:
  Process(net::Loop& loop, NginxOptions options, std::optional<ProcessUser> user)
      : loop_(loop), options_(std::move(options)), user_(user) {}

  ~Process() override {
    *alive_ = false;
    exit_watch_.cancel();
    if (pidfd_ >= 0) close(pidfd_);
  }

  Status prepare() {
    if (auto made = make_directories(options_.dir, 0750); !made) return made;
    if (auto made = make_directories(state_dir(), 0750); !made) return made;
    if (!user_) return {};
    if (chown(options_.dir.c_str(), static_cast<uid_t>(-1), user_->gid) != 0) {
      return fail(errno_error(errno, "giving nginx access to", options_.dir));
    }
    if (chown(state_dir().c_str(), user_->uid, user_->gid) != 0) {
      return fail(errno_error(errno, "giving nginx access to", state_dir()));
    }
    return {};
  }

  std::filesystem::path state_dir() const override { return options_.dir / "state"; }

  Result<std::string> install(const std::string& name, std::string_view content) override {
    if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') {
      return fail(ErrorCode::kInvalidArgument, fmt::format("'{}' is not a plain file name", name));
    }
    const auto path = options_.dir / name;
    const auto fresh = options_.dir / (name + ".installing");
    if (auto written = write_file_atomic(fresh, content, 0640); !written)
      return fail(written.error());
    // Ownership first, then the name: nginx never meets a file that it can't read.
    if ((user_ && chown(fresh.c_str(), static_cast<uid_t>(-1), user_->gid) != 0) ||
        rename(fresh.c_str(), path.c_str()) != 0) {
      const auto error = errno_error(errno, "installing", path);
      unlink(fresh.c_str());
      return fail(error);
    }
    return path.string();
  }

  void apply(std::string config, std::function<void(Status)> done) override {
    waiting_ = Wanted{std::move(config), std::move(done)};
    if (!checking_ && !verdict_watch_) check_next();
  }

  /// One that a gateway before this one left is ours from the start: what it listens at is no other program's.
  void take_over() { (void)adopt(); }

  void stop() override {
    wanted_ = false;
    restart_.cancel();
    verdict_watch_.cancel();
    late_watch_.cancel();
    if (!pid_ && !adopt()) return;
    exit_watch_.cancel();
    kill_master(SIGTERM);
    pollfd p{pidfd_, POLLIN, 0};
    if (poll(&p, 1, static_cast<int>(std::chrono::milliseconds(kStopPatience).count())) == 0) {
      log_warning("nginx.stuck", "nginx did not end when asked; it is killed");
      kill_master(SIGKILL);
      poll(&p, 1, 1000);
    }
    forget();
  }

  std::optional<pid_t> pid() const override { return pid_; }

  Status health() const override { return health_; }

 private:
  struct Wanted {
    std::string config;
    std::function<void(Status)> done;
  };

  SpawnOptions command(const std::filesystem::path& config) const {
    SpawnOptions out;
    out.argv = {options_.binary,
                "-p",
                options_.dir.string(),
                "-e",
                (state_dir() / "error.log").string(),
                "-c",
                config.string()};
    if (user_) {
      out.uid = user_->uid;
      out.gid = user_->gid;
      out.bind_low_ports = true;
    }
    return out;
  }

  void check_next() {
    auto wanted = std::make_shared<Wanted>(std::move(*waiting_));
    waiting_.reset();
    if (auto written = install("nginx.conf.next", wanted->config); !written) {
      health_ = fail(written.error());
      if (wanted->done) wanted->done(fail(written.error()));
      return;
    }
    checking_ = true;
    auto options = command(options_.dir / "nginx.conf.next");
    options.argv.push_back("-t");
    options.argv.push_back("-q");
    auto checked = std::make_shared<Checked>();
    const auto output = options_.dir / "check.out";
    loop_.offload([options, checked, output] { *checked = check_generation(options, output); },
                  [this, alive = alive_, wanted, checked] {
                    if (!*alive) return;
                    checking_ = false;
                    finish(*wanted, *checked);
                    if (waiting_ && !verdict_watch_) check_next();
                  });
  }

  void finish(Wanted& wanted, const Checked& checked) {
    late_watch_.cancel();
    Status status;
    if (!checked.good) {
      // An address that goes between our look and its own may come back.
      const bool place = checked.said.find("bind() to ") != std::string::npos;
      status = fail(place ? ErrorCode::kConflict : ErrorCode::kInvalidArgument,
                    "nginx refuses the configuration: " + checked.said);
    } else if (auto written = install("nginx.conf", wanted.config); !written) {
      status = fail(written.error());
    } else {
      wanted_ = true;
      if (pid_ || adopt()) {
        const auto said = log_size();
        if (kill_master(SIGHUP)) {
          await_verdict(said, std::move(wanted.done));
          return;
        }
      }
      status = start(wanted.done);
      if (status) return;
    }
    log_error("nginx.apply_failed", status.error().message);
    health_ = status;
    if (wanted.done) wanted.done(status);
  }

  // ---- what nginx says itself, behind a start or a reload

  std::filesystem::path log_path() const { return state_dir() / "error.log"; }

  std::uintmax_t log_size() const {
    std::error_code none;
    const auto size = std::filesystem::file_size(log_path(), none);
    return none ? 0 : size;
  }

  /// What strangers do wrong stands in it, too: without a bound whoever connects could fill the disk, or memory.
  void bound_log() {
    // Not while it starts: before it knows the signal, that would end it.
    if (!pid_ || verdict_watch_) return;
    const auto size = log_size();
    if (size <= options_.max_log_bytes * (late_watch_ ? 4 : 1)) return;
    std::error_code failed;
    std::filesystem::rename(log_path(), log_path().native() + ".1", failed);
    if (!failed) kill_master(SIGUSR1);
  }

  /// What nginx has written since the last look, line by line: workers may write a lot meanwhile.
  const std::optional<Status>& look_for_verdict() {
    std::string piece;
    const int fd = open(log_path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (log_size() < verdict_from_) {  // it was rotated
      verdict_from_ = 0;
      verdict_.take("\n");
    }
    for (int i = 0; fd >= 0 && i < kMaxLogPieces && !verdict_.take({}); ++i) {
      piece.resize(kLogPiece);
      const auto n = pread(fd, piece.data(), piece.size(), static_cast<off_t>(verdict_from_));
      if (n <= 0) break;
      verdict_from_ += static_cast<std::uintmax_t>(n);
      verdict_.take(std::string_view(piece).substr(0, static_cast<std::size_t>(n)));
    }
    if (fd >= 0) close(fd);
    return verdict_.take({});
  }

  void await_verdict(std::uintmax_t said, std::function<void(Status)> done) {
    verdict_done_ = std::move(done);
    verdict_from_ = said;
    verdict_ = NginxVerdict(pid_.value_or(0));
    late_watch_.cancel();
    const auto until = std::chrono::steady_clock::now() + options_.verdict_patience;
    verdict_watch_ = loop_.every(kVerdictLook, [this, until] {
      auto verdict = look_for_verdict();
      if (!verdict && std::chrono::steady_clock::now() > until) {
        verdict = Status(fail(ErrorCode::kDeadlineExceeded,
                              fmt::format("nginx has not said whether it took the configuration: look at {}; what it "
                                          "says later counts, and it is asked again after a while",
                                          log_path().native())));
        late_watch_ = loop_.every(kLateLook, [this] { look_late(); });
      }
      if (verdict) judged(std::move(*verdict));
    });
  }

  /// One that has not answered in time may be at it still.
  void look_late() {
    const auto verdict = look_for_verdict();
    if (!verdict) return;
    late_watch_.cancel();
    health_ = *verdict;
    if (health_) {
      log_info("nginx.applied_late", "nginx has taken the configuration after all");
    } else {
      log_error("nginx.not_applied", health_.error().message);
    }
  }

  void judged(Status verdict) {
    verdict_watch_.cancel();
    if (!verdict) log_error("nginx.not_applied", verdict.error().message);
    health_ = verdict;
    if (const auto done = std::exchange(verdict_done_, nullptr)) done(verdict);
    if (waiting_ && !checking_ && !verdict_watch_) check_next();
  }

  bool kill_master(int number) {
    return pidfd_ >= 0 && syscall(SYS_pidfd_send_signal, pidfd_, number, nullptr, 0u) == 0;
  }

  /// An nginx that a gateway process before us started and that still runs.
  bool adopt() {
    const auto text = read_file(state_dir() / "nginx.pid", 64);
    const auto number = text ? parse_u64(trim(*text)) : std::nullopt;
    if (!number || *number < 2 || *number > 0x7fffffff) return false;
    const auto pid = static_cast<pid_t>(*number);
    const int pidfd = open_pidfd(pid);
    if (pidfd < 0) return false;
    // The number may be somebody else's by now. Its command line names our directory; the
    // descriptor was opened before we looked, so that it can't change owner between.
    const auto title = read_proc(fmt::format("/proc/{}/cmdline", pid));
    if (title.find("nginx: master process") != 0 ||
        title.find(" -p " + options_.dir.string() + " ") == std::string::npos) {
      close(pidfd);
      return false;
    }
    log_info("nginx.adopted", "took over a running nginx", {{"pid", std::to_string(pid)}});
    watch(pid, pidfd, false);
    return true;
  }

  static std::string read_proc(const std::string& path) {
    std::string out(4096, '\0');
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const auto n = fd >= 0 ? read(fd, out.data(), out.size()) : -1;
    if (fd >= 0) close(fd);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    std::replace(out.begin(), out.end(), '\0', ' ');
    return out + ' ';
  }

  /// `done` hears what nginx says then, unless this fails.
  Status start(std::function<void(Status)> done = nullptr) {
    const auto said = log_size();
    const auto output_path = options_.dir / "start.out";
    const int output =
        open(output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (output < 0) return fail(errno_error(errno, "opening", output_path));
    auto options = command(options_.dir / "nginx.conf");
    options.output = output;
    options.own_session = true;
    // OpenSSL asks for thousands of small pieces of memory in a handshake, and each request for large ones: they stay with
    // the worker (at most some 16 MB more), instead of being put together and given back each time.
    options.environment = {"GLIBC_TUNABLES=glibc.malloc.tcache_count=500:glibc.malloc.top_pad=1048576:glibc.malloc.trim_threshold=16777216"};
    const auto pid = spawn(options);
    close(output);
    if (!pid) return fail(pid.error());
    const int pidfd = open_pidfd(*pid);
    if (pidfd < 0) {
      const auto error = errno_error(errno, "watching", options_.binary);
      kill(*pid, SIGKILL);
      waitpid(*pid, nullptr, 0);
      return fail(error);
    }
    log_info("nginx.started", "nginx started", {{"pid", std::to_string(*pid)}});
    watch(*pid, pidfd, true);
    await_verdict(said, std::move(done));
    return {};
  }

  void watch(pid_t pid, int pidfd, bool child) {
    pid_ = pid;
    pidfd_ = pidfd;
    child_ = child;
    started_ = std::chrono::steady_clock::now();
    exit_watch_ = loop_.watch_readable(pidfd, [this] { died(); });
  }

  void forget() {
    exit_watch_.cancel();
    late_watch_.cancel();
    if (child_ && pid_) waitpid(*pid_, &last_status_, WNOHANG);
    if (pidfd_ >= 0) close(pidfd_);
    pidfd_ = -1;
    pid_.reset();
  }

  void died() {
    const bool lived = std::chrono::steady_clock::now() - started_ >= kHealthy;
    last_status_ = 0;
    const bool child = child_;
    // Workers outlive a killed master and keep the ports. Asked to quit they let go of them and
    // finish their sessions, watched as ever. Its number still names the group: the zombie, or the
    // workers themselves, hold it.
    kill(-*pid_, SIGQUIT);
    const bool awaited = static_cast<bool>(verdict_watch_);
    const auto verdict = awaited ? look_for_verdict() : std::nullopt;
    forget();
    std::string why =
        child ? describe_exit(last_status_) : "it was adopted, its status is not ours to know";
    if (const auto said = read_file(options_.dir / "start.out", kMaxOutput);
        said && !said->empty()) {
      why += ": " + std::string(trim(*said));
    }
    log_error("nginx.died", "nginx ended by itself and is started again", {{"why", why}});
    pause_ = lived ? kFirstPause : std::min(pause_ * 2, kLongestPause);
    if (on_died) on_died();
    if (wanted_) schedule_restart();
    auto ended = awaited && verdict && !*verdict
                     ? *verdict
                     : Status(fail(ErrorCode::kUnavailable, "nginx ended and is started again: " + why));
    if (awaited) {
      judged(std::move(ended));
    } else {
      health_ = std::move(ended);
    }
  }

  void schedule_restart() {
    restart_ = loop_.after(pause_, [this] {
      if (!wanted_ || pid_ || adopt()) return;
      if (auto started = start(); !started) {
        log_error("nginx.start_failed", started.error().message);
        health_ = started;
        pause_ = std::min(pause_ * 2, kLongestPause);
        schedule_restart();
      }
    });
  }

  net::Loop& loop_;
  NginxOptions options_;
  std::optional<ProcessUser> user_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::optional<Wanted> waiting_;
  bool checking_ = false;
  bool wanted_ = false;
  std::optional<pid_t> pid_;
  int pidfd_ = -1;
  bool child_ = false;
  int last_status_ = 0;
  std::chrono::steady_clock::time_point started_{};
  std::chrono::milliseconds pause_ = kFirstPause;
  net::Handle exit_watch_;
  net::Handle restart_;
  Status health_;
  std::uintmax_t verdict_from_ = 0;  // up to there the log has been read
  NginxVerdict verdict_{0};
  std::function<void(Status)> verdict_done_;
  net::Handle verdict_watch_;  // while nginx has not said how a start or a reload went
  net::Handle late_watch_;     // likewise, after nobody waits for it any more
  net::Handle log_watch_ = loop_.every(kLogLook, [this] { bound_log(); });
};

}  // namespace

Result<ProcessUser> find_nginx_user(const NginxOptions& options) {
  return find_process_user(geteuid() == 0 ? options.user : std::string());
}

Result<std::unique_ptr<NginxProcess>> NginxProcess::create(net::Loop& loop, NginxOptions options) {
  std::optional<ProcessUser> user;
  if (geteuid() == 0 && !options.user.empty()) {
    auto found = find_nginx_user(options);
    if (!found) return fail(found.error());
    user = *found;
  }
  std::error_code ignored;
  options.dir = std::filesystem::absolute(options.dir, ignored);
  auto process = std::make_unique<Process>(loop, std::move(options), user);
  if (auto ready = process->prepare(); !ready) return fail(ready.error());
  process->take_over();
  return process;
}

}  // namespace postern::gateway
