#include "cli/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/json_view.h"
#include "cli/moments.h"

namespace postern::cli {

namespace json = boost::json;

std::vector<Option> limit_options(std::size_t limit) {
  return {{.names = "--limit",
           .value = "N",
           .help = fmt::format("Show at most this many ({} when not given)", limit),
           .number = Whole{}},
          {.names = "--all", .value = "", .help = "Show all"}};
}

Result<json::value> ask_list(Session& session, const std::string& path, const Query& query, std::size_t limit) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  return (*api)->list(path, query, session.given.has("--all") ? 0 : session.given.number("--limit", limit));
}

int print_list(Session& session, const json::value& page, const Table& table, std::string_view things) {
  if (session.as_json()) return session.print_json(page);
  if (table.empty()) {
    session.say(fmt::format("no {}", things));
    return kDone;
  }
  session.print(table.text(session.look()));
  if (const std::string next = text_at(page, "next_cursor"); !next.empty()) {
    const std::string total = count_at(page, "total");
    const std::size_t shown = list_at(page, "items").size();
    session.say(total.empty() ? fmt::format("the first {}; --limit N or --all shows more", shown)
                              : fmt::format("{} of {}; --limit N or --all shows more", shown, total));
  }
  return kDone;
}

std::string change_text(const Look& look, const json::value& change) {
  const json::object* object = change.if_object();
  if (object == nullptr) return in_a_line(change);
  std::vector<std::string> parts;
  for (const auto& [name, value] : *object) {
    const json::array* list = value.if_array();
    const bool steps =
        list != nullptr && !list->empty() && std::all_of(list->begin(), list->end(), [](const json::value& one) {
          return one.is_object() && one.as_object().size() == 3 && one.as_object().contains("before") &&
                 one.as_object().contains("after");
        });
    if (!steps) {
      const bool empty = value.is_null() || (value.is_string() && value.as_string().empty());
      if (!empty) parts.push_back(std::string(name) + "=" + in_a_line(value));
      continue;
    }
    for (const json::value& one : *list) {
      std::string what;
      for (const auto& [key, text] : one.as_object()) {
        if (key != "before" && key != "after") what = in_a_line(text);
      }
      const json::value* before = member(one, "before");
      const json::value* after = member(one, "after");
      if (before != nullptr) what += " " + in_a_line(*before);
      parts.push_back(what + " " + std::string(look.arrow()) + " " + (after == nullptr ? "gone" : in_a_line(*after)));
    }
  }
  return join(parts, ", ");
}

std::string or_dash(const Session& session, std::string text) {
  return text.empty() ? std::string(session.look().dash()) : std::move(text);
}

std::string since(const Session& session, const json::value& of, std::string_view name) {
  const auto at = time_at(of, name);
  return or_dash(session, at ? short_age(std::max(Millis(0), session.now() - *at)) : "");
}

std::string when(const Session& session, const json::value& of, std::string_view name) {
  const auto at = time_at(of, name);
  return or_dash(session, at ? log_time(*at) : "");
}

void Details::add(std::string label, std::string value, Style style) {
  if (!value.empty()) lines_.push_back({std::move(label), one_line(value), style});
}

std::string Details::text(const Look& look) const {
  std::size_t wide = 0;
  for (const Line& line : lines_) wide = std::max(wide, columns_of(line.label));
  wide += 3;
  std::string out;
  for (const Line& line : lines_) {
    std::string label = line.label;
    for (const std::string& part : wrapped(line.value, look.width > wide + 20 ? look.width - wide : 0)) {
      out += look.paint(Style::kFaint, padded(label, wide)) + look.paint(line.style, part) + '\n';
      label.clear();
    }
  }
  return out;
}

}  // namespace postern::cli
