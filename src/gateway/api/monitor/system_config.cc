#include "gateway/api/monitor/system_config.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "gateway/cli/notices.h"
#include "gateway/config/difference.h"

namespace postern::gateway::api::monitors {

namespace json = boost::json;

Result<std::uint64_t> config_id(const CallPtr& call, std::string_view text) {
  if (text.empty()) return fail(ErrorCode::kInvalidArgument, "config_id: is missing; it is the number of a revision");
  auto id = config::revision_argument(call->services.store.revisions(), text);
  if (!id) return fail(id.error().context("config_id"));
  return id;
}

void reply_file(const CallPtr& call, std::string text, std::string_view name) {
  if (call->who.read_only) {
    return call->fail(403, ErrorNumber::kNone,
                      fmt::format("{} may look, but not at keys and passwords, which this holds", call->who.name));
  }
  net::HttpResponse response;
  response.status = 200;
  response.headers.add("Content-Type", "application/octet-stream");
  response.headers.add("Content-Disposition", fmt::format("attachment; filename=\"{}\"", name));
  response.body = std::move(text);
  call->reply_raw(std::move(response));
}

void replace_and_reply(const CallPtr& call, const config::Replacement& replacement, config::Author author) {
  auto& store = call->services.store;
  if (!replacement.wrong.empty()) {
    json::array errors;
    std::string first;
    for (const auto& w : replacement.wrong) {
      errors.push_back({{"line", w.line}, {"message", w.message}});
      if (first.empty()) first = w.line == 0 ? w.message : fmt::format("line {}: {}", w.line, w.message);
    }
    return call->fail(424, ErrorNumber::kBadValue, fmt::format("nothing was changed: {}", first),
                      {{"errors", std::move(errors)}, {"revision_changed", false}});
  }
  const auto before = store.current();
  const auto by = author.by;
  if (auto committed = store.commit(replacement.transaction, author); !committed) {
    const bool client = committed.error().code == ErrorCode::kInvalidArgument || committed.error().code == ErrorCode::kConflict;
    return call->fail(client ? 424 : 500, client ? ErrorNumber::kBadValue : ErrorNumber::kNone, committed.error().message,
                      {{"revision_changed", false}});
  }
  const auto after = store.current();
  if (before != after) {
    log_info("config.replaced", "the whole configuration was replaced by the REST API", {{"by", call->who.name}, {"how", by}});
  }
  json::array notices;
  for (const auto& note : replacement.notes) notices.emplace_back(note);
  for (const auto& notice : cli::commit_notices(*before, *after, call->services.operations)) notices.emplace_back(notice);
  call->reply(200, {{"results", {{"config_restored", true}, {"config_id", after->revision()}}},
                    {"revision_changed", before != after},
                    {"notices", std::move(notices)}});
}

}  // namespace postern::gateway::api::monitors
