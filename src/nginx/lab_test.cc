#include "nginx/lab_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/clock.h"

namespace postern::nginx::lab {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int listen_on_loopback(int& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no listener");
  }
  port = ntohs(address.sin_port);
  return fd;
}

std::string pem_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

X509* make_certificate(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key, Usage usage, bool ca,
                       long from, long to) {
  static std::atomic<long> serial{1000};
  X509* x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), from);
  X509_gmtime_adj(X509_getm_notAfter(x), to);
  auto* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  X509_set_pubkey(x, key);
  const auto extend = [&](int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer != nullptr ? issuer : x, x, nullptr, nullptr, 0);
    auto* e = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
  };
  if (ca) extend(NID_basic_constraints, "critical,CA:TRUE");
  if (!ca) extend(NID_subject_alt_name, ("DNS:" + name).c_str());
  if (usage == Usage::kClient) extend(NID_ext_key_usage, "clientAuth");
  if (usage == Usage::kServer) extend(NID_ext_key_usage, "serverAuth");
  X509_sign(x, issuer_key, EVP_sha256());
  return x;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

bool wait_for(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::yield();
    poll(nullptr, 0, 1);
  }
  return true;
}

int free_port() {
  int port = 0;
  close(listen_on_loopback(port));
  return port;
}

// ---- certificates

Authority::Authority(const std::string& name) {
  key_ = EVP_EC_gen("P-256");
  certificate_ = make_certificate(name, key_, nullptr, key_, Usage::kNone, true, -7200, 864000);
}
Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}
std::string Authority::certificate() const { return pem_of(certificate_); }

Identity Authority::issue(const std::string& name, Usage usage, long from, long to) const {
  Identity out;
  auto* key = EVP_EC_gen("P-256");
  auto* x = make_certificate(name, key, certificate_, key_, usage, false, from, to);
  out.certificate = pem_of(x);
  out.key = pem_of(key);
  unsigned size = 0;
  X509_digest(x, EVP_sha256(), out.leaf.data(), &size);
  X509_free(x);
  EVP_PKEY_free(key);
  return out;
}

// ---- the application

Application::Application() {
  listener_ = listen_on_loopback(port_);
  thread_ = std::thread([this] {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      std::lock_guard lock(mutex_);
      if (stop_) {
        close(fd);
        return;
      }
      open_.insert(fd);
      threads_.emplace_back([this, fd] {
        serve(fd);
        std::lock_guard inner(mutex_);
        open_.erase(fd);
        close(fd);
      });
    }
  });
}

Application::~Application() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
  for (auto& t : threads_) t.join();
}

void Application::serve(int fd) {
  std::string in;
  char chunk[4096];
  for (;;) {
    std::size_t end;
    while ((end = in.find("\r\n\r\n")) == std::string::npos) {
      const auto n = recv(fd, chunk, sizeof chunk, 0);
      if (n <= 0) return;
      in.append(chunk, static_cast<std::size_t>(n));
    }
    const auto head = in.substr(0, end + 4);
    in.erase(0, end + 4);
    ++requests_;
    const auto path = head.substr(head.find(' ') + 1, head.find(' ', head.find(' ') + 1) - head.find(' ') - 1);
    if (path.ends_with("/long")) {
      if (!write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")) return;
      const std::string block(16384, 'x');
      while (!stop_ && write_all(fd, block)) {
      }
      return;
    }
    if (path == "/silent") {
      if (!write_all(fd, "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Length: 10\r\n\r\nabc")) return;
      while (recv(fd, chunk, sizeof chunk, 0) > 0) {
      }
      return;
    }
    if (path == "/ws") {
      if (head.find("Upgrade: websocket") == std::string::npos) {
        write_all(fd, "HTTP/1.1 400 no upgrade\r\nContent-Length: 0\r\n\r\n");
        continue;
      }
      write_all(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      write_all(fd, in);
      for (;;) {
        const auto n = recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0 || !write_all(fd, {chunk, static_cast<std::size_t>(n)})) return;
      }
    }
    if (!write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) + "\r\n\r\n" + head)) return;
  }
}

// ---- the gateway's side

Plane::Plane(std::filesystem::path dir) : dir_(std::move(dir)) {
  open();
  if (auto done = writer_->publish(); !done) throw std::runtime_error(done.error().message);
  thread_ = std::thread([this] { run(); });
}

