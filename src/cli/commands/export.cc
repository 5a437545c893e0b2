// postern export: tags as YAML that apply takes back unchanged.
#include <algorithm>
#include <boost/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/tag_schema.h"
#include "cli/yaml_writer.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

Result<int> run_export(Session& session) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto schema = TagSchema::ask(session);
  if (!schema) return fail(schema.error());
  const auto page = (*api)->list("tags", {}, 0);
  if (!page) return fail(page.error());
  std::vector<std::string> wanted = session.given.texts("TAG");
  const bool all = wanted.empty();
  json::array tags;
  for (const json::value& tag : list_at(*page, "items")) {
    const auto it = std::find(wanted.begin(), wanted.end(), text_at(tag, "name"));
    if (is_true(tag, "built_in") || !tag.is_object() || (!all && it == wanted.end())) continue;
    if (!all) wanted.erase(it);
    tags.push_back(schema->definition(tag.as_object()));
  }
  if (!wanted.empty())
    return fail(ErrorCode::kNotFound, "there is no tag " + one_line(wanted.front()) + " that could be exported");
  const json::object document{{"tags", std::move(tags)}};
  const std::string text = session.as_json() ? json::serialize(document) + "\n"
                                             : "# Tags of " + (*api)->connection().address.url() +
                                                   "; back with: postern apply -f FILE\n" + print_yaml(document);
  if (!session.given.has("--output")) {
    session.print(text);
    return kDone;
  }
  const std::string file = session.given.text("--output");
  if (auto written = write_file_atomic(file, text, 0644); !written) return fail(written.error());
  session.say(std::to_string(document.at("tags").as_array().size()) + " tags written to " + file);
  return kDone;
}

}  // namespace

Command export_command() {
  return {.name = "export",
          .group = "Tags",
          .summary = "Write tags as YAML that apply takes back unchanged",
          .details = "Built-in tags are left out: they can't be changed.",
          .examples =
              "postern export > tags.yaml\n"
              "postern export Compliant Vulnerable-Device -o tags.yaml\n",
          .arguments = {{"TAG", "Only these", false, true}},
          .options = {{"-o,--output", "FILE", "Write there instead of standard output"}},
          .run = run_export};
}

}  // namespace postern::cli
