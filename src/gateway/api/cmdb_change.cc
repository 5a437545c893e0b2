#include "gateway/api/cmdb_change.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/sha256.h"
#include "gateway/api/input.h"
#include "gateway/cli/notices.h"
#include "gateway/config/text.h"

namespace postern::gateway::api {

namespace json = boost::json;

std::string revision_of(const config::ConfigTree& tree, const Address& at) {
  const auto text = config::print_table(tree, {{at.path.front().table, ""}}, config::ShowMode::kChanged);
  return to_hex_lower(ByteView(sha256(text)).first(16));
}

void not_there(const CallPtr& call, std::string_view what) {
  json::object fields;
  if (call->request.method != "GET") fields["revision_changed"] = false;
  call->fail(404, ErrorNumber::kNotFound, fmt::format("{}: does not exist", what), std::move(fields));
}
void not_there(const CallPtr& call, const Address& at) { not_there(call, config::describe(at.path)); }

void refuse(const CallPtr& call, const Error& error, ErrorNumber invalid) {
  json::object fields = {{"revision_changed", false}};
  switch (error.code) {
    case ErrorCode::kAlreadyExists:
      return call->fail(424, ErrorNumber::kDuplicate, error.message, std::move(fields));
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
      return call->fail(424, invalid, error.message, std::move(fields));
    default:
      return call->fail(500, ErrorNumber::kNone, error.message, std::move(fields));
  }
}

void wrong_method(const CallPtr& call, std::string_view allowed, std::string_view why) {
  call->add_header("Allow", std::string(allowed));
  call->fail(405, ErrorNumber::kNone, why);
}

void commit(const CallPtr& call, const Address& at, const config::Transaction& transaction,
            ErrorNumber invalid) {
  auto& store = call->services.store;
  const auto old = store.current();
  const std::string before = revision_of(*old, at);
  if (const auto* expected = call->query("expected_revision"); expected != nullptr && *expected != before) {
    return call->fail(412, ErrorNumber::kBadValue,
                      fmt::format("{} was changed by somebody else: its revision is {}, not {}; GET it and do it again",
                                  at.path.front().table, before, shown(*expected)),
                      {{"revision_changed", false}});
  }
  if (auto committed = store.commit(transaction, {call->who.name, "api"}); !committed) return refuse(call, committed.error(), invalid);
  const std::string after = revision_of(*store.current(), at);
  if (before != after) {
    log_info("config.changed", "the configuration was changed by the REST API",
             {{"by", call->who.name}, {"method", call->request.method}, {"path", call->request.path}});
  }
  json::object fields;
  fields["revision"] = after;
  fields["old_revision"] = before;
  fields["revision_changed"] = before != after;
  json::array notices;
  for (const auto& notice : cli::commit_notices(*old, *store.current(), call->services.operations)) {
    notices.emplace_back(notice);
  }
  if (!notices.empty()) fields["notices"] = std::move(notices);
  call->reply(200, std::move(fields));
}

}  // namespace postern::gateway::api
