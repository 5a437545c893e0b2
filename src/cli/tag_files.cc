#include "cli/tag_files.h"

#include <fmt/format.h>

#include <algorithm>
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

bool names(const json::value& value, std::string_view name) {
  if (const json::string* text = value.if_string()) return std::string_view(text->data(), text->size()) == name;
  if (const json::array* list = value.if_array()) {
    return std::any_of(list->begin(), list->end(), [&](const json::value& item) { return names(item, name); });
  }
  return false;
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
  std::set<std::string> seen;
  for (const Draft& draft : out) {
    if (!seen.insert(draft.name).second) return invalid(fmt::format("the tag {} is in it twice", one_line(draft.name)));
  }
  return out;
}

Result<std::vector<Draft>> read_tag_file(Session& session, const std::string& file) {
  const auto text = file == "-" ? session.terminal.input(kMaxYamlBytes) : read_file(file, kMaxYamlBytes);
  if (!text) return fail(text.error());
  auto drafts = read_tags(*text);
  if (!drafts) return fail(drafts.error().context(file == "-" ? "standard input" : file));
  return drafts;
}

bool refers_to(const Draft& draft, std::string_view name) {
  const json::value* rules = draft.tag->if_contains("rules");
  if (rules == nullptr || !rules->is_array()) return false;
  for (const json::value& rule : rules->as_array()) {
    if (!rule.is_object()) continue;
    for (const auto& [key, value] : rule.as_object()) {
      if (key != "type" && key != "os" && names(value, name)) return true;
    }
  }
  return false;
}

void order_by_reference(std::vector<Draft>& drafts) {
  std::vector<Draft> ordered;
  std::vector<Draft> left = std::move(drafts);
  while (!left.empty()) {
    // The first that waits for no other; in a circle the EMS says what is wrong.
    auto next = std::find_if(left.begin(), left.end(), [&](const Draft& draft) {
      return std::none_of(left.begin(), left.end(),
                          [&](const Draft& other) { return other.name != draft.name && refers_to(draft, other.name); });
    });
    if (next == left.end()) next = left.begin();
    ordered.push_back(std::move(*next));
    left.erase(next);
  }
  drafts = std::move(ordered);
}

}  // namespace postern::cli
