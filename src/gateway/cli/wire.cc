#include "gateway/cli/wire.h"

#include <boost/json.hpp>

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

}  // namespace

std::string encode(const Request& r) {
  json::object o;
  o[r.kind == Request::Kind::kLine ? "line" : "help"] = r.text;
  return json::serialize(o);
}

std::string encode(const Response& r) {
  json::object o = {{"output", r.reply.output}, {"error", r.reply.error}, {"more", r.reply.more},
                    {"bye", r.reply.bye},       {"prompt", r.prompt},     {"staged", r.staged}};
  if (r.working) o["working"] = true;
  json::array help;
  for (const auto& c : r.help) help.push_back({{"word", c.word}, {"help", c.help}});
  o["help"] = std::move(help);
  return json::serialize(o);
}

Result<Request> decode_request(std::string_view message) {
  const auto o = parse_message(message);
  if (!o) return fail(o.error());
  Request r;
  if (const auto* line = o->if_contains("line"); line && line->is_string()) {
    r.text = std::string(line->get_string());
    return r;
  }
  if (const auto* help = o->if_contains("help"); help && help->is_string()) {
    r.kind = Request::Kind::kHelp;
    r.text = std::string(help->get_string());
    return r;
  }
  return fail(ErrorCode::kInvalidArgument, "the message is neither a line nor a question for help");
}

Result<Response> decode_response(std::string_view message) {
  const auto o = parse_message(message);
  if (!o) return fail(o.error());
  Response r;
  r.reply = {text_of(*o, "output"), text_of(*o, "error"), flag_of(*o, "more"), flag_of(*o, "bye")};
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
