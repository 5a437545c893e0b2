#include "gateway/api/cmdb.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/api/cmdb_address.h"
#include "gateway/api/cmdb_change.h"
#include "gateway/api/cmdb_json.h"
#include "gateway/api/cmdb_members.h"
#include "gateway/api/cmdb_query.h"
#include "gateway/api/input.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;
using config::ObjectPath;
using config::ObjectView;
using config::Table;

/// Interfaces that the kernel has and nobody configured are entries, too.
bool kernel_interface(Services& services, const ObjectPath& path) {
  if (path.size() != 1 || path[0].table != "system interface" || path[0].key.empty()) return false;
  const auto names = services.operations.interface_names();
  return std::find(names.begin(), names.end(), path[0].key) != names.end();
}

Live live_of(Services& services, const ObjectPath& path) {
  return path.size() == 1 ? services.operations.live_values(path) : Live();
}

/// The entries of a table in the order of the configuration, built-in ones first.
std::vector<config::Object> entries(Services& services, const config::ConfigTree& tree, const Address& at) {
  std::vector<config::Object> out = at.table->built_in;
  const ObjectPath above(at.path.begin(), at.path.end() - 1);
  const config::Object* parent = above.empty() ? &tree.root() : tree.find(above);
  if (parent != nullptr) {
    if (const auto it = parent->tables.find(at.table->name); it != parent->tables.end()) {
      for (const auto& own : it->second) std::erase_if(out, [&](const config::Object& o) { return o.key == own.key; });
      out.insert(out.end(), it->second.begin(), it->second.end());
    }
  }
  if (at.path.size() == 1 && at.path[0].table == "system interface") {
    for (const auto& name : services.operations.interface_names()) {
      if (std::any_of(out.begin(), out.end(), [&](const config::Object& o) { return o.key == name; })) continue;
      out.emplace_back().key = name;
    }
  }
  return out;
}

void get(const CallPtr& call, const Address& at) {
  auto& services = call->services;
  const auto tree = services.store.current();
  if (const auto* action = call->query("action")) {
    if (*action != "schema") return call->fail(400, ErrorNumber::kBadValue, "action: must be schema in a GET");
    return call->reply_results(schema_json(*at.table));
  }
  const auto query = read_list_query(*at.table, call->request.query, call->more_filters());
  if (!query) return call->fail(query.error());
  json::object fields;
  fields["revision"] = revision_of(*tree, at);
  const auto shown_object = [&](const config::Object& object, const ObjectPath& path) {
    return to_json(ObjectView(*at.table, object), live_of(services, path));
  };
  if (at.entry) {
    const config::Object* object = tree->find(at.path);
    config::Object kernels;
    if (object == nullptr && kernel_interface(services, at.path)) {
      kernels.key = at.path.back().key;
      object = &kernels;
    }
    if (object == nullptr) return not_there(call, at);
    auto one = shown_object(*object, at.path);
    query->project(one);
    if (at.table->single())
      fields["results"] = std::move(one);
    else
      fields["results"] = json::array{std::move(one)};
    return call->reply(200, std::move(fields));
  }
  const ObjectPath above(at.path.begin(), at.path.end() - 1);
  if (!above.empty() && tree->find(above) == nullptr) return not_there(call, config::describe(above));
  json::array results;
  for (const auto& object : entries(services, *tree, at)) {
    ObjectPath path = at.path;
    path.back().key = object.key;
    results.push_back(shown_object(object, path));
  }
  fields["size"] = results.size();
  fields["matched_count"] = query->apply(results);
  fields["results"] = std::move(results);
  call->reply(200, std::move(fields));
}

void finish_write(const CallPtr& call, Address at, const Draft& draft) {
  auto& services = call->services;
  const auto tree = services.store.current();
  if (call->request.method == "POST") {
    const ObjectPath above(at.path.begin(), at.path.end() - 1);
    const config::Object* parent = above.empty() ? &tree->root() : tree->find(above);
    if (parent == nullptr) return not_there(call, config::describe(above));
    if (draft.key) {
      at.path.back().key = *draft.key;
      if (tree->find(at.path) != nullptr) {
        return refuse(call,
                      {ErrorCode::kAlreadyExists, config::describe(at.path) + ": exists already (PUT changes it)"});
      }
    } else {
      const auto it = parent->tables.find(at.table->name);
      auto free = config::next_key(*at.table, it == parent->tables.end() ? nullptr : &it->second);
      if (!free) return refuse(call, free.error());
      at.path.back().key = std::move(*free);
    }
    call->mkey = at.path.back().key;
  } else if (tree->find(at.path) == nullptr && !kernel_interface(services, at.path)) {
    return not_there(call, at);
  }
  auto transaction = services.store.begin();
  if (auto applied = apply_draft(transaction, at.path, draft, live_of(services, at.path)); !applied) {
    return refuse(call, applied.error());
  }
  commit(call, at, transaction);
}

