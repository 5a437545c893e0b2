#include "gateway/api/cmdb_members.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "gateway/api/cmdb_change.h"
#include "gateway/api/cmdb_json.h"
#include "gateway/api/input.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;
using config::Value;

std::string describe_member(const Address& at, std::string_view member) {
  return fmt::format("{}: {}: {}", config::describe(at.path), at.list->name, shown(member));
}

bool has_member(const Value& members, const std::string& member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

/// The member that a body names: {"name": …}. Errors: kInvalidArgument.
Result<std::string> member_of(const CallPtr& call, const Address& at) {
  const auto body = parse_object(call->request.body);
  if (!body) return fail(body.error());
  auto named = read_member(*at.list, *body);
  if (!named) return fail(named.error());
  if (at.member && *named != *at.member) return invalid("name: the address names another member");
  return named;
}

void add_member(const CallPtr& call, const Address& at, const Value& members) {
  const auto member = member_of(call, at);
  if (!member) return refuse(call, member.error().context(config::describe(at.path)));
  call->mkey = *member;
  if (has_member(members, *member)) {
    return refuse(call, {ErrorCode::kAlreadyExists, describe_member(at, *member) + ": is there already"});
  }
  auto transaction = call->services.store.begin();
  Value all = members;
  all.push_back(*member);
  if (auto added = transaction.set(at.path, at.list->name, all); !added) return refuse(call, added.error());
  commit(call, at, transaction);
}

void keep_member(const CallPtr& call, const Address& at) {
  const auto member = member_of(call, at);
  if (!member) return refuse(call, member.error().context(config::describe(at.path)));
  // A name has nothing that could change. Through the usual way, so that the answer reads as every other.
  commit(call, at, call->services.store.begin());
}

void remove_member(const CallPtr& call, const Address& at, const Value& members) {
  Value left;
  std::copy_if(members.begin(), members.end(), std::back_inserter(left),
               [&](const std::string& member) { return member != *at.member; });
  auto transaction = call->services.store.begin();
  // Without a member it would be what it is when nobody sets it: everything, for some lists.
  if (left.empty()) {
    return refuse(call,
                  {ErrorCode::kInvalidArgument, fmt::format("{}: {}", config::describe(at.path), at.list->last_one())});
  }
  if (auto set = transaction.set(at.path, at.list->name, left); !set) return refuse(call, set.error());
  commit(call, at, transaction);
}

}  // namespace

void serve_members(const CallPtr& call, const Address& at) {
  const auto tree = call->services.store.current();
  const auto* object = tree->find(at.path);
  if (object == nullptr) return not_there(call, at);
  const Value members = config::ObjectView(*at.table, *object).values(at.list->name);
  if (at.member && !has_member(members, *at.member)) {
    return not_there(call, describe_member(at, *at.member));
  }
  call->mkey = at.member;
  const auto& method = call->request.method;
  if (method == "GET") {
    return call->reply(200, {{"revision", revision_of(*tree, at)},
                             {"results", members_json(at.member ? Value{*at.member} : members)}});
  }
  if (method == "POST" && !at.member) return add_member(call, at, members);
  if (method == "PUT" && at.member) return keep_member(call, at);
  if (method == "DELETE" && at.member) return remove_member(call, at, members);
  wrong_method(call, at.member ? "GET, PUT, DELETE" : "GET, POST",
               at.member ? "a member of a list takes GET, PUT and DELETE" : "a list takes GET and POST");
}

}  // namespace postern::gateway::api
