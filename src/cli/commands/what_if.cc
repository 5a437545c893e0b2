// postern what-if: what a draft would change, before it is saved.
#include "cli/what_if.h"

#include <boost/json.hpp>
#include <map>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/tag_files.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

/// The tag's name, and below it what would become of its endpoints.
Status print_tag(Session& session, const std::string& name, const json::value& what_if, std::size_t listed) {
  const auto lines = what_if_lines(session, what_if, listed);
  if (!lines) return fail(lines.error());
  session.print(session.look().paint(Style::kStrong, one_line(name)) + "\n");
  for (const std::string& line : *lines) session.print("  " + line + "\n");
  return {};
}

Status print_besides(Session& session, const json::value& answer, const json::value& what_if, std::size_t listed, const std::string& indent) {
  const auto besides = besides_lines(session, what_if, listed);
  if (!besides) return fail(besides.error());
  for (const std::string& line : *besides) session.print(indent + line + "\n");
  for (const std::string& line : warning_lines(session, answer)) session.print(indent + line + "\n");
  return {};
}

Result<int> what_if_of_one(Session& session, const Draft& draft, std::size_t listed) {
  const auto answer = ask_what_if(session, *draft.tag, listed);
  if (!answer) return fail(answer.error().context(one_line(draft.name)));
  if (session.as_json()) return session.print_json(*answer);
  if (auto printed = print_tag(session, draft.name, *answer, listed); !printed) return fail(printed.error());
  if (auto printed = print_besides(session, *answer, *answer, listed, "  "); !printed) return fail(printed.error());
  return kDone;
}

/// Tags of one file are saved together, and judged as they stand together then.
Result<int> what_if_of_several(Session& session, const std::vector<Draft>& drafts, std::size_t listed) {
  const auto answer = ask_what_if(session, drafts, listed);
  if (!answer) return fail(answer.error());
  if (session.as_json()) return session.print_json(*answer);
  static const json::value kNothing;
  const json::value* found = member(*answer, "what_if");
  const json::value& what_if = found == nullptr ? kNothing : *found;
  std::map<std::string, const json::value*> by_name;
  for (const json::value& tag : list_at(what_if, "tags")) by_name.emplace(text_at(tag, "name"), &tag);
  for (const Draft& draft : drafts) {
    const auto it = by_name.find(draft.name);
    const json::value& own = it == by_name.end() ? kNothing : *it->second;
    if (auto printed = print_tag(session, draft.name, own, listed); !printed) return fail(printed.error());
  }
  if (auto printed = print_besides(session, *answer, what_if, listed, ""); !printed) return fail(printed.error());
  return kDone;
}

Result<int> run_what_if(Session& session) {
  const std::size_t listed = session.given.number("--limit", 10);
  const auto drafts = read_tag_file(session, session.given.text("--file"));
  if (!drafts) return fail(drafts.error());
  return drafts->size() == 1 ? what_if_of_one(session, drafts->front(), listed) : what_if_of_several(session, *drafts, listed);
}

}  // namespace

Command what_if_command() {
  return {
      .name = "what-if",
      .group = "Tags",
      .summary = "Show which endpoints a draft would change; nothing is saved",
      .details =
          "Compares each tag of the file with the one of its name: who would gain it, lose it, or become unknown, and\n"
          "which live sessions would be cut. The same of other tags that refer to one of them and would change with it.\n"
          "Where a loss_delay keeps a tag that is lost, it says for how long, and which sessions are cut only then.\n"
          "Several tags are judged as they stand together, as a dry run of apply does.",
      .examples =
          "postern what-if -f tags.yaml\n"
          "postern export Compliant | sed 's/severity: high/severity: medium/' | postern what-if -f -\n",
      .options =
          {{.names = "-f,--file", .value = "FILE", .help = "YAML with tags; - for standard input", .required = true},
           {.names = "--limit", .value = "N", .help = "Name at most this many endpoints of each (10)", .number = Whole{}}},
      .run = run_what_if};
}

}  // namespace postern::cli
