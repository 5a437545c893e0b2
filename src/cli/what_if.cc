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
  if (part->is_object()) return number_at(*part, "count").value_or(0);
  return number_at(what_if, name).value_or(0);
}

/// What counts live sessions, whatever else is said of them.
bool tells_of_sessions(std::string_view name) {
  return name.find("session") != name.npos || name.find("cut") != name.npos;
}

std::string spaced(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

}  // namespace

Result<json::value> ask_what_if(Session& session, const json::object& draft, std::size_t listed) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  (*api)->set_patience(std::chrono::minutes(5));
  return (*api)->post("tags/what-if", draft, {{"limit", std::to_string(listed)}});
}

bool takes_away(const json::value& what_if) {
  if (count_of(what_if, "lose") > 0 || count_of(what_if, "become_unknown") > 0) return true;
  const json::object* all = what_if.if_object();
  if (all == nullptr) return false;
  return std::any_of(all->begin(), all->end(), [&](const auto& one) {
    const std::string name(one.key());
    return tells_of_sessions(name) && count_of(what_if, name) > 0;
  });
}

Result<std::vector<std::string>> what_if_lines(Session& session, const json::value& what_if, std::size_t named) {
  std::vector<std::string> out;
  constexpr std::pair<const char*, const char*> kKinds[] = {
      {"gain", "would gain it"}, {"lose", "would lose it"}, {"become_unknown", "would become unknown"}};
  for (const auto& [kind, words] : kKinds) {
    const std::int64_t count = count_of(what_if, kind);
    if (count == 0) continue;
    std::string line = fmt::format("{} endpoint{} {}", count, count == 1 ? "" : "s", words);
    const auto names = endpoint_names(session, list_at(*member(what_if, kind), "uids"), named);
    if (!names) return fail(names.error());
    if (!names->empty()) line += ": " + join(*names, ", ");
    if (static_cast<std::size_t>(count) > names->size() && !names->empty()) line += fmt::format(" and {} more", static_cast<std::size_t>(count) - names->size());
    out.push_back(std::move(line));
  }
  if (out.empty()) out.emplace_back("no endpoint would gain or lose it");
  const json::object* all = what_if.if_object();
  for (const auto& [key, value] : all == nullptr ? json::object() : *all) {
    const std::string name(key);
    if (tells_of_sessions(name)) out.push_back(fmt::format("{}: {}", spaced(name), count_of(what_if, name)));
  }
  if (const auto has = number_at(what_if, "has_after")) {
    out.push_back(fmt::format("afterwards {} endpoint{} {} it, of {} nobody knows", *has, *has == 1 ? "" : "s",
                              *has == 1 ? "has" : "have", number_at(what_if, "unknown_after").value_or(0)));
  }
  return out;
}

}  // namespace postern::cli
