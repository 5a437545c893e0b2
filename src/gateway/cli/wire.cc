#include "gateway/cli/wire.h"

#include <boost/json.hpp>

#include <utility>

namespace postern::gateway::cli {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& o, std::string_view name) {
  const auto* v = o.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}

bool flag_of(const json::object& o, std::string_view name) {
  const auto* v = o.if_contains(name);
  return v && v->is_bool() && v->get_bool();
}

Result<json::object> parse_message(std::string_view message) {
  json::error_code ec;
  json::parse_options options;
  options.max_depth = 8;
  options.allow_invalid_utf8 = true;  // what an administrator types is judged by the configuration
  const auto value = json::parse(json::string_view(message.data(), message.size()), ec, {}, options);
  if (ec || !value.is_object()) return fail(ErrorCode::kInvalidArgument, "the message is no JSON object");
  return value.get_object();
}

constexpr std::pair<Request::Kind, std::string_view> kKinds[] = {{Request::Kind::kLine, "line"},
                                                                 {Request::Kind::kHelp, "help"},
                                                                 {Request::Kind::kScript, "script"},
                                                                 {Request::Kind::kEndScript, "end-script"},
                                                                 {Request::Kind::kHello, "hello"},
                                                                 {Request::Kind::kCancel, "cancel"}};

json::string_view kind_name(Request::Kind wanted) {
  for (const auto& [kind, name] : kKinds) {
    if (kind == wanted) return {name.data(), name.size()};
  }
  return "line";
}

}  // namespace

std::string encode(const Request& r) {
  json::object o;
  o[kind_name(r.kind)] = r.text;
  return json::serialize(o);
}

std::string encode(const Response& r) {
  json::object o = {{"output", r.reply.output}, {"error", r.reply.error}, {"more", r.reply.more},
                    {"bye", r.reply.bye},       {"prompt", r.prompt},     {"staged", r.staged}};
  if (r.working) o["working"] = true;
  if (r.pages) o["pages"] = true;
  if (r.reply.secret) o["secret"] = true;
  if (!r.reply.faults.empty()) o["faults"] = json::array(r.reply.faults.begin(), r.reply.faults.end());
  json::array help;
  for (const auto& c : r.help) help.push_back({{"word", c.word}, {"help", c.help}});
  o["help"] = std::move(help);
  return json::serialize(o);
}

Result<Request> decode_request(std::string_view message) {
  const auto o = parse_message(message);
  if (!o) return fail(o.error());
  for (const auto& [kind, name] : kKinds) {
    const auto* text = o->if_contains(name);
    if (text && text->is_string()) return Request{kind, std::string(text->get_string())};
  }
  return fail(ErrorCode::kInvalidArgument, "the message is no request");
}

Result<Response> decode_response(std::string_view message) {
  const auto o = parse_message(message);
  if (!o) return fail(o.error());
  Response r;
  r.reply = {text_of(*o, "output"), text_of(*o, "error"), flag_of(*o, "more"), flag_of(*o, "bye")};
  r.reply.secret = flag_of(*o, "secret");
  if (const auto* faults = o->if_contains("faults"); faults && faults->is_array()) {
    for (const auto& fault : faults->get_array()) {
      if (fault.is_string()) r.reply.faults.emplace_back(fault.get_string());
    }
  }
  r.pages = flag_of(*o, "pages");
  r.prompt = text_of(*o, "prompt");
  r.staged = flag_of(*o, "staged");
  r.working = flag_of(*o, "working");
  if (const auto* help = o->if_contains("help"); help && help->is_array()) {
    for (const auto& c : help->get_array()) {
      if (c.is_object()) r.help.push_back({text_of(c.get_object(), "word"), text_of(c.get_object(), "help")});
    }
  }
  return r;
}

}  // namespace postern::gateway::cli
