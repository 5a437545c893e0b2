#include "ems/shell/shell.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "ems/api/api.h"
#include "ems/api/password.h"
#include "ems/bootstrap/bootstrap.h"
#include "ems/bootstrap/identity.h"
#include "ems/core/ems_core.h"
#include "ems/shell/feed_service.h"
#include "ems/shell/prepare.h"
#include "ems/store/sqlite_store.h"
#include "net/server.h"
#include "proto/invitation.h"

namespace postern::ems {
namespace {

constexpr const char* kFabricProtocol = "postern-fabric/1";
constexpr const char* kTelemetryProtocol = "postern-telemetry/1";
constexpr const char* kEnrolProtocol = "postern-enrol/1";
constexpr const char* kRuntimeFile = "runtime.json";
constexpr const char* kFeedDirectory = "feeds";

std::string this_host() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string address_text(const IpAddress& ip, std::uint16_t port) {
  return ip.is_v6() ? fmt::format("[{}]:{}", ip.str(), port) : fmt::format("{}:{}", ip.str(), port);
}

bool any_address(const IpAddress& ip) { return ip == *IpAddress::parse(ip.is_v6() ? "::" : "0.0.0.0"); }

/// What clients may call this EMS, for its certificates.
std::vector<std::string> server_names(const ShellOptions& options) {
  std::set<std::string> names{"localhost", "127.0.0.1"};
  for (const auto* address : {&options.https, &options.telemetry}) {
    if (!any_address(address->ip)) names.insert(address->ip.str());
  }
  for (const auto& address : options.public_addresses) {
    if (const auto parsed = proto::parse_host_port(address)) names.insert(parsed->host);
  }
  names.insert(options.server_names.begin(), options.server_names.end());
  if (const auto host = this_host(); !host.empty()) names.insert(host);
  return {names.begin(), names.end()};
}

class Shell {
 public:
  Shell(const ShellOptions& options, Store& store, Random& random, const Clock& clock)
      : options_(options), clock_(clock), core_(store, random, core_options(options)), random_(random) {}

  Status start();
  void run() { loop_.run(); }

 private:
  static EmsOptions core_options(const ShellOptions& options) {
    EmsOptions out;
    out.keepalive = options.keepalive;
    out.offline_timeout = options.offline_timeout;
    out.tag_timeout = options.tag_timeout;
    out.client_certificate_life = options.client_certificate_life;
    out.renewal_overlap = options.renewal_overlap;
    out.version = POSTERN_VERSION;
    out.server_names = server_names(options);
    return out;
  }

  Now now() const { return clock_.now(); }
  void after_event();
  void settle();
  void perform(act::Action& action);
  Status listen();
  Status use_web_certificate(const net::TlsIdentity& identity);
  net::TlsServerConfig https_config(net::TlsIdentity identity) const;
  net::TlsServerConfig telemetry_config(net::TlsIdentity identity) const;
  void on_https(net::HttpRequest request, net::HttpResponder respond);
  void on_enrol(const net::HttpRequest& request, net::HttpResponder respond);
  net::UpgradeDecision on_upgrade(const net::HttpRequest& request, const char* protocol, const char* path, bool fabric);
  void adopt(net::WebSocketPtr socket, bool fabric);
  void check_initial_password();
  void stop();
  Status write_runtime_file() const;

