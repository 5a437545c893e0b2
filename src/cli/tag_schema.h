#pragma once
// What the EMS's own description (OpenAPI) says of a tag's members, so that this program needs no list of them: which
// are only told and never taken, and what holds where one is not given.
#include <boost/json/fwd.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/command.h"

namespace postern::cli {

class TagSchema {
 public:
  /// From an OpenAPI document. What it doesn't say is taken as not read-only and without default.
  explicit TagSchema(const boost::json::value& openapi);
  TagSchema(TagSchema&&) noexcept;
  ~TagSchema();

  static Result<TagSchema> ask(Session& session);

  bool read_only(std::string_view member) const { return read_only_.contains(member); }
  /// Does `value` of a tag's (a rule's) member say the same as no member at all? Of a rule's that the description gives no
  /// default only null does.
  bool says_nothing(std::string_view member, const boost::json::value& value) const;
  bool rule_says_nothing(std::string_view member, const boost::json::value& value) const;
  /// Without what is only told, what says nothing, and so in each rule.
  boost::json::object definition(const boost::json::object& tag) const;

 private:
  using Defaults = std::map<std::string, boost::json::value, std::less<>>;
  void read(const boost::json::value& schemas, const boost::json::value& schema, int depth);

  std::set<std::string, std::less<>> read_only_;
  std::unique_ptr<Defaults> defaults_, rule_defaults_;
};

}  // namespace postern::cli
