#include "ems/api/router.h"

#include <stdexcept>

#include "base/text.h"

namespace postern::ems::api {
namespace {

constexpr std::size_t kMaxPath = 2048;  // longer than any of our paths with the longest parameters

bool is_param(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

std::vector<Field> list_query(std::vector<std::string> sorts, std::vector<Field> filters) {
  std::vector<Field> fields = std::move(filters);
  if (!sorts.empty()) {
    std::vector<std::string> both;
    for (const std::string& s : sorts) {
      both.push_back(s);
      both.push_back("-" + s);
    }
    fields.push_back({.name = "sort",
                      .description = "Order by this field; with '-' in front descending",
                      .values = std::move(both)});
  }
  fields.push_back({.name = "limit",
                    .type = FieldType::kInteger,
                    .description = "Items of one page",
                    .min = 1,
                    .max = kMaxLimit});
  fields.push_back({.name = "cursor",
                    .description = "next_cursor of the page before, with the same filters and order",
                    .min = 1,
                    .max = 1024});
  return fields;
}

Router::Router(std::vector<Resource> resources) : resources_(std::move(resources)) {
  for (const Resource& resource : resources_) {
    for (const Route& route : resource.routes) add(route);
  }
}

void Router::add(const Route& route) {
  const std::string what = route.method + " " + route.path;
  if (route.handler == nullptr) throw std::logic_error(what + " has no handler");
  Node* node = &root_;
  for (std::string_view segment : split(std::string_view(route.path).substr(1), '/')) {
    if (!is_param(segment)) {
      node = &node->fixed[std::string(segment)];
      continue;
    }
    const std::string name(segment.substr(1, segment.size() - 2));
    if (node->param.empty()) {
      node->param.emplace_back();
      node->param_name = name;
    } else if (node->param_name != name) {
      throw std::logic_error(what + " names {" + node->param_name + "} differently");
    }
    node = &node->param.front();
  }
  if (!node->methods.emplace(route.method, &route).second) throw std::logic_error(what + " is there twice");
}

const Router::Node* Router::find(const Node& node, std::string_view method,
                                 const std::vector<std::string_view>& segments, std::size_t at, PathParams& params) {
  if (at == segments.size()) return node.methods.empty() ? nullptr : &node;
  const Node* other = nullptr;  // has the path, not the method
  if (auto it = node.fixed.find(segments[at]); it != node.fixed.end()) {
    const Node* found = find(it->second, method, segments, at + 1, params);
    if (found != nullptr && found->methods.contains(method)) return found;
    other = found;
  }
  if (node.param.empty() || segments[at].empty()) return other;
  const Node* found = find(node.param.front(), method, segments, at + 1, params);
  if (found == nullptr || (other != nullptr && !found->methods.contains(method))) return other;
  params.emplace(node.param_name, segments[at]);
  return found;
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  if (path.empty() || path.front() != '/' || path.size() > kMaxPath) return match;
  const Node* node = find(root_, method, split(path.substr(1), '/'), 0, match.params);
  if (node == nullptr) return {};
  if (auto it = node->methods.find(method); it != node->methods.end()) {
    match.route = it->second;
    return match;
  }
  for (const auto& [name, route] : node->methods) match.allowed.push_back(name);
  return match;
}

}  // namespace postern::ems::api