void Plane::open() {
  auto writer = ecshm::Writer::create(dir_, {.capacity = 16, .ring = 64, .reader_group = static_cast<gid_t>(-1)});
  if (!writer) throw std::runtime_error(writer.error().message);
  writer_ = std::move(*writer);
  auto hub = ecshm::Hub::listen(dir_);
  if (!hub) throw std::runtime_error(hub.error().message);
  hub_ = std::move(*hub);
  writer_->on_notify = [this] { hub_->wake(); };
  hub_->on_ask = [this](const Sha256& leaf) {
    ++questions_;
    const auto known = on_ask ? on_ask(leaf) : std::nullopt;
    if (muted_) return;
    if (known) (void)writer_->upsert(leaf, *known);
    writer_->notify();
    hub_->answer(leaf);
  };
  hub_->on_event = [this](std::uint64_t worker, const ecshm::Event& event) {
    events_.push_back(event);
    if (event.type == ecshm::EventType::kSessionOpen) ++sessions_[worker];
    if (event.type == ecshm::EventType::kSessionClose) --sessions_[worker];
    if (event.type == ecshm::EventType::kSessionsReset) sessions_[worker] = 0;
  };
  hub_->on_gone = [this](std::uint64_t worker) { sessions_.erase(worker); };
  const auto now = SystemClock().now().mono;
  writer_->set_lease(now + std::chrono::seconds(5));
  writer_->set_connector_valid_until(1, now + std::chrono::hours(1));
}

Plane::~Plane() {
  stop_ = true;
  thread_.join();
}

void Plane::run() {
  auto next = Clock::now();
  while (!stop_) {
    int fd;
    {
      std::lock_guard lock(mutex_);
      if (renew_ && Clock::now() >= next) {
        writer_->set_lease(SystemClock().now().mono + std::chrono::seconds(5));
        next = Clock::now() + std::chrono::seconds(1);
      }
      hub_->handle();
      fd = hub_->poll_fd();
    }
    pollfd p{fd, POLLIN, 0};
    poll(&p, 1, 20);
  }
}

void Plane::change(const std::function<void(ecshm::Writer&)>& what) {
  std::lock_guard lock(mutex_);
  what(*writer_);
  writer_->notify();
}

void Plane::set_policies(const policy::PolicyTable& table) {
  auto blob = policy::compile(table);
  if (!blob) throw std::runtime_error(blob.error().message);
  change([&](ecshm::Writer& w) {
    if (auto done = w.publish_policies(*blob); !done) throw std::runtime_error(done.error().message);
  });
}

void Plane::put(const Sha256& leaf, const ecshm::SlotData& data) {
  change([&](ecshm::Writer& w) {
    if (auto done = w.upsert(leaf, data); !done) throw std::runtime_error(done.error().message);
  });
}

void Plane::stop_lease() {
  std::lock_guard lock(mutex_);
  renew_ = false;
  // As it would be a moment before the end of the last renewal; what follows is the worker's own noticing.
  writer_->set_lease(SystemClock().now().mono + std::chrono::milliseconds(300));
}

void Plane::resume_lease() {
  std::lock_guard lock(mutex_);
  renew_ = true;
  writer_->set_lease(SystemClock().now().mono + std::chrono::seconds(5));
}

std::vector<ecshm::Event> Plane::events() {
  std::lock_guard lock(mutex_);
  hub_->drain();
  return events_;
}

std::optional<ecshm::Event> Plane::wait_event(const std::function<bool(const ecshm::Event&)>& fits) {
  std::optional<ecshm::Event> found;
  wait_for([&] {
    for (const auto& event : events()) {
      if (fits(event)) found = event;
    }
    return found.has_value();
  });
  return found;
}

std::size_t Plane::questions() {
  std::lock_guard lock(mutex_);
  return questions_;
}

std::size_t Plane::workers() {
  std::lock_guard lock(mutex_);
  return hub_->workers();
}

int Plane::live_sessions() {
  std::lock_guard lock(mutex_);
  hub_->drain();
  int sum = 0;
  for (const auto& [worker, count] : sessions_) sum += count;
  return sum;
}

