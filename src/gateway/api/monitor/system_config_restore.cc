#include <boost/json.hpp>

#include "base/hex.h"
#include "gateway/api/monitor/system_config.h"

namespace postern::gateway::api::monitors {
namespace {

void restore_upload(const CallPtr& call, const boost::json::object& body) {
  const auto bytes = from_base64(text_member(body, "file_content"));
  if (!bytes || bytes->empty()) {
    return call->fail(400, ErrorNumber::kBadValue, "file_content: must be the backup, in base64");
  }
  const auto* force = body.if_contains("force");
  if (force != nullptr && !force->is_bool()) {
    return call->fail(400, ErrorNumber::kBadValue, "force: must be true or false");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const auto backup = config::read_backup(text, force != nullptr && force->get_bool());
  if (!backup) {
    return call->fail(424, ErrorNumber::kBadValue,
                      backup.error().message + "; nothing was changed (\"force\": true takes one that was edited)",
                      {{"revision_changed", false}});
  }
  replace_and_reply(call, config::replace_by_text(call->services.store, backup->text), {call->who.name, "restore", "by REST"});
}

void post_restore(const CallPtr& call, const boost::json::object& body) {
  const auto source = text_member(body, "source");
  if (const auto scope = text_member(body, "scope"); !scope.empty() && scope != "global") {
    return call->fail(400, ErrorNumber::kBadValue, "scope: must be global");
  }
  if (source == "upload") return restore_upload(call, body);
  if (source != "revision") return call->fail(400, ErrorNumber::kBadValue, "source: must be upload or revision");
  const auto id = config_id(call, text_member(body, "config_id"));
  if (!id) return call->fail(id.error());
  const auto replacement = config::replace_by_revision(call->services.store, *id);
  if (!replacement) return call->fail(replacement.error());
  replace_and_reply(call, *replacement, {call->who.name, "rollback", "back to revision " + std::to_string(*id)});
}

}  // namespace

Monitor system_config_restore() {
  return {"POST", "system/config/restore", {}, {"source", "scope", "file_content", "config_id", "force"}, post_restore};
}

}  // namespace postern::gateway::api::monitors
