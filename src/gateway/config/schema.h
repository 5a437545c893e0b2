#pragma once
// What can be configured. Each table is described once, in its own file of config/tables/; the CLI, its help and
// completion, validation, the REST API and the reference manual all read these descriptions. Immutable once built;
// thread: any.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::gateway::config {

/// Every value is a list of texts in normal form; attributes that take one value hold exactly one. An empty list is
/// "nothing": an attribute without a default that was never set.
using Value = std::vector<std::string>;

/// One configured object: an entry of a table, or the single object of a table without a key.
struct Object {
  std::string key;                                            ///< Normal form; empty in a table without a key.
  std::map<std::string, Value, std::less<>> values;           ///< Only what differs from the default.
  std::map<std::string, std::vector<Object>, std::less<>> tables;  ///< Nested, by name; never an empty list.
  friend bool operator==(const Object&, const Object&) = default;
};

enum class Type {
  kText,        ///< min..max characters, no control characters.
  kInteger,     ///< min..max.
  kOption,      ///< One of `options`.
  kAddress,     ///< An IP address.
  kSubnet,      ///< "10.0.1.0 255.255.255.0", "10.0.1.0/24" or an IPv6 prefix; host bits must be zero.
  kHost,        ///< A host name or an IP address.
  kInterface,   ///< A network interface's name, or "any". The interface need not exist yet.
  kTag,         ///< A dynamic address, "EMS1_ZTNA_<tag>". The tag need not be known: it is unknown until then.
  kPortRange,   ///< "443" or "8000-8100".
  kTime,        ///< "08:30", from 00:00 to 23:59.
  kMoment,      ///< A minute of the machine's local time: "08:30 2026/11/27".
  kReference,   ///< The key of an object in one of the tables `references`.
  kFingerprint, ///< 64 hex digits, colons allowed; normal form: upper case, with colons.
  kPem,         ///< PEM text, or the absolute path of a PEM file.
  kSecret,      ///< Given in clear, kept as a hash ("ENC …"): see config/secret.h.
};

struct Option {
  std::string name;
  std::string help;
};

struct Attribute {
  std::string name = {};
  Type type = Type::kText;
  std::string help = {};
  Value default_value = {};
  bool many = false;        ///< Takes several values.
  bool required = false;    ///< An object without it is refused.
  /// Written by the gateway, not by people: `set` refuses it.
  bool read_only = false;
  /// Known to this version but without effect: takes only its default.
  bool enforced = true;
  std::int64_t min = 0;     ///< kInteger: of the value. Texts: of the length. kSecret: likewise, in clear.
  std::int64_t max = 255;
  std::vector<Option> options = {};
  std::vector<std::string> references = {};  ///< Paths of tables, such as "firewall vip".
  std::string rule = {};    ///< What `allowed` says where the type and its limits don't tell it; the table checks it.

  /// The value in normal form, or what is wrong and what is allowed. Checks everything but whether references exist.
  Result<Value> normalise(const Value& words) const;
  /// kSecret: may this text, in clear, be the secret of the object `key` from now on? Says what is missing. What was
  /// hashed before is not judged again.
  Status check_secret(std::string_view clear, std::string_view key) const;
  /// May a person write this text? Names and notes are read by people: what can't be seen, or changes how the text around
  /// it reads, has no place in a new one. What a file of an earlier version has stays.
  Status check_readable(std::string_view text) const;
  /// Why the last value of a list isn't taken away by itself, and what to do.
  std::string last_one() const;
  /// What may stand here, for people: "1 to 180", "enable or disable".
  std::string allowed() const;
};

class ObjectView;
class ConfigTree;

struct Table {
  std::string name = {};    ///< Words after `config`: "firewall access-proxy", nested: "api-gateway".
  std::string help = {};
  /// The attribute that names an entry; a name that is empty: the table is one single object.
  Attribute key = {};
  /// Order of entries matters and `move` changes it (policies). Otherwise they stand in the order of their keys.
  bool ordered = false;
  std::vector<Attribute> attributes = {};
  std::vector<Table> tables = {};
  std::vector<Object> built_in = {};  ///< Always there; can be referred to, not changed, not shown.
  /// Versions before had less of that: their files may have own entries of such names, which stand in front.
  bool built_in_grows = false;
  /// What no attribute can tell alone. The message names the attribute; table and key are put in front.
  std::function<Status(const ObjectView&)> check = nullptr;

  bool single() const { return key.name.empty(); }
  const Attribute* attribute(std::string_view name) const;
  const Table* table(std::string_view name) const;
  const Object* find_built_in(std::string_view key) const;
};

/// An object with its description: reads values with their defaults.
class ObjectView {
 public:
  ObjectView(const Table& table, const Object& object) : table_(&table), object_(&object) {}
  const std::string& key() const { return object_->key; }
  const Table& table() const { return *table_; }
  const Object& object() const { return *object_; }
  /// The values, or the default. An attribute that the table does not describe is a bug: it throws std::logic_error.
  const Value& values(std::string_view attribute) const;
  std::string text(std::string_view attribute) const;          ///< First value; empty when there is none.
  std::int64_t integer(std::string_view attribute) const;      ///< 0 when there is none.
  bool enabled(std::string_view attribute) const { return text(attribute) == "enable"; }
  bool is_set(std::string_view attribute) const;               ///< Differs from the default.
  std::vector<ObjectView> entries(std::string_view nested) const;

 private:
  const Table* table_;
  const Object* object_;
};

/// All tables, in the order in which `show` prints them: what is referred to stands before what refers.
class Schema {
 public:
  /// `check`: what no object can tell alone, such as two tables that share their names. Asked of every configuration
  /// whose objects are sound and whose references exist.
  using Check = std::function<Status(const ConfigTree&)>;
  explicit Schema(std::vector<Table> tables, Check check = nullptr);
  const Table& root() const { return root_; }  ///< Its nested tables are the top-level ones.
  const Table* table(std::string_view path) const { return root_.table(path); }
  Status check(const ConfigTree& tree) const { return check_ ? check_(tree) : Status(); }

 private:
  Table root_;
  Check check_;
};

/// The tables of this version (config/tables/).
const Schema& gateway_schema();

}  // namespace postern::gateway::config
