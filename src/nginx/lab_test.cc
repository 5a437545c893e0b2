#include "nginx/lab_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
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

X509* make_certificate(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                       Usage usage, bool ca, long from, long to) {
  static std::atomic<long> serial{1000};
  X509* x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), from);
  X509_gmtime_adj(X509_getm_notAfter(x), to);
  auto* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
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
    const auto path =
        head.substr(head.find(' ') + 1, head.find(' ', head.find(' ') + 1) - head.find(' ') - 1);
    if (path.ends_with("/long")) {
      if (!write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")) return;
      const std::string block(16384, 'x');
      while (!stop_ && write_all(fd, block)) {
      }
      return;
    }
    if (path == "/hang-up") return;
    if (path == "/silent") {
      if (!write_all(fd,
                     "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Length: 10\r\n\r\nabc"))
        return;
      while (recv(fd, chunk, sizeof chunk, 0) > 0) {
      }
      return;
    }
    if (path == "/ws") {
      if (head.find("Upgrade: websocket") == std::string::npos) {
        write_all(fd, "HTTP/1.1 400 no upgrade\r\nContent-Length: 0\r\n\r\n");
        continue;
      }
      write_all(
          fd,
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      write_all(fd, in);
      for (;;) {
        const auto n = recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0 || !write_all(fd, {chunk, static_cast<std::size_t>(n)})) return;
      }
    }
    if (!write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) +
                           "\r\n\r\n" + head))
      return;
  }
}

// ---- nginx

Nginx::Nginx(const std::filesystem::path& dir, const Authority& server_ca,
             const Authority& client_ca, int application_port, int workers)
    : dir_(dir), port_(free_port()), open_port_(free_port()) {
  std::filesystem::create_directories(dir_ / "logs");
  const auto server = server_ca.issue("app.example", Usage::kServer);
  write_file(dir_ / "server.pem", server.certificate);
  write_file(dir_ / "server.key", server.key);
  write_file(dir_ / "clients.pem", client_ca.certificate());
  constexpr const char* pages =  // of each server
      "    error_page 421 495 496 /.postern/refused;\n"
      "    error_page 400 403 404 405 408 413 414 497 500 501 502 503 504 505 507 /.postern/failed;\n"
      "    error_page 494 =431 /.postern/failed;\n"
      "    location = /.postern/refused { internal; postern_refused; }\n"
      "    location = /.postern/failed { internal; postern_failed; }\n";
  std::ostringstream conf;
  conf << "load_module " POSTERN_BIN_DIR "/ngx_http_postern_module.so;\n"
       << (geteuid() == 0 ? "user root;\n" : "") << "daemon off;\nworker_processes " << workers
       << ";\n"
       << "pid nginx.pid;\nerror_log logs/error.log info;\nevents { worker_connections 2048; }\n"
       << "http {\n"
          "  access_log off; server_tokens off;\n"
          "  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path "
          "t4; scgi_temp_path t5;\n"
          "  postern_shm run;\n"
          "  upstream pool_1 { server 127.0.0.1:"
       << application_port << "; keepalive 4; }\n"
       << "  upstream pool_1_once { server 127.0.0.1:" << application_port << "; }\n"
       << "  upstream to_pool { server 127.0.0.1:1; postern_pool; }\n  proxy_redirect off;\n"
       << "  server {\n    listen 127.0.0.1:" << port_
       << " ssl http2;\n"
          "    server_name app.example;\n"
          "    ssl_certificate server.pem; ssl_certificate_key server.key;\n"
          "    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache builtin:100 shared:sessions:1m;\n"
          "    ssl_client_certificate clients.pem; ssl_verify_client optional;\n"
       << pages
       << "    postern_proxy 1;\n"
          "    location / {\n"
          "      proxy_http_version 1.1;\n"
          "      proxy_set_header Host $postern_host; proxy_set_header Upgrade $postern_upgrade;\n"
          "      proxy_set_header Connection $postern_connection; proxy_set_header X-Forwarded-For "
          "$remote_addr;\n"
          "      proxy_pass http://to_pool;\n"
          "    }\n"
          "    location /open/ { postern_proxy 2; proxy_pass http://to_pool; }\n"
          "    location /manageable/ { postern_proxy 4294967295; proxy_pass http://to_pool; }\n"
          "  }\n"
          "  server {\n    listen 127.0.0.1:"
       << open_port_
       << " ssl;\n"
          "    ssl_certificate server.pem; ssl_certificate_key server.key;\n"
          "    ssl_client_certificate clients.pem; ssl_verify_client optional;\n"
       << pages
       << "    postern_proxy 2;\n"
          "    location / { proxy_pass http://to_pool; }\n"
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
  if (!up || worker_pids().empty())
    throw std::runtime_error("nginx did not start:\n" + slurp(dir_ / "logs" / "stderr"));
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

void Nginx::trust(const Authority& client_ca) { write_file(dir_ / "clients.pem", client_ca.certificate()); }

std::set<pid_t> Nginx::worker_pids() const {
  std::set<pid_t> out;
  std::istringstream in(
      slurp("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children"));
  pid_t pid;
  while (in >> pid) out.insert(pid);
  return out;
}

std::string Nginx::log() const { return slurp(dir_ / "logs" / "error.log"); }

}  // namespace postern::nginx::lab
