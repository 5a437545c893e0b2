#include "cli/tag_files.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "cli/json_view.h"
#include "cli/yaml_reader.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

Status add_draft(json::value value, std::size_t number, std::vector<Draft>& out) {
  json::object* tag = value.if_object();
  if (tag == nullptr) return invalid(fmt::format("tag {} is no map of name, rules and so on", number));
  const json::value* name = tag->if_contains("name");
  if (name == nullptr || !name->is_string() || name->as_string().empty()) {
    const bool other = name != nullptr && !name->is_null();
    return invalid(
        fmt::format("tag {}: name: {}", number, other ? "has to be a text; put it in quotes" : "is missing"));
  }
  out.push_back({plain(name->as_string()), std::make_shared<json::object>(std::move(*tag))});
  return {};
}

Status add_list(json::value list, std::vector<Draft>& out) {
  if (!list.is_array()) return invalid("tags: has to be a list");
  for (json::value& tag : list.as_array()) {
    if (auto added = add_draft(std::move(tag), out.size() + 1, out); !added) return added;
  }
  return {};
}

Status add_document(json::value document, std::vector<Draft>& out) {
  if (document.is_array()) return add_list(std::move(document), out);
  json::object* object = document.if_object();
  if (object == nullptr || !object->contains("tags") || object->contains("name")) {
    return add_draft(std::move(document), out.size() + 1, out);
  }
  for (const auto& [key, value] : *object) {
    if (key != "tags") return invalid(fmt::format("{}: beside tags nothing is taken here", one_line(std::string(key))));
  }
  return add_list(std::move(object->at("tags")), out);
}

}  // namespace

Result<std::vector<Draft>> read_tags(std::string_view text) {
  auto documents = parse_yaml(text);
  if (!documents) return fail(documents.error());
  std::vector<Draft> out;
  for (json::value& document : *documents) {
    if (auto added = add_document(std::move(document), out); !added) return fail(added.error());
  }
  if (out.empty()) return invalid("there is no tag in it");
  if (out.size() > kMaxTags) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("holds {} tags, and at most {} are taken at once; split it, with those that others refer to in the "
                            "first part",
                            out.size(), kMaxTags));
  }
  std::set<std::string> seen;
  for (const Draft& draft : out) {
    if (!seen.insert(draft.name).second) return invalid(fmt::format("the tag {} is in it twice", one_line(draft.name)));
  }
  return out;
}

Result<std::vector<Draft>> read_tag_file(Session& session, const std::string& file) {
  const auto text = file == "-" ? session.terminal.input(kMaxYamlBytes) : read_file(file, kMaxYamlBytes);
  if (!text) {
    Error error = text.error();
    if (error.code == ErrorCode::kResourceExhausted) error.message += fmt::format("; split it: at most {} tags are taken at once", kMaxTags);
    return fail(std::move(error));
  }
  auto drafts = read_tags(*text);
  if (!drafts) return fail(drafts.error().context(file == "-" ? "standard input" : file));
  return drafts;
}

}  // namespace postern::cli
