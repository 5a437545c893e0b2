#pragma once
// The tag engine: all tags of an installation, which facts each depends on, and what an endpoint's
// facts make of them. Pure: no I/O, no clock, no randomness. The same code serves live tagging,
// what-if, explain and tests.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "posture/compiled_tag.h"
#include "posture/explain.h"
#include "posture/fact.h"
#include "posture/rule.h"
#include "posture/tag.h"
#include "posture/tag_sets.h"

namespace postern::posture {

/// What agents of one OS are to look at.
struct ProbeList {
  std::uint64_t version =
      0;  ///< A hash of the list: another list, another version. Never 0 from an engine.
  std::vector<Probe> probes;  ///< Distinct, ascending.
};

/// Thread: one writer; const methods may run in parallel with one another.
class TagEngine {
 public:
  TagEngine();  ///< Holds the built-in tag (kAllRegisteredClientsId) and nothing else.

  /// Adds a tag or replaces the one with this id. Nothing changes on error: kInvalidArgument (the
  /// definition, or id 0), kPermissionDenied (the built-in tag), kAlreadyExists (another id has
  /// this name).
  Status set(TagId id, TagDefinition definition);
  /// Errors: kNotFound, kPermissionDenied (the built-in tag). Endpoints that carry it lose it by
  /// reevaluate().
  Status remove(TagId id);

  const CompiledTag* find(
      TagId id) const;              ///< Null: no such tag. Valid until it is set or removed.
  std::vector<TagId> tags() const;  ///< Ascending.
  TagId id_of(std::string_view name) const;  ///< 0: no such tag.

  /// The tags whose state can change when these facts change (appear, vanish, or get another
  /// value). Distinct, ascending.
  std::vector<TagId> affected_by(std::span<const std::string> changed_keys) const;

  /// kAbsent for an id that isn't there.
  TagState evaluate(TagId id, const FactMap& facts, Now now) const;
  TagSets evaluate_all(const FactMap& facts, Now now) const;
  /// Evaluates only `tags` (from affected_by, or one that was set or removed) and writes what
  /// changed into `sets`. Returns the changes in the order of `tags`.
  std::vector<TagChange> reevaluate(std::span<const TagId> tags, const FactMap& facts, Now now,
                                    TagSets& sets) const;

  /// Error: kNotFound.
  Result<TagExplanation> explain(TagId id, const FactMap& facts, Now now) const;

  /// What all enabled tags together ask of agents of this OS.
  ProbeList required_probes(OsFamily os) const;

 private:
  void index(TagId id, const CompiledTag& tag);
  void unindex(TagId id, const CompiledTag& tag);

  std::map<TagId, std::unique_ptr<const CompiledTag>> tags_;
  std::map<std::string, TagId, std::less<>> by_name_;
  std::map<std::string, std::vector<TagId>, std::less<>> by_key_;  ///< Ascending.
};

}  // namespace postern::posture
