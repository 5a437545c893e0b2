#include "cli/api.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>

#include "base/text.h"
#include "cli/json_view.h"
#include "cli/terminal.h"
#include "net/client.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestAnswer = 64u << 20;
constexpr std::size_t kPage = 1000;

/// After a second, and then each second, says on the terminal that an answer is awaited; leaves nothing behind.
class Progress {
 public:
  Progress(net::Loop& loop, Terminal& terminal, std::string host) : terminal_(terminal), host_(std::move(host)) {
    if (!terminal.look().progress) return;
    tick_ = loop.every(std::chrono::seconds(1), [this] {
      ++seconds_;
      terminal_.err(fmt::format("\r\x1b[Kwaiting for {} ({} s)", host_, seconds_));
    });
  }
  ~Progress() {
    if (seconds_ > 0) terminal_.err("\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  Terminal& terminal_;
  std::string host_;
  int seconds_ = 0;
  net::Handle tick_;
};

net::Target target_of(const Address& address) {
  net::Target out;
  out.host = address.host;
  out.port = address.port;
  out.tls.alpn = "http/1.1";
  return out;
}

/// What to do about a certificate that is not accepted.
Error certificate_error(const Connection& connection, Error error, const std::optional<Sha256>& seen) {
  if (error.code != ErrorCode::kUnauthenticated || !seen) return error;
  const std::string url = connection.address.url();
  if (connection.fingerprint) {
    error.message = fmt::format(
        "{} shows another certificate than the one that is trusted ({} instead of {}). Was it renewed? Compare with "
        "the EMS, then trust it with: postern login {}",
        url, to_hex_colons(*seen), to_hex_colons(*connection.fingerprint), url);
  } else {
    error.message += fmt::format(
        ". To trust exactly this certificate, compare its fingerprint with the EMS and give "
        "--fingerprint {} (or --ca FILE)",
        to_hex_colons(*seen));
  }
  return error;
}

std::string status_words(int status) {
  switch (status) {
    case 404:
      return "there is no such thing on this EMS (is it an EMS, and of this version?)";
    case 503:
      return "it can't answer now; try again";
    default:
      return fmt::format("it answered with status {}", status);
  }
}

}  // namespace

Api::Api(Connection connection, Terminal& terminal) : connection_(std::move(connection)), terminal_(terminal) {}

Result<net::HttpResponse> Api::exchange(net::HttpRequest request) {
  std::optional<Sha256> seen;
  net::Target target = target_of(connection_.address);
  target.timeout = patience_;
  target.tls.roots_pem = connection_.roots_pem;
  if (connection_.fingerprint) target.tls.roots_pem.clear();
  target.tls.accept_peer = [&](const net::PeerIdentity& peer) {
    if (peer.chain_der.empty()) return false;
    seen = sha256(ByteView(peer.chain_der.front()));
    return connection_.fingerprint ? equal_constant_time(*seen, *connection_.fingerprint) : peer.verified;
  };
  std::optional<Result<net::HttpResponse>> got;
  const Progress progress(loop_, terminal_, connection_.address.host);
  const net::Handle asked = net::http_request(
      loop_, std::move(target), std::move(request),
      [&](Result<net::HttpResponse> reply) {
        got = std::move(reply);
        loop_.stop();
      },
      kLargestAnswer);
  while (!got) loop_.run();
  if (!*got) return fail(certificate_error(connection_, got->error(), seen));
  return std::move(*got);
}

Result<json::value> Api::read(const net::HttpResponse& response) const {
  json::error_code error;
  json::value body = response.body.empty() ? json::value(nullptr) : json::parse(response.body, error);
  if (response.status >= 200 && response.status < 300) {
    if (error) {
      return fail(ErrorCode::kDataLoss,
                  fmt::format("{} answered with something else than JSON; is it an EMS?", connection_.address.url()));
    }
    return body;
  }
  const json::value* said = error ? nullptr : member(body, "error");
  Error out{ErrorCode::kInternal, connection_.address.url() + ": " + status_words(response.status)};
  if (response.status == 404) out.code = ErrorCode::kNotFound;
  if (said != nullptr && !text_at(*said, "message").empty()) {
    out = {parse_error_code(text_at(*said, "code")), one_line(text_at(*said, "message"))};
  }
  if (response.status == 401 && !connection_.token.empty()) {
    out = {ErrorCode::kUnauthenticated,
           fmt::format("{} does not accept the token of {}; make a new one with: postern login {}",
                       connection_.address.url(), connection_.from, connection_.address.url())};
  }
  return fail(std::move(out));
}

Result<json::value> Api::send(std::string method, const std::string& path, const json::value* body,
                              const Query& query) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.path = "/api/v1/" + path;
  request.query = query;
  request.headers.add("Authorization", "Bearer " + connection_.token);
  request.headers.add("Accept", "application/json");
  request.headers.add("User-Agent", "postern/" POSTERN_VERSION);
  if (body != nullptr) {
    request.headers.add("Content-Type", "application/json");
    request.body = json::serialize(*body);
  }
  const auto response = exchange(std::move(request));
  if (!response) return fail(response.error());
  return read(*response);
}

