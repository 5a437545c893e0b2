#include "gateway/forward/forwarder.h"

#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/open_files.h"
#include "base/text.h"
#include "gateway/forward/destinations.h"
#include "gateway/forward/forwarder_limits.h"
#include "gateway/forward/forwarder_place.h"

namespace postern::gateway {
namespace {

net::TunnelAnswer refused(int status, const std::string& why) {
  net::TunnelAnswer out;
  out.refusal.status = status;
  out.refusal.headers.add("Content-Type", "text/plain; charset=utf-8");
  out.refusal.body = why + "\n";
  return out;
}

/// The socket is there, and nobody can connect yet: it becomes the user's, and so do we.
Status hand_over(const std::string& socket, const ProcessUser& user) {
  if (auto written = write_forwarder_record(std::filesystem::path(socket).parent_path()); !written) return written;
  if (user.uid == ::geteuid()) return {};
  if (::lchown(socket.c_str(), user.uid, user.gid) != 0) return fail(errno_error(errno, "giving nginx access to", socket));
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0) {
    return fail(ErrorCode::kPermissionDenied, "can't become the user that nginx runs as");
  }
  return {};
}

/// Tells the gateway how many connections there are, and says when they are too many.
class Accounting {
 public:
  Accounting(net::Loop& loop, const net::TunnelLimits& limits, std::size_t open_files, ForwarderLog& lines)
      : loop_(loop), lines_(lines) {
    state_.most = limits.max_tunnels;
    state_.most_of_one = limits.max_per_owner;
    state_.open_files = open_files;
  }
  Status open(const std::filesystem::path& folder) { return file_.open(folder); }
  void begin(const net::TunnelServer& server) {
    server_ = &server;
    look();
  }

 private:
  void look() {
    const auto counts = server_->counts();
    const auto say = [&](const char* event, const char* what, std::uint64_t most) {
      if (lines_.admit()) log_warning(event, what, {{"most", std::to_string(most)}, {"open_files", std::to_string(state_.open_files)}});
    };
    if (counts.refused_full != state_.refused) {
      state_.full_at = clock_.now().mono;
      say("forward.full", "connections were refused: as many are forwarded as there may be", state_.most);
    }
    if (counts.refused_owner != state_.refused_of_one) {
      say("forward.full_of_one", "connections were refused: one endpoint has as many as it may have", state_.most_of_one);
    }
    state_.open = counts.places;
    state_.refused = counts.refused_full;
    state_.refused_of_one = counts.refused_owner;
    state_.alive_at = clock_.now().mono;
    file_.tell(state_);
    again_ = loop_.after(std::chrono::milliseconds(500), [this] { look(); });
  }

  net::Loop& loop_;
  ForwarderLog& lines_;
  SystemClock clock_;
  const net::TunnelServer* server_ = nullptr;
  ForwarderState state_;
  ForwarderStateFile file_;
  net::Handle again_;
};

}  // namespace

net::TunnelAnswer forward_decision(const net::HttpRequest& request, ForwarderLog* log,
                                   const std::function<bool(const IpAddress&)>& own) {
  const auto* told = request.headers.find(kDestinationsHeader);
  if (told == nullptr || request.headers.count(kDestinationsHeader) != 1 || request.headers.count(kEndpointHeader) > 1)
    return refused(403, "this request did not come by an access proxy");
  const auto destinations = parse_destinations(*told);
  if (!destinations) {
    if (log != nullptr && log->admit()) log_error("forward.destinations", destinations.error().message);
    return refused(500, "the gateway's configuration could not be read");
  }
  const auto argument = [&](const char* name) {
    const auto it = request.query.find(name);
    return it == request.query.end() ? std::string() : it->second;
  };
  auto host = argument("address");
  const auto port = parse_u64(argument("port"));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.size() > 253 || !port || *port < 1 || *port > 65535)
    return refused(400, "say where to: ?address=HOST&port=NUMBER");
  const bool sound = IpAddress::parse(host) || host_name_sound(to_lower(host));
  if (!sound || !leads_to(*destinations, host, static_cast<std::uint16_t>(*port))) {
    if (log != nullptr && log->admit()) {
      log_warning("forward.refused", "a destination that is not configured was asked for",
                  {{"destination", sound ? host : std::string("?")}, {"port", std::to_string(*port)}});
    }
    return refused(403, fmt::format("{} port {} is not a destination of this application", sound ? host : "that host", *port));
  }
  if (const auto address = IpAddress::parse(host); address && !named_singly(*destinations, *address) && own(*address)) {
    if (log != nullptr && log->admit()) {
      log_warning("forward.refused", "a range of destinations holds an address of this machine, which was asked for",
                  {{"destination", host}, {"port", std::to_string(*port)}});
    }
    return refused(403, fmt::format("{} is this gateway itself, which no range of destinations leads to", host));
  }
  net::TunnelAnswer out;
  out.to = {to_lower(host), static_cast<std::uint16_t>(*port)};
  if (const auto* endpoint = request.headers.find(kEndpointHeader)) out.owner = endpoint->substr(0, 128);
  return out;
}

int run_forwarder(const ForwarderOptions& options) {
  ::prctl(PR_SET_NAME, kForwarderName);
  const auto open_files = raise_open_files(open_files_for_forwarder());
  const auto limits = forwarder_limits(open_files);
  ::signal(SIGPIPE, SIG_IGN);
  const auto failed = [](const Error& error) {
    log_error("forward.start", error.message);
    return 1;
  };
  const auto user = find_process_user(options.user);
  if (!user) return failed(user.error());
  const auto folder = std::filesystem::absolute(options.socket).parent_path();
  if (auto ours = check_forwarder_folder(folder); !ours) return failed(ours.error());
  // Kept until the process ends.
  if (const auto lock = lock_forwarder_folder(folder); !lock) return failed(lock.error());
  SystemClock clock;
  ForwarderLog lines(clock, STDERR_FILENO);
  net::Loop loop;
  Accounting accounting(loop, limits, open_files, lines);
  if (auto made = accounting.open(folder); !made) return failed(made.error());
  net::TunnelListening listening;
  listening.path = folder / std::filesystem::path(options.socket).filename();
  listening.mode = 0600;
  listening.limits = limits;
  listening.bound = [&] { return hand_over(listening.path, *user); };
  listening.decide = [&lines](const net::HttpRequest& request) { return forward_decision(request, &lines); };
  listening.on_end = [&lines](const net::TunnelAnswer::Destination& to, const net::TunnelEnd& end) {
    if (!lines.admit()) return;
    log_info("forward.ended", end.clean ? "both ends are done" : end.reason,
             {{"destination", to.host},
              {"port", std::to_string(to.port)},
              {"from", std::to_string(end.from_tcp)},
              {"to", std::to_string(end.to_tcp)}});
  };
  auto server = net::TunnelServer::listen(loop, listening);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!server) return failed(server.error());
  const auto signals = loop.on_signal({SIGTERM, SIGINT}, [&loop](int) { loop.stop(); });
  log_info("forward.started", "TCP is forwarded", {{"socket", options.socket}, {"most", std::to_string(limits.max_tunnels)}});
  if (limits.max_tunnels < net::TunnelLimits().max_tunnels) {
    log_warning("forward.limited",
                fmt::format("the limit on open files allows no more connections; {} would be enough for all", open_files_for_forwarder()),
                {{"most", std::to_string(limits.max_tunnels)}, {"open_files", std::to_string(open_files)}});
  }
  accounting.begin(**server);
  loop.run();
  return 0;
}

}  // namespace postern::gateway
