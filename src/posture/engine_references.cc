// Tags that refer to other tags: who does, that none does so in a circle or too deep, and in which order they are judged.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/sort_unique.h"
#include "posture/engine.h"
#include "posture/quote.h"
#include "posture/tag_reference.h"

namespace postern::posture {

std::vector<TagId> TagEngine::referring_to(std::string_view name) const {
  std::vector<TagId> out;
  const auto add = [&](const std::string& key) {
    const auto it = by_key_.find(key);
    if (it != by_key_.end()) out.insert(out.end(), it->second.begin(), it->second.end());
  };
  add(tag_key(name));
  for (const TagKind kind : kAllTagKinds) add(tag_key(name, kind));
  sort_unique(out);
  return out;
}

Status TagEngine::check_circle(TagId id, const CompiledTag& tag) const {
  if (tag.referred_tags().empty()) return {};
  const std::string& name = tag.definition().name.str();
  std::set<std::string, std::less<>> seen;
  std::vector<std::string> open = tag.referred_tags();
  while (!open.empty()) {
    const std::string other = std::move(open.back());
    open.pop_back();
    if (other == name) {
      return invalid(fmt::format("rules: the tag {} would refer to itself, directly or through other tags; tags may not "
                                 "refer to one another in a circle",
                                 posture::quoted(name)));
    }
    if (!seen.insert(other).second) continue;
    const CompiledTag* found = find(id_of(other));
    if (found == nullptr || id_of(other) == id) continue;  // what the tag was before no longer counts
    open.insert(open.end(), found->referred_tags().begin(), found->referred_tags().end());
  }
  return {};
}

Status TagEngine::check_depth(const CompiledTag& tag) const {
  // Without circles the longest way ends after as many steps as it is long.
  const auto steps = [](std::vector<std::string> at, auto&& next) {
    std::size_t count = 0;
    for (; !at.empty() && count <= kMaxTagDepth; ++count) {
      std::vector<std::string> further;
      for (const std::string& name : at) next(name, further);
      sort_unique(further);
      at = std::move(further);
    }
    return count;
  };
  const std::size_t below = steps(tag.referred_tags(), [this](const std::string& name, std::vector<std::string>& out) {
    const CompiledTag* found = find(id_of(name));
    if (found != nullptr) out.insert(out.end(), found->referred_tags().begin(), found->referred_tags().end());
  });
  const std::size_t above = steps({tag.definition().name.str()}, [this](const std::string& name, std::vector<std::string>& out) {
    for (const TagId id : referring_to(name)) out.push_back(find(id)->definition().name.str());
  });
  if (below + above <= kMaxTagDepth) return {};
  return invalid(fmt::format("rules: more than {} tags would refer to one another in a row; let {} refer to fewer", kMaxTagDepth,
                             posture::quoted(tag.definition().name.str())));
}

void TagEngine::rank() {
  ranks_.clear();
  std::map<TagId, std::size_t> waits_for;
  std::vector<TagId> ready;
  for (const auto& [id, tag] : tags_) {
    const auto& names = tag->referred_tags();
    if (names.empty()) continue;
    const auto higher = std::count_if(names.begin(), names.end(), [&](const std::string& name) {
      const CompiledTag* other = find(id_of(name));
      return other != nullptr && !other->referred_tags().empty();
    });
    waits_for[id] = static_cast<std::size_t>(higher);
    if (higher == 0) ready.push_back(id);
    ranks_[id] = 1;
  }
  // There are no circles: each comes once all are ranked that it refers to.
  for (std::size_t i = 0; i < ready.size(); ++i) {
    const TagId id = ready[i];
    for (const TagId other : referring_to(tags_.at(id)->definition().name.str())) {
      ranks_[other] = std::max(ranks_[other], ranks_[id] + 1);
      if (--waits_for[other] == 0) ready.push_back(other);
    }
  }
}

void TagEngine::rank_again(std::vector<TagId> ids) {
  // Level by level: without circles there are no more than tags stand in a row.
  while (!ids.empty()) {
    sort_unique(ids);
    std::vector<TagId> above;
    for (const TagId id : ids) {
      const CompiledTag* tag = find(id);
      std::uint32_t rank = 0;
      for (const std::string& name : tag == nullptr ? std::vector<std::string>() : tag->referred_tags()) {
        const auto it = ranks_.find(id_of(name));
        rank = std::max(rank, (it == ranks_.end() ? 0 : it->second) + 1);
      }
      const auto it = ranks_.find(id);
      if (rank == (it == ranks_.end() ? 0 : it->second)) continue;
      if (rank == 0) {
        ranks_.erase(it);
      } else {
        ranks_[id] = rank;
      }
      if (tag == nullptr) continue;
      const auto more = referring_to(tag->definition().name.str());
      above.insert(above.end(), more.begin(), more.end());
    }
    ids = std::move(above);
  }
}

std::vector<TagId> TagEngine::with_dependants(std::vector<TagId> ids) const {
  sort_unique(ids);
  if (ranks_.empty()) return ids;
  std::set<TagId> all(ids.begin(), ids.end());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const CompiledTag* tag = find(ids[i]);
    if (tag == nullptr) continue;
    for (const TagId other : referring_to(tag->definition().name.str())) {
      if (all.insert(other).second) ids.push_back(other);
    }
  }
  const auto rank_of = [this](TagId id) {
    const auto it = ranks_.find(id);
    return it == ranks_.end() ? 0u : it->second;
  };
  std::sort(ids.begin(), ids.end(),
            [&](TagId a, TagId b) { return std::pair(rank_of(a), a) < std::pair(rank_of(b), b); });
  return ids;
}

}  // namespace postern::posture
