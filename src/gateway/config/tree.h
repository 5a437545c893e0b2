#pragma once
// A configuration at one moment, and changes on their way to the next.
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/schema.h"

namespace postern::gateway::config {

/// Where an object stands: {{"firewall access-proxy", "web"}, {"api-gateway", "1"}}. The key of a single object is "".
struct Step {
  std::string table;
  std::string key;
  friend bool operator==(const Step&, const Step&) = default;
};
using ObjectPath = std::vector<Step>;
/// "firewall access-proxy web, api-gateway 1".
std::string describe(const ObjectPath& path);

/// An immutable snapshot, shared between readers. Thread: any.
class ConfigTree {
 public:
  explicit ConfigTree(const Schema& schema) : schema_(&schema) {}
  const Schema& schema() const { return *schema_; }
  const Object& root() const { return root_; }
  /// Number of the revision (config/revisions.h) that this is; 0: none, as before the first commit.
  std::uint64_t revision() const { return revision_; }

  /// The object, built-in ones included; nullptr when there is none. Single objects always exist.
  const Object* find(const ObjectPath& path) const;
  /// Entries of a top-level table, built-in ones first, but for those whose name an entry of an earlier version's file
  /// has. For a single object: exactly one.
  std::vector<ObjectView> entries(std::string_view table) const;
  /// A single object, such as "system global".
  ObjectView single(std::string_view table) const;
  bool same_content(const ConfigTree& other) const { return root_ == other.root_; }

 private:
  friend class Transaction;
  friend class ConfigStore;
  const Schema* schema_;
  Object root_;
  std::uint64_t revision_ = 0;
};
using Snapshot = std::shared_ptr<const ConfigTree>;

/// Who changes: the gateway itself may also write read-only attributes.
enum class Actor { kAdministrator, kGateway };

/// Changes to one snapshot, staged until ConfigStore::commit. Each operation is checked at once as far as it can be
/// alone, and leaves everything as it was when it fails; errors name table, key, attribute, value and what is allowed.
/// kInvalidArgument, kNotFound, kAlreadyExists. Thread: one.
class Transaction {
 public:
  explicit Transaction(Snapshot base, Actor actor = Actor::kAdministrator);

  /// Creates the object unless it is there. Its parents must exist.
  Status edit(const ObjectPath& path);
  Status set(const ObjectPath& path, std::string_view attribute, const Value& words);
  Status append(const ObjectPath& path, std::string_view attribute, const Value& words);
  Status unset(const ObjectPath& path, std::string_view attribute);
  Status remove(const ObjectPath& path);
  /// What refers to the entry refers to it by its new name.
  Status rename(const ObjectPath& path, std::string_view new_key);
  /// In ordered tables: puts the entry right before or after another.
  Status move(const ObjectPath& path, bool before, std::string_view other_key);

  /// The object alone: required attributes and the table's own check.
  Status check(const ObjectPath& path) const;
  /// Everything: each object, and that what is referred to exists. What refers to an object taken away is named.
  Status validate() const;
  /// What `validate` tells the first of: `most` at most.
  struct Problem {
    ObjectPath path;
    std::string attribute;  ///< Empty: of the object as a whole.
    Error error;
  };
  std::vector<Problem> problems(std::size_t most) const;
  /// Everything becomes as in `other`, of the same schema, except the top-level tables `kept`.
  void replace(const ConfigTree& other, const std::set<std::string, std::less<>>& kept = {});

  const ConfigTree& tree() const { return *tree_; }
  const ConfigTree& base() const { return *base_; }
  const std::set<std::string, std::less<>>& touched() const { return touched_; }  ///< Top-level tables.
  bool changed() const { return !tree_->same_content(*base_); }

 private:
  friend class ConfigStore;
  Object* writable(const ObjectPath& path);
  Result<const Table*> table_of(const ObjectPath& path) const;
  Result<const Attribute*> attribute_of(const ObjectPath& path, std::string_view attribute) const;
  void refer_by(const ObjectPath& path, const std::string& new_key);
  Status still_used(const ObjectPath& gone) const;
  Status set_normal(const ObjectPath& path, const Attribute& attribute, Value value);

  Snapshot base_;
  std::shared_ptr<ConfigTree> tree_;
  std::set<std::string, std::less<>> touched_;
  Actor actor_;
};

/// A number for a new entry of a table whose key is one: one past the largest, because that of an entry deleted may
/// still stand in logs. `entries`: those there are, nullptr: none. Errors: kInvalidArgument (the key is no number, or
/// none is left).
Result<std::string> next_key(const Table& table, const std::vector<Object>* entries);

/// Whether an entry's key stands before another's in a table whose order has no meaning. In an Object such tables are
/// always sorted so.
bool key_less(const Table& table, std::string_view a, std::string_view b);

/// The table that a path's last step names; nullptr when there is none.
const Table* find_table(const Schema& schema, const ObjectPath& path);

}  // namespace postern::gateway::config
