// postern undo: take the last change of a tag back.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/tag_diff.h"
#include "cli/what_if.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kUndoNames = 5;

/// What the tag would be by it, and who would gain or lose it: as apply says it, of the tag as it was.
Status preview(Session& session, const std::string& name, const json::value& last) {
  const json::value* before = last.is_object() ? last.get_object().if_contains("before") : nullptr;  // null says: it goes
  if (before == nullptr || session.as_json()) return {};
  json::object wanted{{"tags", json::array()}, {"remove", json::array()}};
  if (before->is_object()) wanted["tags"].as_array().push_back(*before);
  const bool goes = !before->is_object() || text_at(last, "what") == "renamed";
  if (goes) wanted["remove"].as_array().emplace_back(name);
  const auto would = ask_together(session, wanted, kUndoNames);
  if (!would) {
    session.say("what undoing it would do can't be told: " + one_line(would.error().message));
    return {};
  }
  const json::value nothing = json::object();
  const json::value* what_if = member(*would, "what_if");
  if (what_if == nullptr) what_if = &nothing;
  session.print("To undo that does this:\n");
  const json::array& tags = list_at(*what_if, "tags");
  for (const json::value& tag : tags) {
    const auto lines = what_if_lines(session, tag, kUndoNames);
    if (!lines) return fail(lines.error());
    const std::string of = tags.size() > 1 ? one_line(text_at(tag, "name")) + ": " : "";
    for (const std::string& line : *lines) session.print("  " + of + line + "\n");
  }
  const auto besides = besides_lines(session, *what_if, kUndoNames);
  if (!besides) return fail(besides.error());
  for (const std::string& line : *besides) session.print("  " + line + "\n");
  return {};
}

/// Whose change it is, is said, and what undoing it would do; a person is asked.
Result<bool> may_undo(Session& session, const std::string& name, const json::value& last) {
  const std::string what = text_at(last, "what");
  const auto at = read_iso8601(text_at(last, "at"));
  const std::string by = one_line(text_at(last, "by"));
  if (!session.as_json()) {
    session.print(fmt::format("{} was {}{}{}\n", name, what, by.empty() ? "" : " by " + by, at ? " on " + moment_text(*at) : ""));
  }
  if (auto told = preview(session, name, last); !told) return fail(told.error());
  if (session.given.has("--yes")) return true;
  const bool goes = what == "made";
  if (!session.look().interactive) {
    if (!goes) return true;
    return fail(ErrorCode::kInvalidArgument, "to undo that it was made deletes the tag; where nobody can be asked, add --yes");
  }
  return session.terminal.agreed(goes ? "Delete it again? [y/N] " : "Take this back? [y/N] ");
}

Result<int> run_undo(Session& session) {
  const auto name = segment("tag", session.given.text("TAG"));
  if (!name) return fail(name.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto last = (*api)->get("tags/" + *name + "/last-change");
  if (!last) return fail(last.error());
  const auto may = may_undo(session, *name, *last);
  if (!may) return fail(may.error());
  if (!*may) {
    session.say("nothing was undone");
    return kFailed;
  }
  const auto before = (*api)->get("tags/" + *name);
  if (!before && before.error().code != ErrorCode::kNotFound) return fail(before.error());
  const auto after = (*api)->post("tags/" + *name + "/undo", 
                                   json::object{{"revision", number_at(*last, "revision").value_or(0)}, {"basis", text_at(*last, "basis")}});
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  const json::value* tag = member(*after, "tag");
  const std::string now = one_line(text_at(*after, "name"));
  session.print("the last change of " + *name + " is undone" +
                (tag == nullptr                 ? ": the tag is gone"
                 : !before                      ? ": the tag is there again"
                 : now != *name && !now.empty() ? ": it is called " + now + " again"
                                                : "") +
                "\n");
  for (const std::string& line : warning_lines(session, *after)) session.print(line + "\n");
  if (!before || !before->is_object() || tag == nullptr || !tag->is_object()) return kDone;
  const auto schema = TagSchema::ask(session);
  if (!schema) return fail(schema.error());
  for (const Difference& d : differences(*schema, before->as_object(), tag->as_object())) {
    session.print("  " + d.where + ": " + (d.before.empty() ? "nothing" : d.before) + " " +
                  std::string(session.look().arrow()) + " " + (d.after.empty() ? "nothing" : d.after) + "\n");
  }
  return kDone;
}

}  // namespace

Command undo_command() {
  return {.name = "undo",
          .group = "Tags",
          .summary = "Take the last change of a tag back",
          .details =
              "Saved, renamed, made or deleted: it is as before. Doing so twice redoes the change. Endpoints that had been given\n"
              "a deleted tag by hand are not given it again: each was somebody's decision. It says how many they are.\n"
              "It says whose change of when it is and who would gain or lose what, and on a terminal asks; --yes skips the question.\n"
              "Where nobody can be asked, only undoing that a tag was made needs --yes. If another change comes in between, nothing is undone.",
          .examples = "postern undo Compliant\n",
          .arguments = {{"TAG", "Its name"}},
          .options = {{"-y,--yes", "", "Don't ask"}},
          .run = run_undo};
}

}  // namespace postern::cli
