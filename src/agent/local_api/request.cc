#include "agent/local_api/request.h"

#include <boost/json.hpp>

#include "base/log.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

namespace json = boost::json;
using Command = LocalRequest::Command;

struct Name {
  Command command;
  std::string_view name;
};
constexpr Name kNames[] = {{Command::kStatus, "status"},
                           {Command::kEnrol, "enrol"},
                           {Command::kDeregister, "deregister"},
                           {Command::kRecheck, "recheck"},
                           {Command::kDestinations, "destinations"}};

json::parse_options strict() {
  json::parse_options options;
  options.max_depth = 4;
  return options;
}

tl::unexpected<Error> bad(std::string what) { return fail(ErrorCode::kInvalidArgument, std::move(what)); }

}  // namespace

bool needs_owner(Command command) { return command != Command::kStatus && command != Command::kDestinations; }

Result<LocalRequest> parse_local_request(std::string_view message) {
  if (message.size() > kMaxLocalMessage) return bad("the request is too large");
  boost::system::error_code ec;
  const auto value = json::parse({message.data(), message.size()}, ec, {}, strict());
  if (ec || !value.is_object()) return bad("the request is not a JSON object");
  LocalRequest out;
  bool named = false, invited = false;
  for (const auto& member : value.get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    if (!member.value().is_string()) return bad("a member of the request is not a text");
    const std::string text(member.value().get_string());
    if (key == "command") {
      for (const auto& name : kNames) {
        if (name.name == text) {
          out.command = name.command;
          named = true;
        }
      }
      if (!named) return bad("there is no such command");
    } else if (key == "invitation") {
      if (text.size() > proto::kMaxInvitation) return bad("this is not an invitation (it is too long)");
      out.invitation = text;
      invited = true;
    } else if (key == "force") {
      if (text != "yes") return bad("force is yes, or left out");
      out.force = true;
    } else {
      return bad("the request has a member that is not known");
    }
  }
  if (!named) return bad("the request names no command");
  if (out.force && out.command != Command::kDeregister) return bad("only deregister takes force");
  if (invited != (out.command == Command::kEnrol)) {
    return bad(invited ? "only enrol takes an invitation" : "enrol needs an invitation");
  }
  return out;
}

std::string print_local_request(const LocalRequest& request) {
  json::object out;
  for (const auto& name : kNames) {
    if (name.command == request.command) out["command"] = json::string_view(name.name.data(), name.name.size());
  }
  if (request.command == Command::kEnrol) out["invitation"] = request.invitation;
  if (request.force) out["force"] = "yes";
  return json::serialize(out);
}

std::string local_answer(std::string_view status_json) {
  if (status_json.empty()) return R"({"ok":true})";
  return R"({"ok":true,"status":)" + std::string(status_json) + "}";
}

std::string local_error(const Error& error) {
  return R"({"error":{"code":)" + json_quote(error_code_name(error.code)) + R"(,"message":)" +
         json_quote(error.message) + "}}";
}

Result<std::string> parse_local_answer(std::string_view message) {
  const auto damaged = [] { return fail(ErrorCode::kDataLoss, "the agent gave an answer that cannot be read"); };
  boost::system::error_code ec;
  const auto value = json::parse({message.data(), message.size()}, ec);
  if (ec || !value.is_object()) return damaged();
  const auto& object = value.get_object();
  if (const auto* error = object.if_contains("error")) {
    if (!error->is_object()) return damaged();
    const auto* code = error->get_object().if_contains("code");
    const auto* text = error->get_object().if_contains("message");
    if (code == nullptr || text == nullptr || !code->is_string() || !text->is_string()) return damaged();
    const std::string_view name(code->get_string().data(), code->get_string().size());
    return fail(parse_error_code(name), std::string(text->get_string()));
  }
  if (!object.contains("ok")) return damaged();
  const auto* status = object.if_contains("status");
  return status == nullptr ? std::string() : json::serialize(*status);
}

}  // namespace postern::agent
