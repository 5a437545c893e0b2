// Command lines: whatever is typed, the session answers, and goes on answering.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "base/text.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/cli/session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Hashing a password takes long on purpose, and is not what is looked for here.
  if (text.find("pas") != text.npos || text.find("api") != text.npos) return 0;
  auto store = config::ConfigStore::in_memory(config::gateway_schema());
  cli::FakeOperations operations;
  operations.endpoints = {cli::walk_endpoint()};
  operations.connector_list = {cli::walk_connector()};
  operations.addresses = cli::walk_addresses();
  operations.traces = {cli::walk_trace()};
  operations.ems_answers.resize(1);
  operations.certificate_replies.resize(1);
  postern::SeededRandom random(1);
  cli::CliSession session(*store, operations, random);
  for (const auto line : postern::split(text, '\n')) {
    for (const auto& c : session.help(line)) {
      if (c.word.empty()) std::abort();
    }
    int answers_to_it = 0;
    session.feed(line, [&](cli::Reply reply) {
      ++answers_to_it;
      if (reply.error.find('\n') != reply.error.npos) std::abort();
    });
    // What waits for the network is answered now.
    for (auto& done : std::exchange(operations.waiting, {})) done({});
    for (auto& shown : std::exchange(operations.presenting, {})) shown(cli::PresentedCertificate{});
    if (answers_to_it != 1) std::abort();
    if (session.prompt().empty()) std::abort();
  }
  // The same as a text that is taken whole or not at all.
  int answers = 0;
  const auto take = [&](const cli::Reply& reply) {
    ++answers;
    if (reply.error.find('\n') != reply.error.npos) std::abort();
  };
  cli::CliSession text_session(*store, operations, random);
  const auto lines = postern::split(text, '\n');
  for (const auto line : lines) {
    text_session.feed_script(line, take);
    for (auto& done : std::exchange(operations.waiting, {})) done({});
    for (auto& shown : std::exchange(operations.presenting, {})) shown(cli::PresentedCertificate{});
  }
  text_session.end_script(take);
  if (answers != static_cast<int>(lines.size()) + 1 || text_session.has_staged_changes()) std::abort();
  return 0;
}
