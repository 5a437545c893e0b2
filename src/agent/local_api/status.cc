#include "agent/local_api/status.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/text.h"

namespace postern::agent {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<WallTime>& time) {
  return time ? json::value(to_iso8601(*time)) : json::value();
}
json::value text_or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}
  std::string text(std::string_view name) const {
    const auto* v = find(name);
    return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
  }
  std::int64_t number(std::string_view name) const {
    const auto* v = find(name);
    return v != nullptr && v->is_int64() ? v->get_int64() : 0;
  }
  bool flag(std::string_view name) const {
    const auto* v = find(name);
    return v != nullptr && v->is_bool() && v->get_bool();
  }
  bool has(std::string_view name) const {
    const auto* v = find(name);
    return v != nullptr && !v->is_null();
  }
  std::vector<Reader> list(std::string_view name) const {
    std::vector<Reader> out;
    const auto* v = find(name);
    if (v == nullptr || !v->is_array()) return out;
    for (const auto& item : v->get_array()) {
      if (item.is_object()) out.emplace_back(item.get_object());
    }
    return out;
  }
  Reader sub(std::string_view name) const {
    static const json::object kNone;
    const auto* v = find(name);
    return Reader(v != nullptr && v->is_object() ? v->get_object() : kNone);
  }

 private:
  const json::value* find(std::string_view name) const { return object_.if_contains({name.data(), name.size()}); }
  const json::object& object_;
};

void line(std::string& out, std::string_view label, const std::string& value) {
  // What the EMS or a server said may stand in it.
  out += fmt::format("{:<15}{}\n", label, one_line(value));
}

std::string or_none(std::string text, const char* none) { return text.empty() ? none : text; }

std::string interval_text(std::int64_t seconds) {
  return seconds <= 1 ? "looked at each second" : fmt::format("looked at every {} seconds", seconds);
}

std::string registration_line(const Reader& status) {
  const auto state = status.text("registration");
  const auto ems = status.sub("ems");
  if (state == "registered") return fmt::format("registered with EMS {}", ems.text("serial"));
  if (state == "deregistered") return fmt::format("deregistered: {}", status.text("deregistered_because"));
  return "not registered; enrol with an invitation: postern-agent enrol";
}

/// A tag's message says what to do where the tag stands in the way: a held one may be just what is wanted.
void tag_lines(std::string& out, std::string_view label, const std::vector<Reader>& tags) {
  if (tags.empty()) return line(out, label, "none");
  for (const auto& tag : tags) {
    line(out, label, tag.text("name") + ": " + tag.text("state"));
    if (const auto message = tag.text("message"); !message.empty()) {
      line(out, "", "  if a gateway refuses because of it: " + message);
    }
    label = "";
  }
}

std::string quarantine_line(const Reader& status) {
  if (!status.has("quarantined")) return "not known until the EMS has been reached";
  return status.flag("quarantined") ? "yes: gateways refuse this machine until an administrator of the EMS ends it"
                                    : "no";
}

}  // namespace

std::string status_json(const AgentStatus& s) {
  json::array tags, unknown, sources;
  for (const auto& tag : s.tags) {
    (tag.unknown ? unknown : tags)
        .push_back(
            json::object{{"name", tag.name}, {"state", tag.unknown ? "unknown" : "held"}, {"message", tag.message}});
  }
  for (const auto& from : s.sources) {
    sources.push_back(
        json::object{{"name", from.name}, {"events", from.events}, {"by", from.by}, {"note", text_or_null(from.note)},
                     {"every_s", from.events ? json::value() : json::value(from.every.count())}});
  }
  return json::serialize(json::object{{"version", s.version},
                                      {"registered", s.registration == Registration::kRegistered},
                                      {"registration", json::string_view(registration_name(s.registration).data(),
                                                                         registration_name(s.registration).size())},
                                      {"deregistered_because", text_or_null(s.deregistered_because)},
                                      {"uid", text_or_null(s.uid)},
                                      {"host_name", text_or_null(s.host_name)},
                                      {"ems", json::object{{"serial", text_or_null(s.ems_serial)},
                                                           {"address", text_or_null(s.ems_address)},
                                                           {"tenant_id", text_or_null(s.tenant_id)}}},
                                      {"connected", s.connected},
                                      {"connected_since", time_or_null(s.connected_since)},
                                      {"certificate", json::object{{"sn", text_or_null(s.certificate_sn)},
                                                                   {"expires", time_or_null(s.certificate_expires)},
                                                                   {"expired", s.certificate_expired}}},
                                      {"profile", text_or_null(s.profile)},
                                      {"vulnerability_scan", s.vulnerability_scan},
                                      {"quarantined", s.quarantined ? json::value(*s.quarantined) : json::value()},
                                      {"show_tags", s.show_tags},
                                      {"tags", std::move(tags)},
                                      {"unknown_tags", std::move(unknown)},
                                      {"sources", std::move(sources)},
                                      {"last_error", text_or_null(s.last_error)}});
}

