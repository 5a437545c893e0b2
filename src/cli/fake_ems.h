#pragma once
// An EMS for tests: it listens on loopback and answers what it was told to.
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.h"
#include "net/server.h"

namespace postern::cli {

/// Takes the token pst_test. Everything it wasn't told about is answered 404. Thread: any.
class FakeEms {
 public:
  FakeEms();
  ~FakeEms();
  FakeEms(const FakeEms&) = delete;
  FakeEms& operator=(const FakeEms&) = delete;

  std::string url() const;
  static std::string fingerprint();

  /// "GET tags/Compliant"; a further page of a list as "GET tags?CURSOR".
  void on(const std::string& method_and_path, std::string body, int status = 200);
  void refuse(const std::string& method_and_path, int status, const std::string& code, const std::string& message);
  void add_header(const std::string& method_and_path, const std::string& name, const std::string& value);

  /// What it was told to answer.
  std::string told(const std::string& method_and_path) const;
  /// The requests of that kind, in order.
  std::vector<net::HttpRequest> asked(const std::string& method_and_path) const;
  std::size_t requests() const;

 private:
  net::HttpResponse answer(net::HttpRequest request);

  net::Loop loop_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, net::HttpResponse> replies_;
  std::vector<net::HttpRequest> requests_;
};

}  // namespace postern::cli
