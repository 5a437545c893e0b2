// Several tags changed at once: checked as they would stand together, in time that grows with the tags and not with their
// square.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "posture/engine.h"
#include "posture/quote.h"

namespace postern::posture {
namespace {

constexpr std::size_t kCircleNamed = 8;

/// The tags that refer to others, as they would be.
class References {
 public:
  void add(const CompiledTag& tag, bool draft) {
    by_name_.emplace(tag.definition().name.str(), nodes_.size());
    nodes_.push_back({&tag, draft, 0, 1, 1, {}});
  }

  /// Once, when all are there.
  void rank() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const std::string& name : nodes_[i].tag->referred_tags()) {
        const auto it = by_name_.find(name);
        if (it == by_name_.end()) continue;
        nodes_[it->second].referrers.push_back(i);
        ++nodes_[i].waits;
      }
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].height = 2;  // it stands on what it refers to
      if (nodes_[i].waits == 0) order.push_back(i);
    }
    for (std::size_t at = 0; at < order.size(); ++at) {
      const Node& node = nodes_[order[at]];
      for (const std::size_t r : node.referrers) {
        nodes_[r].height = std::max(nodes_[r].height, node.height + 1);
        if (--nodes_[r].waits == 0) order.push_back(r);
      }
    }
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      for (const std::size_t r : nodes_[*it].referrers) nodes_[*it].above = std::max(nodes_[*it].above, nodes_[r].above + 1);
    }
  }

  /// Tags on the longest way down from it, itself included.
  std::size_t height(const CompiledTag& tag) const {
    const auto it = by_name_.find(tag.definition().name.str());
    return it == by_name_.end() ? 1 : nodes_[it->second].height;
  }

  void check(std::vector<TagError>& errors) const {
    std::vector<bool> walked(nodes_.size());
    const std::size_t before = errors.size();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].waits != 0 && !walked[i]) circle(i, walked, errors);
    }
    if (errors.size() > before) return;
    for (const Node& node : nodes_) {
      if (!node.draft || node.height + node.above - 1 <= kMaxTagDepth) continue;
      const std::string& name = node.tag->definition().name.str();
      errors.push_back({name, {ErrorCode::kInvalidArgument,
                               fmt::format("rules: more than {} tags would refer to one another in a row; let {} refer to "
                                           "fewer",
                                           kMaxTagDepth, posture::quoted(name))}});
    }
  }

 private:
  struct Node {
    const CompiledTag* tag;
    bool draft;
    std::size_t waits;          ///< For so many that it refers to; in the end not 0: above a circle, or in it.
    std::size_t height, above;  ///< `above`: of the longest way up, itself included.
    std::vector<std::size_t> referrers;
  };

  /// Of two that wait, one waits for the other: going from one to the next, a circle closes.
  void circle(std::size_t at, std::vector<bool>& walked, std::vector<TagError>& errors) const {
    std::map<std::size_t, std::size_t> seen;
    std::vector<std::size_t> way;
    while (seen.emplace(at, way.size()).second) {
      if (walked[at]) return;  // to one that was told
      walked[at] = true;
      way.push_back(at);
      at = next(at);
    }
    way.erase(way.begin(), way.begin() + static_cast<std::ptrdiff_t>(seen.at(at)));
    // There was none before: a draft closes it.
    const auto draft = std::find_if(way.begin(), way.end(), [&](std::size_t i) { return nodes_[i].draft; });
    if (draft != way.end()) std::rotate(way.begin(), draft, way.end());
    std::vector<std::string> names;
    for (const std::size_t i : way) {
      if (names.size() == kCircleNamed) break;
      names.push_back(nodes_[i].tag->definition().name.str());
    }
    const std::string first = names.front();
    std::string circle = join(names, ", ");
    circle += way.size() > names.size() ? fmt::format(" and {} more", way.size() - names.size()) : ", " + first;
    errors.push_back({first, {ErrorCode::kInvalidArgument,
                              fmt::format("rules: the tag {} would refer to itself, directly or through other tags; tags may not "
                                          "refer to one another in a circle ({})",
                                          posture::quoted(first), circle)}});
  }

  /// One that it waits for, itself before others. REQUIRES: it waits.
  std::size_t next(std::size_t at) const {
    std::size_t out = at;
    bool found = false;
    for (const std::string& name : nodes_[at].tag->referred_tags()) {
      const auto it = by_name_.find(name);
      if (it == by_name_.end() || nodes_[it->second].waits == 0) continue;
      if (it->second == at) return at;
      if (!std::exchange(found, true)) out = it->second;
    }
    return out;
  }

  std::vector<Node> nodes_;
  std::map<std::string_view, std::size_t> by_name_;
};

}  // namespace