  const ShellOptions& options_;
  const Clock& clock_;
  net::Loop loop_;
  EmsCore core_;
  Random& random_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<net::Server> https_, telemetry_;
  std::map<SessionId, net::WebSocketPtr> sessions_;
  SessionId next_session_ = 1;
  bool settling_ = false;
  bool stopping_ = false;
  std::unique_ptr<FeedService> feeds_;
  net::Handle tick_, signals_, reload_, stop_timer_;
};

void Shell::after_event() {
  if (settling_) return;
  settling_ = true;
  // After all that is ready has been handled: one commit for all of it.
  loop_.defer([this] {
    settling_ = false;
    settle();
  });
}

void Shell::settle() {
  if (core_.flush_wanted()) core_.flush(now());
  for (auto& action : core_.take_actions()) perform(action);
  if (core_.flush_wanted()) after_event();
}

void Shell::perform(act::Action& action) {
  if (auto* send = std::get_if<act::Send>(&action)) {
    if (const auto it = sessions_.find(send->session); it != sessions_.end()) it->second->send(std::move(send->bytes));
  } else if (auto* close = std::get_if<act::Close>(&action)) {
    const auto it = sessions_.find(close->session);
    if (it == sessions_.end()) return;
    const auto socket = it->second;
    sessions_.erase(it);
    socket->close(1000, close->reason);
  } else if (auto* complete = std::get_if<act::Complete>(&action)) {
    complete->call();
    after_event();
  } else if (auto* web = std::get_if<act::WebCertificate>(&action)) {
    if (auto ok = use_web_certificate({web->chain_pem, web->key_pem}); !ok) {
      log_error("ems.web_certificate", ok.error().message);
    }
  } else if (auto* telemetry = std::get_if<act::TelemetryCertificate>(&action)) {
    if (telemetry_ == nullptr) return;  // renewed before anybody listens: the listener begins with it
    if (auto ok = telemetry_->set_tls(telemetry_config({telemetry->chain_pem, telemetry->key_pem})); !ok) {
      log_error("ems.telemetry_certificate", ok.error().message);
    } else {
      log_info("ems.telemetry_certificate", "the telemetry certificate was renewed; agents trust it as the one before");
    }
  } else if (auto* changed = std::get_if<act::PasswordChanged>(&action)) {
    if (changed->administrator == kFirstAdministrator) check_initial_password();
  } else if (auto* alert = std::get_if<act::Alert>(&action)) {
    log_warning(alert->event, alert->message);
  }
}

net::TlsServerConfig Shell::https_config(net::TlsIdentity identity) const {
  net::TlsServerConfig config;
  config.identity = std::move(identity);
  config.alpn = {{kFabricProtocol, net::ClientCertificate::kAny},
                 {"http/1.1", net::ClientCertificate::kNone},
                 {"", net::ClientCertificate::kNone}};
  return config;
}

net::TlsServerConfig Shell::telemetry_config(net::TlsIdentity identity) const {
  net::TlsServerConfig config;
  config.identity = std::move(identity);
  config.client_roots_pem = core_.identity()->ztna_pem() + core_.identity()->root_pem();
  config.alpn = {{kTelemetryProtocol, net::ClientCertificate::kRequired},
                 {kEnrolProtocol, net::ClientCertificate::kNone}};
  return config;
}

Status Shell::use_web_certificate(const net::TlsIdentity& identity) {
  if (https_ == nullptr) return {};  // renewed before anybody listens: the listener begins with it
  return https_->set_tls(https_config(identity));
}

Status Shell::listen() {
  const auto* web = core_.selected_server_certificate();
  if (web == nullptr) return fail(ErrorCode::kDataLoss, "no web server certificate is selected");
  auto https = net::Server::listen(
      loop_, options_.https.ip, options_.https.port, https_config({web->chain_pem, web->key_pem}),
      [this](net::HttpRequest request, net::HttpResponder respond) {
        on_https(std::move(request), std::move(respond));
      },
      [this](const net::HttpRequest& request) { return on_upgrade(request, kFabricProtocol, "/fabric", true); }, {},
      [this](int status, const Error& error) { return api_->refuse(status, error); });
  if (!https) return fail(https.error().context("the HTTPS listener"));
  https_ = std::move(*https);

  auto telemetry = net::Server::listen(
      loop_, options_.telemetry.ip, options_.telemetry.port, telemetry_config(core_.identity()->telemetry_tls()),
      [this](net::HttpRequest request, net::HttpResponder respond) { on_enrol(request, std::move(respond)); },
      [this](const net::HttpRequest& request) { return on_upgrade(request, kTelemetryProtocol, "/telemetry", false); });
  if (!telemetry) return fail(telemetry.error().context("the telemetry listener"));
  telemetry_ = std::move(*telemetry);

  auto addresses = options_.public_addresses;
  if (addresses.empty()) {
    const auto& ip = options_.telemetry.ip;
    addresses.push_back(any_address(ip) ? fmt::format("{}:{}", this_host(), telemetry_->port())
                                        : address_text(ip, telemetry_->port()));
  }
  core_.set_public_addresses(std::move(addresses));
  return {};
}

Status Shell::start() {
  if (auto ok = core_.start(now()); !ok) return ok;
  ApiHooks hooks;
  hooks.offload = [this](std::function<void()> blocking, std::function<void()> done) {
    loop_.offload(std::move(blocking), [this, done = std::move(done)] {
      done();
      after_event();
    });
  };
  hooks.after = [this](std::chrono::nanoseconds delay, std::function<void()> call) {
    return loop_.after(delay, [this, call = std::move(call)] {
      call();
      after_event();
    });
  };
  hooks.use_web_certificate = [this](const net::TlsIdentity& identity) { return use_web_certificate(identity); };
  hooks.commit = [this] {
    if (core_.flush_wanted()) settle();
  };
  hooks.feeds_changed = [this] { feeds_->changed(); };
  hooks.refresh_feed = [this](const std::string& name) { feeds_->refresh(name); };
  api_ = std::make_unique<Api>(core_, clock_, random_, std::move(hooks));
  FeedServiceOptions feeds;
  feeds.directory = options_.data_dir / kFeedDirectory;
  feeds.given = options_.feeds;
  feeds.after_event = [this] { after_event(); };
  feeds_ = std::make_unique<FeedService>(loop_, core_, clock_, random_, std::move(feeds));
  // What ran out while the EMS was away is made anew first.
  core_.tick(now());
  settle();
  if (auto ok = listen(); !ok) return ok;
  if (auto ok = write_runtime_file(); !ok) return ok;
  tick_ = loop_.every(Seconds(1), [this] {
    core_.tick(now());
    feeds_->tick();
    after_event();
  });
  signals_ = loop_.on_signal({SIGTERM, SIGINT}, [this](int) { stop(); });
  reload_ = loop_.on_signal({SIGHUP}, [this](int) { feeds_->refresh(""); });
  feeds_->start();
  check_initial_password();  // it may have been changed just before the EMS was killed
  after_event();
  const auto status = core_.status();
  log_info("ems.listening", "listening",
           {{"serial", status.serial.str()},
            {"https", address_text(options_.https.ip, https_->port())},
            {"telemetry", address_text(options_.telemetry.ip, telemetry_->port())},
            {"endpoints", std::to_string(status.endpoints)},
            {"revision", std::to_string(status.revision)}});
  return {};
}

Status Shell::write_runtime_file() const {
  const auto text = fmt::format(
      "{{\"pid\": {}, \"serial\": {}, \"https_port\": {}, \"telemetry_port\": {}, \"root_key_sha256\": \"{}\"}}\n",
      ::getpid(), json_quote(core_.status().serial.str()), https_->port(), telemetry_->port(),
      to_hex_lower(core_.status().root_key_sha256));
  return write_file_atomic(options_.data_dir / kRuntimeFile, text, 0600);
}

void Shell::on_https(net::HttpRequest request, net::HttpResponder respond) {
  if (request.peer.alpn == kFabricProtocol) return respond({404, {}, ""});
  api_->handle(std::move(request), std::move(respond));
  after_event();
}

void Shell::on_enrol(const net::HttpRequest& request, net::HttpResponder respond) {
  if (request.path != "/enrol" || request.peer.alpn != kEnrolProtocol) return respond({404, {}, ""});
  if (request.method != "POST") return respond({405, {}, ""});
  core_.enrol(now(), request.peer.remote_ip, as_bytes(request.body), [respond = std::move(respond)](Bytes body) {
    net::HttpResponse response;
    response.headers.add("Content-Type", "application/x-protobuf");
    response.body.assign(as_text(body));
    respond(std::move(response));
  });
  after_event();
}

net::UpgradeDecision Shell::on_upgrade(const net::HttpRequest& request, const char* protocol, const char* path,
                                       bool fabric) {
  net::UpgradeDecision decision;
  decision.refusal.status = 404;
  if (stopping_) decision.refusal.status = 503;
  if (stopping_ || request.peer.alpn != protocol || request.path != path || request.peer.chain_der.empty())
    return decision;
  decision.accept = [this, fabric](net::WebSocketPtr socket) { adopt(std::move(socket), fabric); };
  return decision;
}

void Shell::adopt(net::WebSocketPtr socket, bool fabric) {
  const auto id = next_session_++;
  const auto& peer = socket->peer();
  const PeerCertificate certificate{peer.chain_der.front(), peer.verified};
  socket->on_message = [this, id, fabric](ByteView bytes) {
    if (!sessions_.contains(id)) return;
    if (fabric) {
      core_.fabric_frame(now(), id, bytes);
    } else {
      core_.telemetry_frame(now(), id, bytes);
    }
    after_event();
  };
  socket->on_close = [this, id, fabric](std::uint16_t, std::string) {
    if (sessions_.erase(id) == 0) return;
    if (fabric) {
      core_.fabric_closed(now(), id);
    } else {
      core_.telemetry_closed(now(), id);
    }
    after_event();
  };
  sessions_[id] = socket;
  if (fabric) {
    core_.fabric_opened(now(), id, certificate, peer.remote_ip);
  } else {
    core_.telemetry_opened(now(), id, certificate, peer.remote_ip);
  }
  after_event();
}

void Shell::check_initial_password() {
  const auto* first = core_.administrator(kFirstAdministrator);
  loop_.offload([file = options_.data_dir / kInitialPasswordFile,
                 hash = first == nullptr ? std::string() : first->password_hash] { drop_initial_password(file, hash); },
                [] {});
}

void Shell::stop() {
  if (stopping_) return loop_.stop();
  stopping_ = true;
  log_info("ems.stopping", "stopping");
  core_.shut_down(now());
  settle();
  // Long enough for goodbyes to leave, short enough that nobody waits for it.
  stop_timer_ = loop_.after(std::chrono::milliseconds(150), [this] { loop_.stop(); });
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const auto wrong = [&] {
    return fail(ErrorCode::kInvalidArgument,
                "\"" + text + "\" is not an address to listen on; write IP:PORT or [IPv6]:PORT");
  };
  const auto colon = text.rfind(':');
  if (colon == text.npos) return wrong();
  auto host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto ip = IpAddress::parse(host);
  const auto port = parse_u64(std::string_view(text).substr(colon + 1));
  if (!ip || !port || *port > 65535) return wrong();
  return ListenAddress{*ip, static_cast<std::uint16_t>(*port)};
}

int run_ems(const ShellOptions& options) {
  SystemRandom random;
  const SystemClock system;
  const Clock& clock = options.clock != nullptr ? *options.clock : system;
  const auto failed = [](const Error& error) {
    log_error("ems.start", error.message);
    return 1;
  };
  for (const auto& address : options.public_addresses) {
    if (const auto ok = proto::parse_host_port(address); !ok) return failed(ok.error());
  }
  auto store = prepare_store(options.data_dir, random, clock.now(), server_names(options),
                             options.keep_initial_password);
  if (!store) return failed(store.error());
  {
    Shell shell(options, **store, random, clock);
    if (auto ok = shell.start(); !ok) return failed(ok.error());
    shell.run();
  }
  std::error_code ignored;
  std::filesystem::remove(options.data_dir / kRuntimeFile, ignored);
  return 0;
}

int reset_password(const std::filesystem::path& data_dir, const std::string& administrator) {
  SystemRandom random;
  const SystemClock clock;
  const auto failed = [](const Error& error) {
    std::fprintf(stderr, "postern-ems: %s\n", error.message.c_str());
    return 1;
  };
  if (std::error_code ec; !std::filesystem::exists(data_dir / "ems.db", ec)) {
    return failed({ErrorCode::kNotFound, "there is no EMS in " + data_dir.string()});
  }
  auto store = open_sqlite_store(data_dir / "ems.db", random);
  if (!store) return failed(store.error());
  const auto password = new_password(random);
  const auto hash = hash_password(password);
  if (!hash) return failed(hash.error());
  if (auto ok = set_password(**store, clock.now(), administrator, *hash); !ok) return failed(ok.error());
  if (administrator == kFirstAdministrator) drop_initial_password(data_dir / kInitialPasswordFile, *hash);
  std::printf("%s\n", password.c_str());
  // What else it did, in the words of the audit log: not on standard output, which is the password alone.
  if (const auto log = (*store)->audit(0, 1); log && !log->empty()) {
    std::fprintf(stderr, "postern-ems: another password for %s %s\n", administrator.c_str(),
                 log->front().detail.c_str());
  }
  return 0;
}

}  // namespace postern::ems
