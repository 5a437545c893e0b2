#include "cli/what_if.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

std::int64_t count_of(const json::value& what_if, std::string_view name) {
  const json::value* part = member(what_if, name);
  if (part == nullptr) return 0;
  if (!part->is_object()) return number_at(what_if, name).value_or(0);
  return number_at(*part, "count").value_or(number_at(*part, "total").value_or(0));
}

/// "90 s", "5 min", "1 h": nothing rounded.
std::string delay_text(std::int64_t seconds) {
  if (seconds % 3600 == 0) return fmt::format("{} h", seconds / 3600);
  return seconds % 60 == 0 ? fmt::format("{} min", seconds / 60) : fmt::format("{} s", seconds);
}

/// "2 live sessions would be cut: laptop7 at PGW1 (2)", and the gateways of whose sessions nobody knows.
Result<std::vector<std::string>> session_lines(Session& session, const json::value& cut, std::size_t named,
                                               const std::string& when) {
  std::vector<std::string> out;
  const std::int64_t total = number_at(cut, "total").value_or(0);
  const json::array& endpoints = list_at(cut, "endpoints");
  const auto not_asked = texts_at(cut, "not_asked");
  auto silent = texts_at(cut, "not_answered");
  std::string line = total == 0 ? (silent.empty() ? "no live session would be cut" : "no live session that is known of would be cut")
                                : fmt::format("{} live session{} would be cut", total, total == 1 ? "" : "s");
  line += when;
  for (std::size_t i = 0; i < endpoints.size() && i < named; ++i) {
    const auto names = endpoint_names(session, json::array{text_at(endpoints[i], "uid")}, 1);
    if (!names) return fail(names.error());
    line += fmt::format("{} {} at {} ({})", i == 0 ? ":" : ",", names->front(),
                        one_line(text_at(endpoints[i], "gateway")), count_at(endpoints[i], "sessions"));
  }
  if (endpoints.size() > named) line += " and more";
  out.push_back(std::move(line));
  std::erase_if(silent, [&](const auto& gateway) { return std::find(not_asked.begin(), not_asked.end(), gateway) != not_asked.end(); });
  if (!silent.empty()) out.push_back("of the sessions at " + join(silent, ", ") + " nobody knows: no answer");
  if (!not_asked.empty()) {
    out.push_back("of the sessions at " + join(not_asked, ", ") + " nobody knows: too much would change to ask there");
  }
  return out;
}

}  // namespace

Result<json::value> ask_what_if(Session& session, const json::object& draft, std::size_t listed) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  (*api)->set_patience(std::chrono::minutes(5));
  return (*api)->post("tags/what-if", draft, {{"limit", std::to_string(listed)}});
}

Result<json::value> ask_what_if(Session& session, const std::vector<Draft>& drafts, std::size_t listed) {
  json::array tags;
  for (const Draft& draft : drafts) tags.push_back(*draft.tag);
  return ask_together(session, {{"tags", std::move(tags)}}, listed);
}

Result<json::value> ask_together(Session& session, const json::object& wanted, std::size_t listed) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  (*api)->set_patience(std::chrono::minutes(5));
  return (*api)->post("tags/apply/what-if", wanted, {{"limit", std::to_string(listed)}});
}

bool takes_away(const json::value& what_if) {
  if (count_of(what_if, "lose") > 0 || count_of(what_if, "become_unknown") > 0) return true;
  const json::array& referring = list_at(what_if, "referring");
  return count_of(what_if, "sessions_cut") > 0 || count_of(what_if, "sessions_cut_later") > 0 || std::any_of(referring.begin(), referring.end(), takes_away);
}

bool grants(const json::value& what_if) {
  const json::array& referring = list_at(what_if, "referring");
  return count_of(what_if, "gain") > 0 || std::any_of(referring.begin(), referring.end(), grants);
}

bool clears(const json::value& what_if) {
  const json::array& referring = list_at(what_if, "referring");
  // Of a tag that is gone policies count everybody as unknown.
  const bool gone = bool_at(what_if, "gone").value_or(false);
  return bool_at(what_if, "back").value_or(false) || (!gone && count_of(what_if, "become_absent") > 0) || std::any_of(referring.begin(), referring.end(), clears);
}

