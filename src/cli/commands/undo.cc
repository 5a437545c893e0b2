// postern undo: take the last change of a tag back.
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/tag_diff.h"
#include "cli/what_if.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

Result<int> run_undo(Session& session) {
  const auto name = segment("tag", session.given.text("TAG"));
  if (!name) return fail(name.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto before = (*api)->get("tags/" + *name);
  if (!before && before.error().code != ErrorCode::kNotFound) return fail(before.error());
  const auto after = (*api)->post("tags/" + *name + "/undo", json::object());
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
              "a deleted tag by hand are not given it again: each was somebody's decision. It says how many they are.",
          .examples = "postern undo Compliant\n",
          .arguments = {{"TAG", "Its name"}},
          .run = run_undo};
}

}  // namespace postern::cli
