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
#include "posture/tag_edits.h"
#include "posture/tag_sets.h"

namespace postern::posture {

/// What agents of one OS are to report beside the endpoint record, by key.
struct RequiredFacts {
  std::uint64_t version =
      0;  ///< A hash of the list: another list, another version. Never 0 from an engine.
  std::vector<std::string> keys;  ///< Distinct, ascending.
};

/// Tags that refer to one another in a row, the first and the last included: evaluating one asks for all of them.
inline constexpr std::size_t kMaxTagDepth = 32;

/// Thread: one writer; const methods may run in parallel with one another.
class TagEngine {
 public:
  TagEngine();  ///< Holds the built-in tag (kAllRegisteredClientsId) and nothing else.

  /// Adds a tag or replaces the one with this id. Nothing changes on error: kInvalidArgument (the
  /// definition, id 0, or rules that refer to tags in a circle, or to more than kMaxTagDepth in a row),
  /// kPermissionDenied (the built-in tag), kAlreadyExists (another id has this name). A tag that it refers to and that
  /// isn't there is unknown until it is.
  Status set(TagId id, TagDefinition definition);
  /// The same of what was valid when it was stored: one that closes a circle now, or makes too many in a row, or whose rules say
  /// what is not allowed any more, is unknown for everybody until it is set (CompiledTag::in_force). Why it is so; empty: it is in force. Errors: the others of set().
  Result<std::string> load(TagId id, TagDefinition definition);
  /// Errors: kNotFound, kPermissionDenied (the built-in tag). Endpoints that carry it lose it by
  /// reevaluate().
  Status remove(TagId id);

  /// What set() would make of it, or why it would not; nothing changes.
  Result<CompiledTag> draft(TagId id, TagDefinition definition) const;

  /// The same of several that are changed together: what matters is how they stand when all of them are. Nothing
  /// changes. Errors: those of set() and remove(), of each tag that is wrong.
  tl::expected<TagDrafts, std::vector<TagError>> drafts(TagEdits edits) const;
  /// Puts into effect what drafts() of this engine, which was not changed since, gave.
  void adopt(TagDrafts drafts);

  const CompiledTag* find(
      TagId id) const;              ///< Null: no such tag. Valid until it is set or removed.
  std::shared_ptr<const CompiledTag> share(TagId id) const;  ///< The same; stays valid.
  std::vector<TagId> tags() const;  ///< Ascending.
  TagId id_of(std::string_view name) const;  ///< 0: no such tag.
  /// The tags that refer to the one of this name. Ascending.
  std::vector<TagId> referring_to(std::string_view name) const;

  /// The tags whose state can change when these facts change (appear, vanish, or get another
  /// value), those that refer to such tags included. Distinct; a tag comes after those that it refers to.
  std::vector<TagId> affected_by(std::span<const std::string> changed_keys) const;
  /// These tags and all that refer to them, in the same order.
  std::vector<TagId> with_dependants(std::vector<TagId> tags) const;

  /// kAbsent for an id that isn't there. Tags that it refers to are evaluated too.
  TagState evaluate(TagId id, const FactView& facts) const;
  /// Of a tag that need not be one of these (a draft). Tags that it refers to are as `sets` says.
  TagState evaluate(const CompiledTag& tag, const FactView& facts, const TagSets& sets) const;
  TagSets evaluate_all(const FactView& facts) const;
  /// Evaluates only `tags` (from affected_by or with_dependants) and writes what changed into `sets`. Other tags
  /// that they refer to are as `sets` says. Returns the changes in the order of `tags`.
  std::vector<TagChange> reevaluate(std::span<const TagId> tags, const FactView& facts, TagSets& sets) const;

  /// Error: kNotFound. Tags that it refers to are evaluated too.
  Result<TagExplanation> explain(TagId id, const FactView& facts) const;

  /// What all enabled tags together ask of agents of this OS.
  /// `also`: and what others than tags read.
  RequiredFacts required_facts(OsFamily os, std::span<const std::string> also = {}) const;
  /// All keys that begin so and that some tag reads. Ascending.
  std::vector<std::string> keys_with_prefix(std::string_view prefix) const;

 private:
  /// What is wrong with it but for the tags that it refers to.
  Result<CompiledTag> compile_alone(TagId id, TagDefinition definition) const;
  Status check_references(TagId id, const CompiledTag& tag) const;
  void put(TagId id, CompiledTag compiled);
  void index(TagId id, const CompiledTag& tag);
  void unindex(TagId id, const CompiledTag& tag);
  Status check_circle(TagId id, const CompiledTag& tag) const;
  Status check_depth(const CompiledTag& tag) const;
  void rank();                                ///< All.
  void rank_again(std::vector<TagId> ids);    ///< These, and those above them as far as it matters.

  std::map<TagId, std::shared_ptr<const CompiledTag>> tags_;
  std::map<TagId, std::uint32_t> ranks_;  ///< Of tags that refer to others: above those. Others: 0, not listed.
  std::map<std::string, TagId, std::less<>> by_name_;
  std::map<std::string, std::vector<TagId>, std::less<>> by_key_;  ///< Ascending.
};

}  // namespace postern::posture