Result<json::value> Api::get(const std::string& path, const Query& query) { return send("GET", path, nullptr, query); }
Result<json::value> Api::post(const std::string& path, const json::value& body, const Query& query) {
  return send("POST", path, &body, query);
}
Result<json::value> Api::put(const std::string& path, const json::value& body) { return send("PUT", path, &body, {}); }
Result<json::value> Api::patch(const std::string& path, const json::value& body) {
  return send("PATCH", path, &body, {});
}
Status Api::remove(const std::string& path) {
  const auto done = send("DELETE", path, nullptr, {});
  if (!done) return fail(done.error());
  return {};
}

Result<json::value> Api::list(const std::string& path, Query query, std::size_t limit) {
  std::optional<json::value> all;
  for (;;) {
    const std::size_t have = all ? list_at(*all, "items").size() : 0;
    query["limit"] = std::to_string(limit == 0 ? kPage : std::min(kPage, limit - have));
    auto page = get(path, query);
    if (!page) return fail(page.error());
    if (member(*page, "items") == nullptr || !page->at("items").is_array()) {
      return fail(ErrorCode::kDataLoss, connection_.address.url() + " answered without a list of items");
    }
    const std::string next = text_at(*page, "next_cursor");
    const bool nothing = list_at(*page, "items").empty();
    if (!all) {
      all = std::move(*page);
    } else {
      json::object& into = all->as_object();
      for (json::value& item : page->at("items").as_array()) into["items"].as_array().push_back(std::move(item));
      into["next_cursor"] = page->at("next_cursor");
    }
    if (next.empty() || nothing || (limit != 0 && list_at(*all, "items").size() >= limit)) return std::move(*all);
    query["cursor"] = next;
  }
}

Result<std::string> segment(std::string_view what, std::string_view text) {
  if (text.empty() || text == "." || text == ".." || text.find('/') != text.npos || one_line(text) != text) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no {} \"{}\"", what, one_line(text)));
  }
  return std::string(text);
}

Result<Sha256> shown_fingerprint(const Address& address, Terminal& terminal) {
  net::Loop loop;
  std::optional<Result<net::PeerIdentity>> got;
  const Progress progress(loop, terminal, address.host);
  const net::Handle asked = net::probe_certificate(loop, target_of(address), [&](Result<net::PeerIdentity> peer) {
    got = std::move(peer);
    loop.stop();
  });
  while (!got) loop.run();
  if (!*got) return fail(got->error());
  if ((*got)->chain_der.empty()) return fail(ErrorCode::kUnauthenticated, address.url() + " shows no certificate");
  return sha256(ByteView((*got)->chain_der.front()));
}

}  // namespace postern::cli
