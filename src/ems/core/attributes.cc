// What people and other systems say of an endpoint: attributes and classification tags.
#include <fmt/format.h>

#include <algorithm>

#include "base/sort_unique.h"
#include "ems/core/impl.h"
#include "posture/attribute_name.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxAttributes = 64;
constexpr std::size_t kMaxAttributeText = 255;
constexpr Seconds kMinLife{60};
constexpr Seconds kMaxLife{366 * 24 * 3600};

struct ValueText {
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(const std::string& text) const { return text; }
};

}  // namespace

void EmsCore::set_attribute(Now now, const Actor& actor, const EndpointUid& uid, const std::string& name,
                            AttributeValue value, std::optional<Seconds> expires_in, DoneStatus done) {
  const auto* known = endpoint(uid);
  const auto refuse = [&](ErrorCode code, std::string why) { impl_->refuse(std::move(done), {code, std::move(why)}); };
  if (known == nullptr) return refuse(ErrorCode::kNotFound, "there is no endpoint " + uid.str());
  if (!posture::valid_attribute_name(name)) {
    return refuse(ErrorCode::kInvalidArgument, "an attribute's name has 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\", such as "
                                               "score.crowdstrike");
  }
  const auto* score = std::get_if<std::int64_t>(&value);
  if (name.starts_with(posture::kScorePrefix) && (score == nullptr || *score < 0 || *score > 100)) {
    return refuse(ErrorCode::kInvalidArgument, "value: a score is a whole number from 0 to 100");
  }
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->size() > kMaxAttributeText) {
    return refuse(ErrorCode::kInvalidArgument, fmt::format("value: has {} bytes, allowed are {}", text->size(), kMaxAttributeText));
  }
  if (expires_in && (*expires_in < kMinLife || *expires_in > kMaxLife)) {
    return refuse(ErrorCode::kInvalidArgument, fmt::format("expires_in: must be {} to {} seconds", kMinLife.count(), kMaxLife.count()));
  }
  if (!known->attributes.contains(name) && known->attributes.size() >= kMaxAttributes) {
    return refuse(ErrorCode::kResourceExhausted, fmt::format("the endpoint has {} attributes already, which are as many as it may have; "
                                                            "remove one first", kMaxAttributes));
  }
  auto& e = impl_->registry_.endpoints.edit(uid);
  auto& attribute = e.attributes[name];
  attribute = {std::move(value), now.wall, actor.name, std::nullopt};
  if (expires_in) attribute.expires_at = now.wall + *expires_in;
  impl_->settle(now, e, {});
  impl_->audit(now, actor, "endpoint.attribute", uid.str(),
               fmt::format("{} = {}{}", name, std::visit(ValueText{}, attribute.value),
                           attribute.expires_at ? ", until " + to_iso8601(*attribute.expires_at) : std::string()));
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::remove_attribute(Now now, const Actor& actor, const EndpointUid& uid, const std::string& name,
                               DoneStatus done) {
  const auto* known = endpoint(uid);
  if (known == nullptr || !known->attributes.contains(name)) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, known == nullptr ? "there is no endpoint " + uid.str()
                                                                                  : "the endpoint has no attribute " + name});
  }
  auto& e = impl_->registry_.endpoints.edit(uid);
  e.attributes.erase(name);
  impl_->settle(now, e, {});
  impl_->audit(now, actor, "endpoint.attribute_removed", uid.str(), name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::classify(Now now, const Actor& actor, const EndpointUid& uid, const std::vector<std::string>& tags,
                       DoneStatus done) {
  if (endpoint(uid) == nullptr) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no endpoint " + uid.str()});
  std::vector<posture::TagId> ids;
  for (const auto& name : tags) {
    const auto* given = tag(name);
    const bool by_hand = given != nullptr && given->definition.kind == posture::TagKind::kClassification &&
                         given->definition.rules.empty();
    if (!by_hand) {
      return impl_->refuse(
          std::move(done),
          {ErrorCode::kInvalidArgument,
           given == nullptr ? "there is no tag " + name
                            : "the tag " + name + " can't be given by hand: only classification tags without rules can"});
    }
    ids.push_back(given->id);
  }
  sort_unique(ids);
  const auto* before = endpoint(uid);
  if (!before->registered() && !std::ranges::includes(before->classifications, ids)) {
    return impl_->refuse(
        std::move(done),
        {ErrorCode::kConflict, fmt::format("the endpoint is {}: gateways refuse it whatever its tags say, and where it "
                                           "enrols again it is another endpoint, which is given its own; tags can "
                                           "only be taken from this one",
                                           registration_name(before->registration))});
  }
  auto& e = impl_->registry_.endpoints.edit(uid);
  e.classifications = std::move(ids);
  impl_->settle(now, e, {});
  std::string said;
  for (const auto& name : tags) said += (said.empty() ? "" : ", ") + name;
  impl_->audit(now, actor, "endpoint.classify", uid.str(), said.empty() ? "none" : said);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::Impl::rename_classification(Now now, posture::TagId id) {
  if (!registry_.classifies(id)) return;
  std::vector<EndpointUid> with;
  for (const auto& [uid, e] : registry_.endpoints.all()) {
    if (std::ranges::binary_search(e.classifications, id)) with.push_back(uid);
  }
  for (const auto& uid : with) settle(now, registry_.endpoints.edit(uid), {});
}

std::string EmsCore::Impl::by_hand_warning(posture::TagId id) const {
  const auto* tag = tag_by_id(id);
  const auto given = tag == nullptr ? 0 : registry_.given_by_hand(id).endpoints;
  if (given == 0) return {};
  if (tag->definition.kind != posture::TagKind::kClassification || !tag->definition.rules.empty()) {
    return fmt::format("before it followed from rules it was given by hand to {} endpoint{}, which is forgotten for good: undo brings "
                       "the tag back, and not that",
                       given, given == 1 ? "" : "s");
  }
  return fmt::format("it was given by hand to {} endpoint{}, which lose{} it for good: undo brings the tag back, and not who had it",
                     given, given == 1 ? "" : "s", given == 1 ? "s" : "");
}

void EmsCore::Impl::forget_classification(posture::TagId id, const std::string& name) {
  if (registry_.classifies(id)) forgotten_.insert_or_assign(id, name);
}

void EmsCore::Impl::forget_gone_later() {
  std::erase_if(jobs_, [](const Job& job) { return job.what == Job::What::kForget; });
  // Before tags are followed: these endpoints then follow all of theirs at once.
  if (!forgotten_.empty()) jobs_.push_front({.what = Job::What::kForget});
}

bool EmsCore::Impl::has_gone_classification(const Endpoint& e) const {
  return std::ranges::any_of(e.classifications, [this](const auto id) { return tag_by_id(id) == nullptr; });
}

void EmsCore::Impl::forget_gone(Now now, Endpoint& e) {
  std::erase_if(e.classifications, [this](const auto id) { return tag_by_id(id) == nullptr; });
  settle(now, e, {});
}

}  // namespace postern::ems
