#include "ems/registry/posture_table.h"

#include <algorithm>
#include <exception>
#include <limits>

#include "base/sort_unique.h"

namespace postern::ems {
namespace {

using posture::Slot;
using posture::SlotSet;
using posture::TagId;
using posture::TagState;

struct ValueBytes {
  std::size_t operator()(const std::string& text) const { return text.size(); }
  std::size_t operator()(const std::vector<std::string>& texts) const {
    std::size_t out = 0;
    for (const auto& text : texts) out += sizeof text + text.size();
    return out;
  }
  std::size_t operator()(const std::vector<posture::Interface>& list) const {
    std::size_t out = 0;
    for (const auto& i : list) out += sizeof i + i.name.size() + i.addresses.size() * sizeof(IpAddress);
    return out;
  }
  std::size_t operator()(const std::vector<posture::Route>& list) const {
    std::size_t out = 0;
    for (const auto& route : list) out += sizeof route + route.interface.size();
    return out;
  }
  std::size_t operator()(const std::vector<posture::Certificate>& list) const {
    std::size_t out = 0;
    for (const auto& c : list) out += sizeof c + c.subject.size() + c.issuer.size() + c.store.size();
    return out;
  }
  template <class T>
  std::size_t operator()(const T&) const {
    return 0;
  }
};

/// `tags`, but what is said of these, ascending, in place of what it says of them.
posture::TagSets with(const posture::TagSets& tags, std::span<const PostureTable::Said> said) {
  const auto those = [&](const std::vector<TagId>& from, TagState state) {
    std::vector<TagId> out;
    out.reserve(from.size() + said.size());
    auto next = said.begin();
    const auto take_next = [&] {
      if (next->state == state) out.push_back(next->tag);
      ++next;
    };
    for (const auto id : from) {
      while (next != said.end() && next->tag < id) take_next();
      if (next == said.end() || next->tag != id) out.push_back(id);
    }
    while (next != said.end()) take_next();
    return out;
  };
  return {those(tags.has(), TagState::kHas), those(tags.unknown(), TagState::kUnknown)};
}

const PostureTable::Before& nothing_before() {
  static const PostureTable::Before kNone;
  return kNone;
}

}  // namespace

std::size_t fact_bytes(std::string_view key, const posture::Fact& fact) {
  return key.size() + fact.source.size() + std::visit(ValueBytes{}, fact.value);
}

TagState PostureTable::Waiting::state(Slot slot) const {
  return had.contains(slot) ? TagState::kHas : unknown.contains(slot) ? TagState::kUnknown : TagState::kAbsent;
}

// ---- endpoints

Slot PostureTable::add(Now now) {
  const Slot slot = population_.add(now);
  const auto tags = population_.tags(slot);
  for (const auto id : tags.has()) wait(slot, id, TagState::kAbsent);
  for (const auto id : tags.unknown()) wait(slot, id, TagState::kAbsent);
  return slot;
}

void PostureTable::remove(Slot slot) {
  for (const auto& said : waiting(slot)) take_out(slot, said.tag);
  who_waits_.erase(slot);
  before_.erase(slot);
  if (slot < bytes_.size()) bytes_[slot] = 0;
  population_.remove(slot);
}

// ---- from the store

void PostureTable::load_facts(Slot slot, const posture::FactMap& facts) {
  population_.load(slot, facts, WallTime::min());
  std::size_t bytes = 0;
  for (const auto& [key, fact] : facts) bytes += fact_bytes(key, fact);
  if (slot >= bytes_.size()) bytes_.resize(slot + 1u);
  bytes_[slot] = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

void PostureTable::load_tags(Slot slot, const posture::TagSets& tags) {
  for (const auto id : tags.has()) loaded_[id].first.insert(slot);
  for (const auto id : tags.unknown()) loaded_[id].second.insert(slot);
}

void PostureTable::loaded(const std::function<void(TagId, const SlotSet&, const SlotSet&)>& count) {
  waiting_.clear();  // of those that had no tag yet
  who_waits_.clear();
  for (const auto& [id, state] : loaded_) count(id, state.first, state.second);
  for (const auto id : population_.tag_ids()) loaded_[id];
  for (const auto& [id, state] : loaded_) {
    const auto& [had, unknown] = state;
    const SlotSet has = population_.members(id, TagState::kHas), is = population_.members(id, TagState::kUnknown);
    const std::size_t words = std::max({had.word_count(), unknown.word_count(), has.word_count(), is.word_count()});
    Waiting differ;
    for (std::size_t i = 0; i < words; ++i) {
      const auto others = (had.word(i) ^ has.word(i)) | (unknown.word(i) ^ is.word(i));
      differ.slots.add_word(i, others);
      differ.had.add_word(i, others & had.word(i));
      differ.unknown.add_word(i, others & unknown.word(i));
    }
    if (differ.slots.size() == 0) continue;
    for (std::size_t i = 0; i < words; ++i) who_waits_.add_word(i, differ.slots.word(i) & ~who_waits_.word(i));
    waiting_[id] = std::move(differ);
  }
  loaded_.clear();
  commit();
}

// ---- facts

void PostureTable::apply(Slot slot, std::span<const Edit> edits, Now now) {
  std::vector<posture::Population::Change> changes;
  changes.reserve(edits.size());
  for (const auto& edit : edits) changes.push_back({edit.key, edit.fact ? &*edit.fact : nullptr});
  note(slot, population_.apply(slot, changes, now));
}

void PostureTable::change(Slot slot, std::span<const Edit> edits, Now now) {
  if (edits.empty()) return;
  auto& before = before_[slot].facts;
  for (const auto& edit : edits) {
    if (before.find(edit.key) == before.end()) before.emplace(edit.key, population_.get(slot, edit.key));
  }
  change_quietly(slot, edits, now);
}

void PostureTable::change_quietly(Slot slot, std::span<const Edit> edits, Now now) {
  if (edits.empty()) return;
  if (slot >= bytes_.size()) bytes_.resize(slot + 1u);
  std::size_t bytes = bytes_[slot];
  for (const auto& edit : edits) {
    if (const auto was = population_.get(slot, edit.key)) bytes -= std::min(bytes, fact_bytes(edit.key, *was));
    if (edit.fact) bytes += fact_bytes(edit.key, *edit.fact);
  }
  bytes_[slot] = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
  apply(slot, edits, now);
}

// ---- signs of life

bool PostureTable::confirm(Slot slot, WallTime at, Now now) { return note(slot, population_.confirm(slot, at, now)); }
bool PostureTable::lapse(Slot slot, bool lapsed, Now now) { return note(slot, population_.lapse(slot, lapsed, now)); }
bool PostureTable::hold_to(Slot slot, WallTime latest, Now now) {
  return note(slot, population_.hold_to(slot, latest, now));
}
bool PostureTable::judge_again(Slot slot, Now now) { return note(slot, population_.judge_again(slot, now)); }

// ---- tags

Status PostureTable::change_tags(std::span<const TagEdit> edits, Now now) {
  Status done;
  // Broken off in the middle, memory being too short, some endpoints would have tags that nobody's rules give them. So that
  // ends the process (noexcept): the next one follows from the store, which does not hold this change yet.
  [&]() noexcept {
    std::vector<posture::TagEffect> effects;
    done = population_.change_tags(edits, now, &effects);
    if (done) note(effects);
  }();
  return done;
}

Result<std::vector<posture::TagEffect>> PostureTable::what_if(
    std::span<const TagEdit> edits,
    const std::function<std::shared_ptr<const posture::CompiledTag>(TagId)>& as_it_is, Now now) {
  std::vector<posture::TagEffect> out;
  const auto keep = [&](posture::TagEffect effect) {
    if (effect.size() != 0) out.push_back(std::move(effect));
  };
  const bool alone = edits.size() == 1 && edits[0].tag != nullptr && !population_.refers_to_name(edits[0].tag->definition().name.str());
  if (alone) {
    const auto id = edits[0].id;
    auto effect = population_.what_if(id, *edits[0].tag, now);
    // Who is said to have something else than rules make of it now, goes from that.
    waiting_for(id).for_each([&](Slot slot) {
      effect.replace(slot, state(slot, id), effect.state_after(slot, judged(slot, id)));
    });
    keep(std::move(effect));
    return out;
  }
  std::vector<TagEdit> undo;
  std::vector<TagId> concerned;
  for (const auto& edit : edits) {
    concerned.push_back(edit.id);
    auto tag = as_it_is(edit.id);
    if (tag != nullptr || edit.tag != nullptr) undo.push_back({edit.id, std::move(tag)});
  }
  // Meanwhile the draft is in force for everybody. What keeps it from being taken back, such as too little memory, ends the
  // process (noexcept): the next one reads the tags that are saved, while this one would go on with tags that nobody saved.
  Status stands;
  const auto try_out = [&]() noexcept {
    std::vector<posture::TagEffect> effects, back;
    stands = population_.change_tags(edits, now, &effects);
    if (!stands) return;  // nothing was changed
    note(effects);
    for (auto& effect : effects) {
      concerned.push_back(effect.tag);
      effect = {};  // of ten thousand tags these are gigabytes
    }
    sort_unique(concerned);
    for (const auto id : concerned) keep(to_follow(id));
    if (!population_.change_tags(undo, now, &back)) std::terminate();
    note(back);
  };
  try_out();
  if (!stands) return postern::fail(stands.error());
  return out;
}

posture::TagEffect PostureTable::to_follow(TagId tag) const {
  posture::TagEffect out;
  out.tag = tag;
  const auto it = waiting_.find(tag);
  if (it == waiting_.end()) return out;
  const auto& [slots, had, unknown] = it->second;
  const SlotSet has = population_.members(tag, TagState::kHas), is = population_.members(tag, TagState::kUnknown);
  for (std::size_t i = 0; i < slots.word_count(); ++i) {
    const auto moved = slots.word(i), gains = moved & has.word(i), is_unknown = moved & is.word(i);
    const auto absent = moved & ~gains & ~is_unknown;
    out.gain.add_word(i, gains);
    out.become_unknown.add_word(i, is_unknown);
    out.lose.add_word(i, absent & had.word(i));
    out.become_absent.add_word(i, absent & ~had.word(i));
    out.had.add_word(i, had.word(i));
    out.was_unknown.add_word(i, unknown.word(i));
  }
  return out;
}

TagState PostureTable::state(Slot slot, TagId tag) const {
  if (!who_waits_.contains(slot)) return population_.state(slot, tag);
  const auto it = waiting_.find(tag);
  return it != waiting_.end() && it->second.slots.contains(slot) ? it->second.state(slot) : population_.state(slot, tag);
}

posture::TagSets PostureTable::tags(Slot slot) const {
  if (!who_waits_.contains(slot)) return population_.tags(slot);
  return with(population_.tags(slot), waiting(slot));
}

// ---- who has yet to follow

bool PostureTable::note(Slot slot, const std::vector<posture::TagChange>& changes) {
  bool stopped = false;
  for (const auto& change : changes) {
    if (!waits(slot, change.tag)) {
      wait(slot, change.tag, change.before);
    } else if (waiting_.at(change.tag).state(slot) == change.after) {
      take_out(slot, change.tag);
      stopped = true;
    }
  }
  if (stopped) look_whether_waiting(slot);
  return !changes.empty();
}

void PostureTable::note(const posture::TagEffect& effect, SlotSet& stopped) {
  auto& waiting = waiting_[effect.tag];
  const std::size_t words = std::max({effect.gain.word_count(), effect.lose.word_count(),
                                      effect.become_unknown.word_count(), effect.become_absent.word_count()});
  for (std::size_t i = 0; i < words; ++i) {
    const auto has = effect.gain.word(i), is_unknown = effect.become_unknown.word(i);
    const auto changed = has | is_unknown | effect.lose.word(i) | effect.become_absent.word(i);
    if (changed == 0) continue;
    const auto again = changed & waiting.slots.word(i), fresh = changed & ~again;
    // As they are said to be: they have nothing to follow any more.
    const auto back = again & ~((waiting.had.word(i) ^ has) | (waiting.unknown.word(i) ^ is_unknown));
    stopped.add_word(i, back & ~stopped.word(i));
    regained_.add_word(i, back & waiting.had.word(i) & ~regained_.word(i));
    for (auto* set : {&waiting.slots, &waiting.had, &waiting.unknown}) set->remove_word(i, back);
    waiting.slots.add_word(i, fresh);
    waiting.had.add_word(i, fresh & effect.had.word(i));
    waiting.unknown.add_word(i, fresh & effect.was_unknown.word(i));
    who_waits_.add_word(i, fresh & ~who_waits_.word(i));
  }
  if (waiting.slots.size() == 0) waiting_.erase(effect.tag);
}

void PostureTable::note(std::span<const posture::TagEffect> effects) {
  SlotSet stopped;
  for (const auto& effect : effects) note(effect, stopped);
  for (std::size_t i = 0; i < stopped.word_count(); ++i) {
    auto none = stopped.word(i);
    for (auto it = waiting_.begin(); none != 0 && it != waiting_.end(); ++it) none &= ~it->second.slots.word(i);
    who_waits_.remove_word(i, none);
  }
}

void PostureTable::wait(Slot slot, TagId tag, TagState said) {
  auto& waiting = waiting_[tag];
  waiting.slots.insert(slot);
  if (said == TagState::kHas) waiting.had.insert(slot);
  if (said == TagState::kUnknown) waiting.unknown.insert(slot);
  who_waits_.insert(slot);
}

void PostureTable::take_out(Slot slot, TagId tag) {
  const auto it = waiting_.find(tag);
  if (it == waiting_.end()) return;
  for (auto* set : {&it->second.slots, &it->second.had, &it->second.unknown}) set->erase(slot);
  if (it->second.slots.size() == 0) waiting_.erase(it);
}

void PostureTable::look_whether_waiting(Slot slot) {
  const bool waits = std::ranges::any_of(waiting_, [slot](const auto& one) { return one.second.slots.contains(slot); });
  if (!waits) who_waits_.erase(slot);
}

bool PostureTable::waits(Slot slot, TagId tag) const {
  if (!who_waits_.contains(slot)) return false;
  const auto it = waiting_.find(tag);
  return it != waiting_.end() && it->second.slots.contains(slot);
}

std::vector<PostureTable::Said> PostureTable::waiting(Slot slot) const {
  std::vector<Said> out;
  if (!who_waits_.contains(slot)) return out;
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.slots.contains(slot)) out.push_back({id, waiting.state(slot)});
  }
  return out;
}

