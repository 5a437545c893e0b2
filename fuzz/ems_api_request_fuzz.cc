// A whole request against the whole API: routing, credentials, cookies, origins, forms, JSON, cursors, handlers.
// Input: "METHOD path?query", header lines, an empty line, a body. A first line that begins with '!' has an
// administrator's token added to it.
#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "ems/api/api.h"
#include "ems/api/input.h"
#include "ems/bootstrap/bootstrap.h"
#include "ems/core/ems_core.h"
#include "ems/store/memory_store.h"

using namespace postern;
using namespace postern::ems;

namespace {

constexpr const char* kToken = "pst_of-the-fuzzer";

void demand(bool holds) {
  if (!holds) std::abort();
}

const ManualClock& still() {
  static const ManualClock clock;
  return clock;
}

void run(EmsCore& core) {
  for (int round = 0; round < 1000; ++round) {
    if (core.flush_wanted()) core.flush(still().now());
    auto actions = core.take_actions();
    if (actions.empty() && !core.flush_wanted()) return;
    for (auto& action : actions) {
      if (auto* complete = std::get_if<act::Complete>(&action)) complete->call();
    }
  }
  std::abort();  // it does not come to rest
}

/// An EMS with a token, a profile and a tag: each input meets the same.
const MemoryStore& prepared() {
  static const MemoryStore store = [] {
    set_log_level(LogLevel::kError);
    MemoryStore made(7);
    SeededRandom random(1);
    BootstrapOptions options;
    options.password_hash = "$argon2id$no-password";
    options.server_names = {"127.0.0.1"};
    demand(bootstrap(made, random, still().now(), options).has_value());
    EmsCore core(made, random, {});
    demand(core.start(still().now()).has_value());
    ApiToken token;
    token.id = "TOK-FUZZ";
    token.token_sha256 = sha256(std::string_view(kToken));
    token.name = "fuzz";
    token.user = "admin";
    core.add_api_token(still().now(), {"fuzz", ""}, token, nullptr);
    posture::TagDefinition tag;
    tag.name = TagName("A tag");
    core.save_tag(still().now(), {"fuzz", ""}, "A tag", tag, false, nullptr);
    run(core);
    return made;
  }();
  return store;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte =
        text[i] == '%' ? from_hex(text.substr(i + 1, std::min<std::size_t>(2, text.size() - i - 1))) : std::nullopt;
    if (byte && byte->size() == 1) {
      out += static_cast<char>(byte->front());
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

net::HttpRequest read_request(std::string_view input) {
  net::HttpRequest request;
  request.peer.remote_ip = *IpAddress::parse("192.0.2.7");
  const auto take_line = [&] {
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    return line;
  };
  std::string_view first = take_line();
  if (first.starts_with('!')) {
    first.remove_prefix(1);
    request.headers.add("Authorization", std::string("Bearer ") + kToken);
  }
  const std::size_t space = std::min(first.find(' '), first.size());
  request.method = first.substr(0, space);
  std::string_view target = first.substr(std::min(space + 1, first.size()));
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = decoded(target.substr(0, mark));
  if (!request.path.starts_with('/')) request.path.insert(0, "/");
  for (const std::string_view pair : split(target.substr(std::min(mark + 1, target.size())), '&')) {
    const std::size_t eq = std::min(pair.find('='), pair.size());
    if (!pair.empty()) request.query[decoded(pair.substr(0, eq))] = decoded(pair.substr(std::min(eq + 1, pair.size())));
  }
  for (std::string_view line = take_line(); !line.empty(); line = take_line()) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    request.headers.add(std::string(line.substr(0, colon)),
                        std::string(trim(line.substr(std::min(colon + 1, line.size())))));
  }
  request.body = input;
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (auto time = api::parse_time(input)) demand(api::parse_time(to_iso8601(*time)) == *time);

  MemoryStore store = prepared();
  SeededRandom random(2);
  EmsCore core(store, random, {});
  demand(core.start(still().now()).has_value());
  run(core);
  std::deque<std::function<void()>> finished;
  ApiHooks hooks;
  // No password is ever right: what would compute it does not run.
  hooks.offload = [&](std::function<void()>, std::function<void()> done) { finished.push_back(std::move(done)); };
  hooks.after = [&](std::chrono::nanoseconds, std::function<void()> call) {
    finished.push_back(std::move(call));
    return net::Handle();
  };
  hooks.use_web_certificate = [](const net::TlsIdentity&) -> Status { return {}; };
  hooks.commit = [] {};
  const Revision before = core.revision();
  int answers = 0;
  net::HttpResponse answer;
  const net::HttpRequest request = read_request(input);
  {
    Api api(core, still(), random, std::move(hooks));
    api.handle(request, [&](net::HttpResponse response) {
      ++answers;
      answer = std::move(response);
    });
    for (int round = 0; round < 100; ++round) {
      run(core);
      if (finished.empty()) break;
      const auto next = std::move(finished.front());
      finished.pop_front();
      next();
    }
  }
  demand(answers == 1);
  demand(answer.status >= 200 && answer.status < 600 && answer.status != 500);
  demand(answer.headers.find("X-Request-Id") != nullptr && answer.headers.find("Content-Security-Policy") != nullptr);
  for (const auto& [name, value] : answer.headers.all()) demand(api::clean_text(name) && api::clean_text(value));
  if (answer.status >= 400 && request.path.starts_with("/api/")) {
    boost::json::error_code error;
    const auto body = boost::json::parse(answer.body, error);
    demand(!error && body.at("error").at("code").is_string() && body.at("error").at("message").is_string());
  }
  // Whoever does not have the token changes nothing and learns nothing but the pages and the API's description.
  if (input.find(kToken) == std::string_view::npos && !input.starts_with('!')) {
    demand(core.revision() == before);
    if (request.path.starts_with("/api/") && request.path != "/api/v1/openapi.json") demand(answer.status >= 400);
  }
  return 0;
}
