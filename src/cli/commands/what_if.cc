// postern what-if: what a draft would change, before it is saved.
#include "cli/what_if.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/tag_files.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

Result<int> run_what_if(Session& session) {
  const std::size_t listed = session.given.number("--limit", 10);
  const auto drafts = read_tag_file(session, session.given.text("--file"));
  if (!drafts) return fail(drafts.error());
  json::array answers;
  for (const Draft& draft : *drafts) {
    const auto answer = ask_what_if(session, *draft.tag, listed);
    if (!answer) return fail(answer.error().context(one_line(draft.name)));
    if (session.as_json()) {
      answers.push_back(*answer);
      continue;
    }
    const auto lines = what_if_lines(session, *answer, listed);
    if (!lines) return fail(lines.error());
    session.print(session.look().paint(Style::kStrong, one_line(draft.name)) + "\n");
    for (const std::string& line : *lines) session.print("  " + line + "\n");
    const auto besides = besides_lines(session, *answer, listed);
    if (!besides) return fail(besides.error());
    for (const std::string& line : *besides) session.print("  " + line + "\n");
  }
  if (session.as_json()) return session.print_json(answers.size() == 1 ? answers.front() : json::value(answers));
  return kDone;
}

}  // namespace

Command what_if_command() {
  return {
      .name = "what-if",
      .group = "Tags",
      .summary = "Show which endpoints a draft would change; nothing is saved",
      .details =
          "Compares each tag of the file with the one of its name: who would gain it, lose it, or become unknown, and\n"
          "which live sessions would be cut. The same of other tags that refer to one of them and would change with it.",
      .examples =
          "postern what-if -f tags.yaml\n"
          "postern export Compliant | sed 's/severity: high/severity: medium/' | postern what-if -f -\n",
      .options =
          {{.names = "-f,--file", .value = "FILE", .help = "YAML with tags; - for standard input", .required = true},
           {.names = "--limit", .value = "N", .help = "Name at most this many endpoints of each (10)", .number = true}},
      .run = run_what_if};
}

}  // namespace postern::cli