SlotSet PostureTable::waiting_for(TagId tag) const {
  const auto it = waiting_.find(tag);
  return it == waiting_.end() ? SlotSet() : it->second.slots;
}

void PostureTable::follow(Slot slot, std::span<const TagId> tags) {
  if (tags.empty()) return;
  auto& before = before_[slot].tags;
  for (const auto tag : tags) {
    before.try_emplace(tag, state(slot, tag));
    take_out(slot, tag);
  }
  look_whether_waiting(slot);
}

// ---- transactions

const PostureTable::Before& PostureTable::before(Slot slot) const {
  const auto it = before_.find(slot);
  return it == before_.end() ? nothing_before() : it->second;
}

std::optional<posture::Fact> PostureTable::fact_before(Slot slot, std::string_view key) const {
  const auto& facts = before(slot).facts;
  const auto it = facts.find(key);
  return it == facts.end() ? fact(slot, key) : it->second;
}

posture::TagSets PostureTable::tags_before(Slot slot, const posture::TagSets& tags) const {
  std::vector<Said> said;
  for (const auto& [id, state] : before(slot).tags) said.push_back({id, state});
  return said.empty() ? tags : with(tags, said);
}

void PostureTable::rollback(Now now) {
  for (const auto& [slot, before] : std::exchange(before_, {})) {
    std::vector<Edit> edits;
    for (const auto& [key, fact] : before.facts) edits.push_back({key, fact});
    change_quietly(slot, edits, now);
    for (const auto& [id, said] : before.tags) {
      take_out(slot, id);
      if (judged(slot, id) != said) wait(slot, id, said);
    }
    look_whether_waiting(slot);
  }
}

}  // namespace postern::ems
