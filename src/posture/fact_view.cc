#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/rule.h"

namespace postern::posture {
namespace {

const Fact& stale_fact() {
  static const Fact kFact{Unknown{UnknownReason::kStale}, {}, {}};
  return kFact;
}

}  // namespace

const Fact* FactView::reported(std::string_view key) const {
  if (key.starts_with(keys::kTagPrefix)) {
    if (tags_ == nullptr) return nullptr;
    const auto reference = key.substr(keys::kTagPrefix.size());
    const Fact* state = tags_->find_tag(reference);
    holds_until(tags_->tag_holds_until(reference));
    return state;
  }
  if (map_ == nullptr) return source_->find(key);
  const auto it = map_->find(key);
  return it == map_->end() ? nullptr : &it->second;
}

const Fact* FactView::find(std::string_view key) const {
  const Fact* fact = reported(key);
  const bool limited = report_limit_ && !key.starts_with(keys::kEmsPrefix);
  if ((!max_age_ && !limited) || fact == nullptr || !fact->known() || !grows_old(key)) return fact;
  Millis limit = max_age_ ? Millis(*max_age_) : *report_limit_;
  if (limited) limit = std::min(limit, *report_limit_);
  const Millis left = limit - age(key, *fact);
  if (left < Millis(0)) return &stale_fact();
  holds_until(now_.wall + left + Millis(1));
  return fact;
}

bool FactView::grows_old(std::string_view key) {
  if (key.starts_with(keys::kTagPrefix)) return false;  // judged now
  // What the EMS says of itself it knows now; what it made of an inventory or was told by others is as old as that.
  return !key.starts_with(keys::kEmsPrefix) || key.starts_with(keys::kEmsVulnPrefix) || key.starts_with(keys::kEmsAttributePrefix);
}

Millis FactView::age(std::string_view key, const Fact& fact) const {
  asked_of_endpoint_ = true;
  if (!grows_old(key)) return Millis(0);
  auto as_of = fact.collected_at;
  if (!key.starts_with(keys::kEmsPrefix)) as_of = std::max(as_of, confirmed_);
  return std::max(Millis(0), now_.wall - as_of);  // an endpoint's clock may be ahead of ours
}

FactView FactView::afresh() const {
  FactView out = *this;
  out.until_ = WallTime::max();
  out.asked_of_endpoint_ = false;
  return out;
}

FactView FactView::at(WallTime wall) const {
  FactView out = afresh();
  out.now_.wall = wall;
  return out;
}

FactView FactView::with_max_age(std::optional<Seconds> max_age) const {
  FactView out = afresh();
  out.max_age_ = max_age;
  return out;
}

FactView FactView::with_tags(const TagSource& tags) const {
  FactView out = afresh();
  out.tags_ = &tags;
  return out;
}

FactView FactView::with_report_limit(Millis limit) const {
  FactView out = afresh();
  out.report_limit_ = limit;
  return out;
}

}  // namespace postern::posture
