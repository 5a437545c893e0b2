#include "ems/core/past_tags.h"

#include <fmt/format.h>

#include "ems/registry/codec.h"
#include "ems/store/store.h"

namespace postern::ems {
namespace {

constexpr std::size_t kTagLogPage = 200;  // a millisecond or so
constexpr std::size_t kMaxTagChanges = 200'000;

}  // namespace

PastTags::PastTags(const Store& store, const posture::TagEngine& now, WallTime then) : store_(store), then_(then) {
  for (const auto id : now.tags()) {
    const auto tag = now.share(id);
    put(id, Definition(tag, &tag->definition()));
  }
  if (const auto newest = store.position()) before_ = newest->revision + 1;  // more may come meanwhile
}

Result<bool> PastTags::step() {
  const auto page = store_.tag_history(before_, kTagLogPage);
  if (!page) return fail(page.error());
  for (const auto& c : *page) {
    if (c.change.at <= then_) return true;
    before_ = c.change.revision;
    if (c.undo.empty()) {  // it was made; those that are called alike had greater numbers, and were something else before
      put(called(c.change.key), nullptr);
      continue;
    }
    auto was = codec::read_tag_row(c.undo);
    if (!was) return fail(was.error());
    put(was->id, std::make_shared<const posture::TagDefinition>(std::move(was->definition)));
  }
  if (page->size() < kTagLogPage) return true;
  read_ += page->size();
  if (read_ < kMaxTagChanges) return false;
  return fail(ErrorCode::kNotFound,
              fmt::format("more than {} changes of tags lie between; ask for a later moment", kMaxTagChanges));
}

posture::TagId PastTags::called(std::string_view name) const {
  const auto it = names_.lower_bound({name, 0});
  return it == names_.end() || it->first != name ? 0 : it->second;
}

PastTags::Definition PastTags::find(posture::TagId id) const {
  const auto it = tags_.find(id);
  return it == tags_.end() ? nullptr : it->second;
}

void PastTags::put(posture::TagId id, Definition definition) {
  const auto it = tags_.find(id);
  if (it != tags_.end()) {
    names_.erase({it->second->name.str(), id});
    tags_.erase(it);
  }
  if (definition == nullptr) return;
  names_.emplace(definition->name.str(), id);
  tags_.emplace(id, std::move(definition));
}

}  // namespace postern::ems
