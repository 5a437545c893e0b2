#pragma once
// Configured objects as JSON, and back. Pure: what follows from the schema and nothing else.
//
// Names are those of the schema. A whole number is a number, but for the ports that clients of such gateways read and
// compare as a text; a list of names (references, interfaces, tags) is
// [{"name": …}]; other lists are one text, joined by spaces; everything else is a text. Nested tables are lists of
// objects. Secrets and private keys are shown as kMask, and taking kMask back means: as it is.
#include <boost/json/fwd.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gateway/config/secret.h"
#include "gateway/config/tree.h"

namespace postern::gateway::api {

inline constexpr std::string_view kMask = "ENC XXXX";

/// What is true now of an object and not configured, by attribute: see GatewayOperations::live_values.
using Live = std::map<std::string, config::Value>;

boost::json::object to_json(const config::ObjectView& object, const Live& live);

/// A list whose members are names, each an object {"name": …}.
bool is_list_of_names(const config::Attribute& attribute);
boost::json::array members_json(const config::Value& members);
/// One member of such a list, from {"name": …}, in normal form. Errors: kInvalidArgument.
Result<std::string> read_member(const config::Attribute& list, const boost::json::object& body);

/// What a body says of an object: its shape is right, its values are not judged yet. A member that is null says nothing.
struct Draft {
  std::optional<std::string> key;  ///< Not given, or the 0 that asks for a free number.
  std::vector<std::pair<const config::Attribute*, config::Value>> values;
  std::vector<std::pair<const config::Table*, std::vector<Draft>>> tables;
};
/// Errors: kInvalidArgument, naming the member.
Result<Draft> read_draft(const config::Table& table, const boost::json::object& body);

/// A secret given in clear in a draft, to be replaced by its hash before the draft is applied.
struct ClearSecret {
  config::Value* place = nullptr;
  std::string clear, known_hash;  ///< The hash in force, if any: kept when the secret is the same.
  config::Salt salt{};
  /// Blocking, thread: any.
  std::string hashed() const;
};
/// Has it a secret in clear that may not be one? `key` is of the object; empty: not known yet. Error: kInvalidArgument.
Status check_secrets(const Draft& draft, std::string_view key);
/// `current`: the object as it is, nullptr when it is new.
std::vector<ClearSecret> clear_secrets(Draft& draft, const config::Object* current, Random& random);

/// Stages the draft: what it names is set, nested tables that it names are replaced whole, everything else stays.
/// `path` is the object's, which is made if it is not there. Errors: those of the transaction.
Status apply_draft(config::Transaction& transaction, const config::ObjectPath& path, const Draft& draft,
                   const Live& live);

/// The description of a table, for programs that build forms from it.
boost::json::object schema_json(const config::Table& table);

}  // namespace postern::gateway::api