void Plane::restart(const std::function<void(ecshm::Writer&)>& fill) {
  std::lock_guard lock(mutex_);
  hub_.reset();
  writer_.reset();
  sessions_.clear();
  open();
  fill(*writer_);
  if (auto done = writer_->publish(); !done) throw std::runtime_error(done.error().message);
  writer_->notify();
}

// ---- the client

std::string Response::header(std::string_view name) const {
  std::istringstream lines(head);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.size() > name.size() && line[name.size()] == ':' && strncasecmp(line.data(), name.data(), name.size()) == 0) {
      auto value = line.substr(name.size() + 1);
      while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) value.pop_back();
      return value.substr(value.find_first_not_of(' ') == std::string::npos ? value.size() : value.find_first_not_of(' '));
    }
  }
  return "";
}

Client::Client(int port, const Identity* identity, const std::string& sni, const std::string& alpn, SSL_SESSION* resume) {
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  if (identity != nullptr) {
    BIO* bio = BIO_new_mem_buf(identity->certificate.data(), static_cast<int>(identity->certificate.size()));
    X509* x = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(identity->key.data(), static_cast<int>(identity->key.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    SSL_CTX_use_certificate(context_, x);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(x);
    EVP_PKEY_free(key);
  }
  ssl_ = SSL_new(context_);
  if (!sni.empty()) SSL_set_tlsext_host_name(ssl_, sni.c_str());
  if (!alpn.empty()) {
    const auto wire = std::string(1, static_cast<char>(alpn.size())) + alpn;
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()), static_cast<unsigned>(wire.size()));
  }
  if (resume != nullptr) SSL_set_session(ssl_, resume);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("connect: " + std::string(std::strerror(errno)));
  }
  SSL_set_fd(ssl_, fd_);
  if (SSL_connect(ssl_) != 1) {
    throw std::runtime_error("handshake: " + std::string(ERR_error_string(ERR_get_error(), nullptr)));
  }
}

Client::~Client() {
  // OpenSSL forgets the session of a connection that was not shut down.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (fd_ >= 0) close(fd_);
}

void Client::send(std::string_view bytes) {
  if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) end_ = End::kReset;
}

std::string Client::read(std::chrono::milliseconds patience) {
  if (!buffer_.empty()) return std::exchange(buffer_, {});
  if (end_ != End::kOpen) return {};
  if (SSL_pending(ssl_) == 0) {
    pollfd p{fd_, POLLIN, 0};
    if (poll(&p, 1, static_cast<int>(patience.count())) == 0) {
      end_ = End::kTimeout;
      return {};
    }
  }
  char chunk[16384];
  errno = 0;
  const int n = SSL_read(ssl_, chunk, sizeof chunk);
  if (n > 0) {
    received_ += static_cast<std::size_t>(n);
    last_byte_ = Clock::now();
    return {chunk, static_cast<std::size_t>(n)};
  }
  const int error = SSL_get_error(ssl_, n);
  if (error == SSL_ERROR_WANT_READ) return read(patience);
  end_ = error == SSL_ERROR_ZERO_RETURN || (errno == 0 && error == SSL_ERROR_SSL) ? End::kClosed : End::kReset;
  ERR_clear_error();
  return {};
}

End Client::drain(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (end_ == End::kOpen) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      end_ = End::kTimeout;
      break;
    }
    read(left);
  }
  return end_;
}

Response Client::read_response() {
  Response out;
  std::string in;
  std::size_t end;
  while ((end = in.find("\r\n\r\n")) == std::string::npos) {
    const auto more = read();
    if (more.empty()) return out;
    in += more;
  }
  out.head = in.substr(0, end + 4);
  out.body = in.substr(end + 4);
  out.status = std::atoi(out.head.c_str() + out.head.find(' ') + 1);
  const auto length = out.header("Content-Length");
  if (length.empty()) return out;
  const auto wanted = std::stoull(length);
  while (out.body.size() < std::min<unsigned long long>(wanted, 1 << 20)) {
    const auto more = read();
    if (more.empty()) return out;
    out.body += more;
  }
  if (out.body.size() > wanted) {
    buffer_ = out.body.substr(wanted);
    out.body.resize(wanted);
  }
  return out;
}

