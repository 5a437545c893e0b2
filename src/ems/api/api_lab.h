#pragma once
// For tests of the API: an Api over the core's Lab (store in memory, scripted agents, real gateway ends), with what the
// program around it does: work for other threads, timers, web certificates. Nothing here takes time or opens a socket.
#include <boost/json.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ems/api/api.h"
#include "ems/core/test_lab.h"

namespace postern::ems::testing {

namespace json = boost::json;

/// What came back.
struct Reply {
  Reply();
  Reply(const Reply&);
  Reply(Reply&&) noexcept;
  Reply& operator=(const Reply&);
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  int status = 0;  ///< 0: no answer yet.
  net::HttpHeaders headers;
  std::string text;
  json::value body;  ///< Null unless the text is JSON.

  /// A member of the body, by path: at("vulnerabilities", "high"). Null when it isn't there.
  template <class... Names>
  json::value at(Names... names) const {
    return at_path({names...});
  }
  std::string str(std::string_view name) const;
  json::array items() const;
  /// The error's stable code and its text; empty on success.
  std::string code() const;
  std::string message() const;
  std::string header(std::string_view name) const;
  /// "name=value" of the cookie that was set; empty: none was.
  std::string cookie() const;

  static json::value member(const json::value& of, std::string_view name);

 private:
  json::value at_path(std::initializer_list<std::string_view> names) const;
  std::string text_at(std::string_view name) const;
};

/// Signed in by cookie, as a browser is.
struct Browser {
  std::string cookie;
  std::string csrf_token;
};

/// There are an administrator "admin" and one "reader" (role readonly), both with kPassword, and a token of each.
class ApiLab : public Lab {
 protected:
  static constexpr const char* kPassword = "Correct-Horse-Battery";
  const std::string admin_token = "pst_test-token-of-admin";
  const std::string reader_token = "pst_test-token-of-reader";

  ApiLab();
  ~ApiLab() override;

  void start_api();
  /// A new process on the same store: browsers are signed out, connections are gone.
  void restart_all();
  void add_token(const std::string& user, const std::string& text, AdministratorRole role,
                 std::optional<WallTime> expires_at = std::nullopt);

  /// Everything to its end: commits, completions, work for other threads. Lab::run is only the core's part of it.
  void settle();
  /// Time passes: the timers that are due are called.
  void pass(std::chrono::nanoseconds time);

  /// Sends and does not wait: the reply fills in when it comes.
  std::shared_ptr<Reply> begin(net::HttpRequest request);
  Reply send_request(net::HttpRequest request);
  /// `target` is a path with its query, percent-encoded as a client writes it.
  static net::HttpRequest request(const std::string& method, const std::string& target, const std::string& body = {});
  /// With a token in the Authorization header.
  Reply call_with(const std::string& token, const std::string& method, const std::string& target,
                  const std::string& body = {});
  /// As the administrator.
  Reply call(const std::string& method, const std::string& target, const std::string& body = {});
  Reply get(const std::string& target);
  Reply post(const std::string& target, const std::string& body = {});
  /// As the reader.
  Reply read_only(const std::string& method, const std::string& target, const std::string& body = {});
  /// Without credentials.
  Reply nobody(const std::string& method, const std::string& target, const std::string& body = {});
  Reply try_sign_in(const std::string& name, const std::string& password);
  Browser sign_in(const std::string& name = "admin", const std::string& password = kPassword);
  /// With the cookie, and the CSRF token in its header.
  Reply browse(const Browser& browser, const std::string& method, const std::string& target,
               const std::string& body = {});

  /// While on, nothing can be stored.
  void disk_full(bool full);

  std::unique_ptr<Api> api;
  std::vector<net::TlsIdentity> web_certificates;   ///< Put into effect, in order.
  std::vector<std::string> feed_calls;              ///< What whoever keeps the feeds was told, in order.
  std::optional<Error> web_certificate_error;       ///< Putting one into effect fails with this.

 private:
  struct Timer;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> offloaded_;
  std::vector<std::shared_ptr<Timer>> timers_;
};

}  // namespace postern::ems::testing