bool reads_unknown_otherwise(const json::value& what_if) { return bool_at(what_if, "on_unknown_changes").value_or(false); }

Result<std::vector<std::string>> what_if_lines(Session& session, const json::value& what_if, std::size_t named) {
  std::vector<std::string> out;
  const bool gone = bool_at(what_if, "gone").value_or(false);
  constexpr std::pair<const char*, const char*> kKinds[] = {
      {"gain", "would gain it"}, {"lose", "would lose it"}, {"become_unknown", "would become unknown"}, {"become_absent", "of which nobody knew would not have it"}};
  for (const auto& [kind, words] : kKinds) {
    const std::int64_t count = count_of(what_if, kind);
    if (count == 0 || (gone && kind == std::string_view("become_absent"))) continue;
    std::string line = fmt::format("{} endpoint{} {}", count, count == 1 ? "" : "s", words);
    const auto names = endpoint_names(session, list_at(*member(what_if, kind), "uids"), named);
    if (!names) return fail(names.error());
    if (!names->empty()) line += ": " + join(*names, ", ");
    if (static_cast<std::size_t>(count) > names->size() && !names->empty())
      line += fmt::format(" and {} more", static_cast<std::size_t>(count) - names->size());
    out.push_back(std::move(line));
    const auto kept = number_at(what_if, "kept_for").value_or(0);
    if (kept > 0 && kind == std::string_view("lose")) {
      out.push_back(fmt::format("  {} it for {} at most, and {} it then (loss_delay)", count == 1 ? "it keeps" : "they keep",
                                delay_text(kept), count == 1 ? "loses" : "lose"));
    }
  }
  if (out.empty()) out.emplace_back("no endpoint would gain or lose it");
  if (reads_unknown_otherwise(what_if)) out.emplace_back("policies that deny by it would make something else of unknown (on_unknown)");
  if (bool_at(what_if, "back").value_or(false)) {
    out.emplace_back("gateways would be told of it again: policies that deny by it let through who does not have it");
  }
  if (gone) out.emplace_back("gateways would be told of it no more: policies that name it count it as unknown");
  if (const auto has = number_at(what_if, "has_after")) {
    out.push_back(fmt::format("afterwards {} endpoint{} {} it, of {} nobody knows", *has, *has == 1 ? "" : "s",
                              *has == 1 ? "has" : "have", number_at(what_if, "unknown_after").value_or(0)));
  }
  return out;
}

std::vector<std::string> warning_lines(const Session& session, const json::value& answer) {
  std::vector<std::string> out;
  for (const std::string& warning : texts_at(answer, "warnings")) {
    out.push_back(session.look().paint(Style::kWarning, "warning: " + one_line(warning)));
  }
  return out;
}

Result<std::vector<std::string>> besides_lines(Session& session, const json::value& what_if, std::size_t named) {
  std::vector<std::string> out;
  for (const json::value& other : list_at(what_if, "referring")) {
    const auto lines = what_if_lines(session, other, named);
    if (!lines) return fail(lines.error());
    out.push_back(one_line(text_at(other, "name")) + " would change by it, because it refers to " +
                  (member(what_if, "tags") == nullptr ? "it" : "one of these") + ":");
    for (const std::string& line : *lines) out.push_back("  " + line);
  }
  if (const json::value* cut = member(what_if, "sessions_cut")) {
    const json::value* later = member(what_if, "sessions_cut_later");
    const bool delayed = later != nullptr && later->is_object();
    const auto lines = session_lines(session, *cut, named, delayed ? " at once" : "");
    if (!lines) return fail(lines.error());
    out.insert(out.end(), lines->begin(), lines->end());
    if (delayed) {
      const auto then = session_lines(session, *later, named, " when what is lost is kept no longer (loss_delay)");
      if (!then) return fail(then.error());
      for (const std::string& line : *then) {
        if (std::find(out.begin(), out.end(), line) == out.end()) out.push_back(line);
      }
    }
  }
  return out;
}

}  // namespace postern::cli
