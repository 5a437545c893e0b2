#pragma once
// From method and path to a route. What is not in the table does not exist.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ems/api/route.h"

namespace postern::ems::api {

using PathParams = std::map<std::string, std::string, std::less<>>;

class Router {
 public:
  /// Throws std::logic_error when two routes could answer the same request, or a route has no handler: a mistake in our
  /// own table, found at start and by the tests.
  explicit Router(std::vector<Resource> resources);

  struct Match {
    const Route* route = nullptr;   ///< Null: no such path, or (allowed not empty) not with this method.
    PathParams params;
    std::vector<std::string> allowed;
  };
  /// A fixed segment wins over a parameter where both could answer. Paths are compared byte for byte; a trailing slash
  /// is another path.
  Match match(std::string_view method, std::string_view path) const;

  const std::vector<Resource>& resources() const { return resources_; }

 private:
  struct Node {
    std::map<std::string, Node, std::less<>> fixed;
    std::vector<Node> param;        // none or one
    std::string param_name;
    std::map<std::string, const Route*, std::less<>> methods;
  };
  void add(const Route& route);
  static const Node* find(const Node& node, std::string_view method, const std::vector<std::string_view>& segments,
                          std::size_t at, PathParams& params);

  std::vector<Resource> resources_;
  Node root_;
};

}  // namespace postern::ems::api