bool status_connected(std::string_view text) {
  boost::system::error_code ec;
  const auto value = json::parse({text.data(), text.size()}, ec);
  return !ec && value.is_object() && Reader(value.get_object()).flag("connected");
}

std::string left_json() { return R"({"ems_told":true})"; }

std::string left_json(std::string_view because, std::string_view uid) {
  return json::serialize(json::object{{"ems_told", false},
                                      {"because", json::string_view(because.data(), because.size())},
                                      {"uid", json::string_view(uid.data(), uid.size())}});
}

std::optional<Untold> untold_text(std::string_view text) {
  boost::system::error_code ec;
  const auto value = json::parse({text.data(), text.size()}, ec);
  if (ec || !value.is_object()) return Untold{"its answer cannot be read", "?"};
  const Reader answer(value.get_object());
  if (answer.flag("ems_told")) return std::nullopt;
  return Untold{one_line(answer.text("because")), one_line(answer.text("uid"))};
}

Result<std::string> status_text(std::string_view text) {
  boost::system::error_code ec;
  const auto value = json::parse({text.data(), text.size()}, ec);
  if (ec || !value.is_object()) return fail(ErrorCode::kDataLoss, "the agent's status cannot be read");
  const Reader status(value.get_object());
  std::string out;
  line(out, "Agent", "postern-agent " + status.text("version"));
  line(out, "Host", or_none(status.text("host_name"), "unknown"));
  line(out, "Registration", registration_line(status));
  if (status.flag("registered")) {
    const auto ems = status.sub("ems");
    const auto certificate = status.sub("certificate");
    line(out, "UID", status.text("uid"));
    line(out, "EMS", or_none(ems.text("address"), "not reached yet"));
    line(out, "Connection",
         status.flag("connected") ? "connected since " + status.text("connected_since") : std::string("not connected"));
    line(out, "Certificate",
         fmt::format("{}, {} {}", certificate.text("sn"), certificate.flag("expired") ? "expired" : "expires",
                     certificate.text("expires")));
    line(out, "Quarantine", quarantine_line(status));
    if (const auto profile = status.text("profile"); !profile.empty()) {
      line(out, "Profile",
           fmt::format("{}, vulnerability scan {}", profile, status.flag("vulnerability_scan") ? "on" : "off"));
      if (status.flag("show_tags")) {
        tag_lines(out, "Tags", status.list("tags"));
        if (const auto unknown = status.list("unknown_tags"); !unknown.empty()) tag_lines(out, "Unknown tags", unknown);
      } else {
        line(out, "Tags", "the profile does not show them");
      }
    }
  }
  std::string_view label = "Watching";
  for (const auto& source : status.list("sources")) {
    std::string how = source.flag("events")
                          ? (source.text("by").empty() ? std::string("does not change while the machine runs")
                                                       : "by events (" + source.text("by") + ")")
                          : interval_text(source.number("every_s")) + ": " + source.text("note");
    line(out, label, fmt::format("{:<14} {}", source.text("name"), how));
    label = "";
  }
  line(out, "Last error", or_none(status.text("last_error"), "none"));
  return out;
}

}  // namespace postern::agent