tl::expected<TagDrafts, std::vector<TagError>> TagEngine::drafts(TagEdits edits) const {
  TagDrafts out;
  std::vector<TagError> errors;
  std::map<TagId, std::string> names;  // of those that are set, by id
  std::set<TagId> removed;
  const auto built_in = [&](std::string name, std::string_view doing) {
    errors.push_back({std::move(name), {ErrorCode::kPermissionDenied,
                                        fmt::format("\"{}\" is built in and can't be {}", kAllRegisteredClients, doing)}});
  };
  for (const TagId id : edits.removed) {
    const CompiledTag* tag = find(id);
    removed.insert(id);
    if (tag == nullptr) {
      errors.push_back({std::to_string(id), {ErrorCode::kNotFound, fmt::format("there is no tag with the number {}", id)}});
    } else if (id == kAllRegisteredClientsId) {
      built_in(std::string(kAllRegisteredClients), "deleted");
    }
  }
  for (const auto& [id, definition] : edits.set) names.emplace(id, definition.name.str());
  std::set<std::string> taken;
  bool refers = false;
  for (auto& [id, definition] : edits.set) {
    const std::string name = definition.name.str();
    if (id == kAllRegisteredClientsId || name == kAllRegisteredClients) {
      built_in(name, "changed");
      continue;
    }
    if (id == 0) {
      errors.push_back({name, {ErrorCode::kInvalidArgument, "0 is no tag's number"}});
      continue;
    }
    const TagId other = id_of(name);
    const auto renamed = names.find(other);
    const bool stays = other != 0 && other != id && !removed.contains(other) && (renamed == names.end() || renamed->second == name);
    if (!taken.insert(name).second || stays) {
      errors.push_back({name, {ErrorCode::kAlreadyExists,
                               fmt::format("there is a tag {} already; choose another name", posture::quoted(name))}});
      continue;
    }
    auto compiled = compile_tag(std::move(definition));
    if (!compiled) {
      errors.push_back({name, compiled.error()});
      continue;
    }
    refers = refers || !compiled->referred_tags().empty();
    out.set.emplace_back(id, std::make_unique<const CompiledTag>(std::move(*compiled)));
  }
  if (refers) {
    References references;
    for (const auto& [id, tag] : out.set) {
      if (!tag->referred_tags().empty()) references.add(*tag, true);
    }
    for (const auto& [id, rank] : ranks_) {
      if (!names.contains(id) && !removed.contains(id)) references.add(*find(id), false);
    }
    references.rank();
    references.check(errors);  // of those too that stand beside wrong ones
    if (!errors.empty()) return tl::unexpected(std::move(errors));
    std::stable_sort(out.set.begin(), out.set.end(), [&](const auto& a, const auto& b) {
      return references.height(*a.second) < references.height(*b.second);
    });
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  out.removed = std::move(edits.removed);
  const auto rank_of = [this](TagId id) {
    const auto it = ranks_.find(id);
    return it == ranks_.end() ? 0u : it->second;
  };
  std::stable_sort(out.removed.begin(), out.removed.end(), [&](TagId a, TagId b) { return rank_of(a) > rank_of(b); });
  return out;
}

void TagEngine::adopt(TagDrafts drafts) {
  bool refers = false;
  const auto take_out = [&](TagId id) {
    const auto it = tags_.find(id);
    if (it == tags_.end()) return;
    refers = refers || !it->second->referred_tags().empty();
    unindex(id, *it->second);
    tags_.erase(it);
  };
  // All old ones first: a name may go from one to another.
  for (const TagId id : drafts.removed) take_out(id);
  for (const auto& [id, tag] : drafts.set) take_out(id);
  for (auto& [id, tag] : drafts.set) {
    refers = refers || !tag->referred_tags().empty();
    index(id, *tag);
    tags_[id] = std::move(tag);
  }
  if (refers) rank();
}

}  // namespace postern::posture