Response Client::request(const std::string& method, const std::string& target, const std::string& host,
                         const std::string& headers) {
  send(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n");
  return read_response();
}

// ---- nginx

Nginx::Nginx(const std::filesystem::path& dir, const Authority& server_ca, const Authority& client_ca,
             int application_port, int workers)
    : dir_(dir), port_(free_port()), open_port_(free_port()) {
  std::filesystem::create_directories(dir_ / "logs");
  const auto server = server_ca.issue("app.example", Usage::kServer);
  write_file(dir_ / "server.pem", server.certificate);
  write_file(dir_ / "server.key", server.key);
  write_file(dir_ / "clients.pem", client_ca.certificate());
  std::ostringstream conf;
  conf << "load_module " POSTERN_BIN_DIR "/ngx_http_postern_module.so;\n"
       << (geteuid() == 0 ? "user root;\n" : "") << "daemon off;\nworker_processes " << workers << ";\n"
       << "pid nginx.pid;\nerror_log logs/error.log info;\nevents { worker_connections 512; }\n"
       << "http {\n"
          "  access_log off;\n"
          "  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
          "  postern_shm run;\n"
          "  upstream pool_1 { server 127.0.0.1:"
       << application_port << "; keepalive 4; }\n"
       << "  server {\n    listen 127.0.0.1:" << port_
       << " ssl http2;\n"
          "    server_name app.example;\n"
          "    ssl_certificate server.pem; ssl_certificate_key server.key;\n"
          "    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;\n"
          "    ssl_client_certificate clients.pem; ssl_verify_client optional;\n"
          "    error_page 421 495 496 /.postern/refused;\n"
          "    location = /.postern/refused { internal; postern_refused; }\n"
          "    postern_proxy 1;\n"
          "    location / {\n"
          "      proxy_http_version 1.1;\n"
          "      proxy_set_header Host $host; proxy_set_header Upgrade $postern_upgrade;\n"
          "      proxy_set_header Connection $postern_connection; proxy_set_header X-Forwarded-For $remote_addr;\n"
          "      proxy_pass http://pool_$postern_pool;\n"
          "    }\n"
          "    location /open/ { postern_proxy 2; proxy_pass http://pool_$postern_pool; }\n"
          "    location /manageable/ { postern_proxy 3; proxy_pass http://pool_$postern_pool; }\n"
          "  }\n"
          "  server {\n    listen 127.0.0.1:"
       << open_port_
       << " ssl;\n"
          "    ssl_certificate server.pem; ssl_certificate_key server.key;\n"
          "    ssl_client_certificate clients.pem; ssl_verify_client optional;\n"
          "    error_page 421 495 496 /.postern/refused;\n"
          "    location = /.postern/refused { internal; postern_refused; }\n"
          "    postern_proxy 2;\n"
          "    location / { proxy_pass http://pool_$postern_pool; }\n"
          "  }\n}\n";
  write_file(dir_ / "nginx.conf", conf.str());
  pid_ = fork();
  if (pid_ == 0) {
    const int out = open((dir_ / "logs" / "stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, 2);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execlp("nginx", "nginx", "-p", dir_.c_str(), "-c", (dir_ / "nginx.conf").c_str(), nullptr);
    _exit(127);
  }
  const bool up = wait_for([&] {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port_);
    const bool ok = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    return (ok && !worker_pids().empty()) || waitpid(pid_, nullptr, WNOHANG) == pid_;
  });
  if (!up || worker_pids().empty()) throw std::runtime_error("nginx did not start:\n" + slurp(dir_ / "logs" / "stderr"));
}

Nginx::~Nginx() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

void Nginx::reload() {
  const auto before = worker_pids();
  kill(pid_, SIGHUP);
  const bool done = wait_for([&] {
    for (const auto pid : worker_pids()) {
      if (!before.contains(pid)) return true;
    }
    return false;
  });
  if (!done) throw std::runtime_error("nginx did not reload:\n" + log());
}

std::set<pid_t> Nginx::worker_pids() const {
  std::set<pid_t> out;
  std::istringstream in(slurp("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children"));
  pid_t pid;
  while (in >> pid) out.insert(pid);
  return out;
}

std::string Nginx::log() const { return slurp(dir_ / "logs" / "error.log"); }

}  // namespace postern::nginx::lab