void move(const CallPtr& call, const Address& at) {
  const auto* before = call->query("before");
  const auto* after = call->query("after");
  if ((before == nullptr) == (after == nullptr)) {
    return call->fail(400, ErrorNumber::kBadValue, "action=move needs before=<mkey> or after=<mkey>");
  }
  if (call->services.store.current()->find(at.path) == nullptr) return not_there(call, at);
  auto transaction = call->services.store.begin();
  if (auto moved = transaction.move(at.path, before != nullptr, before ? *before : *after); !moved) {
    return refuse(call, moved.error());
  }
  commit(call, at, transaction);
}

void write(const CallPtr& call, const Address& at) {
  const bool post = call->request.method == "POST";
  if (post && at.entry) {
    return wrong_method(call, at.table->single() ? "GET, PUT" : "GET, PUT, DELETE",
                        "POST makes entries of a table: send it to the table's address");
  }
  if (!post && !at.entry)
    return wrong_method(call, "GET, POST", "PUT changes an entry: its key must stand in the address");
  if (const auto* action = call->query("action")) {
    if (*action == "move" && !post) return move(call, at);
    return call->fail(400, ErrorNumber::kBadValue, "action: must be move, in a PUT");
  }
  const auto body = parse_object(call->request.body);
  if (!body) return call->fail(400, ErrorNumber::kBadValue, body.error().message, {{"revision_changed", false}});
  auto read = read_draft(*at.table, *body);
  if (!read) return refuse(call, read.error().context(at.path.front().table));
  auto draft = std::make_shared<Draft>(std::move(*read));
  if (!post && !at.table->single() && draft->key && *draft->key != at.path.back().key) {
    return refuse(call, {ErrorCode::kInvalidArgument,
                         fmt::format("{}: {}: the address names another entry (rename of the command line renames)",
                                     config::describe(at.path), at.table->key.name)});
  }
  const auto key = post ? draft->key.value_or("") : at.path.back().key;
  if (auto good = check_secrets(*draft, key); !good) {
    auto named = at.path;
    named.back().key = key;
    return refuse(call, good.error().context(config::describe(named)));
  }
  const auto* current = post ? nullptr : call->services.store.current()->find(at.path);
  auto secrets = std::make_shared<std::vector<ClearSecret>>(clear_secrets(*draft, current, call->services.random));
  if (secrets->empty()) return finish_write(call, at, *draft);
  auto hashes = std::make_shared<std::vector<std::string>>();
  call->services.operations.offload(
      [secrets, hashes] {
        for (const auto& secret : *secrets) hashes->push_back(secret.hashed());
      },
      [call, at, draft, secrets, hashes] {
        for (std::size_t i = 0; i < secrets->size(); ++i) {
          if (hashes->size() <= i || (*hashes)[i].empty()) return refuse(call, config::hashing_failed());
          *(*secrets)[i].place = {(*hashes)[i]};
        }
        finish_write(call, at, *draft);
      });
}

void remove(const CallPtr& call, const Address& at) {
  if (!at.entry || at.table->single()) {
    return wrong_method(call, at.entry ? "GET, PUT" : "GET, POST", "DELETE takes an entry's address");
  }
  if (call->services.store.current()->find(at.path) == nullptr) return not_there(call, at);
  auto transaction = call->services.store.begin();
  if (auto removed = transaction.remove(at.path); !removed) return refuse(call, removed.error());
  commit(call, at, transaction, ErrorNumber::kInUse);
}

}  // namespace

void serve_cmdb(const CallPtr& call) {
  const auto& all = call->request.segments;
  std::vector<std::string_view> segments(all.begin() + 3, all.end());  // behind api, v2, cmdb
  if (segments.size() > 1 && segments.back().empty()) segments.pop_back();
  call->path = segments[0];
  if (segments.size() > 1) call->name = segments[1];
  if (segments.size() > 2) call->mkey = std::string(segments[2]);
  const auto at = locate(call->services.store.current()->schema(), segments);
  if (!at) {
    json::object fields;
    if (call->request.method != "GET") fields["revision_changed"] = false;
    return call->fail(
        404, ErrorNumber::kNotFound,
        fmt::format("there is no {} in the configuration", shown(join({segments.begin(), segments.end()}, "/"))),
        std::move(fields));
  }
  const auto& method = call->request.method;
  if (at->list != nullptr) return serve_members(call, *at);
  if (method == "GET") return get(call, *at);
  if (method == "POST" || method == "PUT") return write(call, *at);
  if (method == "DELETE") return remove(call, *at);
  wrong_method(call, "GET, POST, PUT, DELETE", "the configuration takes GET, POST, PUT and DELETE");
}

}  // namespace postern::gateway::api
