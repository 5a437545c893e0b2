#include <boost/json.hpp>
#include <fmt/format.h>

#include "gateway/api/monitor/system_config.h"
#include "gateway/config/difference.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

json::object revision_json(const config::Revision& r, std::uint64_t in_force) {
  json::object o = {{"id", r.id}, {"in_force", r.id == in_force}};
  if (!r.damage.empty()) {
    o["damage"] = r.damage;
    return o;
  }
  o["time"] = to_unix_ms(r.time) / 1000;
  o["admin"] = r.author.name;
  o["by"] = r.author.by;
  o["comment"] = r.author.comment;
  o["changed"] = r.summary;
  o["bytes"] = r.bytes;
  return o;
}

std::string query_text(const CallPtr& call, const char* name) {
  const auto* value = call->query(name);
  return value == nullptr ? std::string() : *value;
}

void get_revisions(const CallPtr& call, const json::object&) {
  json::array list;
  const auto& store = call->services.store;
  for (const auto& [id, r] : store.revisions().all()) list.push_back(revision_json(r, store.current()->revision()));
  call->reply_results(json::object{{"revisions", std::move(list)}});
}

void get_revision_info(const CallPtr& call, const json::object&) {
  const auto id = config_id(call, query_text(call, "config_id"));
  if (!id) return call->fail(id.error());
  const auto& store = call->services.store;
  call->reply_results(revision_json(*store.revisions().find(*id), store.current()->revision()));
}

void get_revision_file(const CallPtr& call, const json::object&) {
  const auto id = config_id(call, query_text(call, "config_id"));
  if (!id) return call->fail(id.error());
  auto text = call->services.store.revisions().text(*id);
  if (!text) return call->fail(text.error());
  reply_file(call, std::move(*text), fmt::format("revision-{}.conf", *id));
}

void get_revision_diff(const CallPtr& call, const json::object&) {
  auto& store = call->services.store;
  const auto id = config_id(call, query_text(call, "config_id"));
  if (!id) return call->fail(id.error());
  const auto before = store.configuration_of(*id);
  if (!before) return call->fail(before.error());
  Result<config::Snapshot> after = store.current();
  if (const auto with = query_text(call, "with"); !with.empty() && with != "current") {
    const auto other = config_id(call, with);
    if (!other) return call->fail(other.error());
    after = store.configuration_of(*other);
    if (!after) return call->fail(after.error());
  }
  call->reply_results(json::object{{"config_id", *id},
                                   {"with", (*after)->revision()},
                                   {"diff", config::print_difference(**before, **after)}});
}

/// Every commit is kept already: this names the last one.
void post_revision_save(const CallPtr& call, const json::object& body) {
  auto& store = call->services.store;
  const auto id = store.current()->revision();
  if (store.revisions().find(id) == nullptr) {
    return call->fail(424, ErrorNumber::kNotFound, "nothing was configured yet: there is no revision to name");
  }
  if (const auto comment = text_member(body, "comments"); !comment.empty()) {
    if (auto kept = store.comment_revision(id, comment); !kept) return call->fail(kept.error());
  }
  call->reply_results(json::object{{"config_id", id}});
}

void post_revision_comments(const CallPtr& call, const json::object& body) {
  const auto id = config_id(call, text_member(body, "config_id"));
  if (!id) return call->fail(id.error());
  if (auto kept = call->services.store.comment_revision(*id, text_member(body, "comments")); !kept) {
    return call->fail(kept.error());
  }
  call->reply_results(json::object{{"config_id", *id}});
}

void post_revision_delete(const CallPtr& call, const json::object& body) {
  auto& store = call->services.store;
  const auto* named = body.if_contains("config_ids");
  if (named == nullptr || !named->is_array() || named->get_array().empty()) {
    return call->fail(400, ErrorNumber::kBadValue, "config_ids: must be a list of revisions' numbers");
  }
  std::vector<std::uint64_t> ids;
  for (const auto& value : named->get_array()) {
    const auto id = config_id(call, value.is_int64() ? std::to_string(value.get_int64())
                                    : value.is_string() ? std::string(value.get_string())
                                                        : "?");
    if (!id) return call->fail(id.error());
    if (*id == store.current()->revision()) {
      return call->fail(424, ErrorNumber::kInUse, fmt::format("revision {} is the configuration in force; it stays", *id));
    }
    ids.push_back(*id);
  }
  json::array deleted;
  for (const auto id : ids) {
    if (auto removed = store.remove_revision(id); !removed && removed.error().code != ErrorCode::kNotFound) {
      return call->fail(removed.error());
    }
    deleted.emplace_back(id);
  }
  call->reply_results(json::object{{"deleted", std::move(deleted)}});
}

void post_revision_rollback(const CallPtr& call, const json::object& body) {
  const auto id = config_id(call, text_member(body, "config_id"));
  if (!id) return call->fail(id.error());
  const auto replacement = config::replace_by_revision(call->services.store, *id);
  if (!replacement) return call->fail(replacement.error());
  replace_and_reply(call, *replacement, {call->who.name, "rollback", fmt::format("back to revision {}", *id)});
}

}  // namespace

Monitor system_config_revision() { return {"GET", "system/config-revision", {}, {}, get_revisions}; }
Monitor system_config_revision_info() { return {"GET", "system/config-revision/info", {"config_id"}, {}, get_revision_info}; }
Monitor system_config_revision_file() { return {"GET", "system/config-revision/file", {"config_id"}, {}, get_revision_file}; }
Monitor system_config_revision_diff() {
  return {"GET", "system/config-revision/diff", {"config_id", "with"}, {}, get_revision_diff};
}
Monitor system_config_revision_save() { return {"POST", "system/config-revision/save", {}, {"comments"}, post_revision_save}; }
Monitor system_config_revision_update_comments() {
  return {"POST", "system/config-revision/update-comments", {}, {"config_id", "comments"}, post_revision_comments};
}
Monitor system_config_revision_delete() {
  return {"POST", "system/config-revision/delete", {}, {"config_ids"}, post_revision_delete};
}
Monitor system_config_revision_rollback() {
  return {"POST", "system/config-revision/rollback", {}, {"config_id"}, post_revision_rollback};
}

}  // namespace postern::gateway::api::monitors
