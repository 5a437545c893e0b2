// The view in FabricClient: what snapshots and deltas make of it, whole or not at all.
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "proto/deflate.h"
#include "proto/fabric_client.h"
#include "wire/fabric.pb.h"

namespace postern::proto {
namespace {

/// The endpoint that an entry's bytes speak of; an error if they aren't an entry.
Result<EndpointUid> uid_of(const std::string& entry) {
  wire::ViewEntry parsed;
  if (!parsed.ParseFromString(entry)) return fail(ErrorCode::kDataLoss, "an endpoint record is damaged");
  auto uid = parse_endpoint_uid(parsed.record().uid());
  if (uid.empty()) return fail(ErrorCode::kDataLoss, "an endpoint record carries no valid UID");
  return uid;
}

/// Changes to a view that can be taken back.
class ViewEdit {
 public:
  explicit ViewEdit(View& view) : view_(view) {}

  bool upsert(const EndpointUid& uid, const std::string& entry) {
    keep(uid);
    return view_.upsert(uid, entry);
  }
  bool remove(const EndpointUid& uid) {
    keep(uid);
    return view_.remove(uid);
  }
  bool upsert_tag(std::uint32_t id, std::string info) {
    keep_tag(id);
    return view_.upsert_tag(id, std::move(info));
  }
  bool remove_tag(std::uint32_t id) {
    keep_tag(id);
    return view_.remove_tag(id);
  }
  void undo() {
    for (const auto& [uid, entry] : entries_) {
      if (entry) {
        view_.upsert(uid, *entry);
      } else {
        view_.remove(uid);
      }
    }
    for (const auto& [id, info] : tags_) {
      if (info) {
        view_.upsert_tag(id, *info);
      } else {
        view_.remove_tag(id);
      }
    }
  }

 private:
  void keep(const EndpointUid& uid) {
    const auto* old = view_.find(uid);
    entries_.try_emplace(uid, old == nullptr ? std::nullopt : std::optional<std::string>(*old));
  }
  void keep_tag(std::uint32_t id) {
    const auto old = view_.tags().find(id);
    tags_.try_emplace(id, old == view_.tags().end() ? std::nullopt : std::optional<std::string>(old->second));
  }

  View& view_;
  std::map<EndpointUid, std::optional<std::string>> entries_;
  std::map<std::uint32_t, std::optional<std::string>> tags_;
};

}  // namespace

void FabricClient::drop_view() {
  fabric::ViewChanged change;
  change.snapshot = true;
  change.tags = true;
  for (const auto& [uid, entry] : view_.entries()) change.removed.push_back(uid);
  view_.clear();
  epoch_ = revision_ = 0;
  asked_.clear();
  last_contact_.reset();
  actions_.push_back(std::move(change));
}

void FabricClient::restore(std::uint64_t epoch, std::uint64_t revision, View view) {
  epoch_ = epoch;
  revision_ = revision;
  view_ = std::move(view);
}

Status FabricClient::begin_snapshot(const wire::SnapshotBegin& begin) {
  if (!subscribed_) return fail(ErrorCode::kDataLoss, "a snapshot nobody asked for");
  if (begin.count() > options_.max_endpoints) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("the EMS wants to send {} endpoints", begin.count()));
  }
  if (begin.epoch() == 0) return fail(ErrorCode::kDataLoss, "a snapshot without an epoch");
  staging_ = true;
  staged_.clear();
  staged_epoch_ = begin.epoch();
  staged_revision_ = begin.revision();
  staged_count_ = begin.count();
  for (const auto& tag : begin.tags()) staged_.upsert_tag(tag.id(), tag.SerializeAsString());
  return {};
}

Status FabricClient::add_chunk(const wire::SnapshotChunk& chunk) {
  if (!staging_) return fail(ErrorCode::kDataLoss, "a piece of a snapshot that has not begun");
  auto text = inflate_text(chunk.zlib(), options_.max_chunk_inflated);
  if (!text) return fail(text.error());
  wire::ViewEntryList list;
  if (!list.ParseFromString(*text)) return fail(ErrorCode::kDataLoss, "a piece of the snapshot is damaged");
  for (auto& entry : *list.mutable_entries()) {
    auto uid = uid_of(entry);
    if (!uid) return fail(uid.error());
    staged_.upsert(*uid, std::move(entry));
    if (staged_.entries().size() > staged_count_) {
      return fail(ErrorCode::kDataLoss, "the snapshot lists more endpoints than it announced");
    }
  }
  return {};
}

Status FabricClient::end_snapshot(const wire::SnapshotEnd& end) {
  if (!staging_) return fail(ErrorCode::kDataLoss, "the end of a snapshot that has not begun");
  // Count and digest decide, so that an EMS that failed half way can never empty this gateway.
  if (staged_.entries().size() != staged_count_) {
    return fail(ErrorCode::kDataLoss, fmt::format("the snapshot announced {} endpoints and listed {}", staged_count_,
                                                  staged_.entries().size()));
  }
  if (end.revision() != staged_revision_ || end.digest() != as_text(staged_.digest())) {
    return fail(ErrorCode::kDataLoss, "the snapshot's digest does not fit what it listed");
  }
  fabric::ViewChanged change;
  change.snapshot = true;
  change.tags = view_.tags() != staged_.tags();
  for (const auto& [uid, entry] : staged_.entries()) {
    const auto* old = view_.find(uid);
    if (old == nullptr || *old != entry) change.upserted.push_back(uid);
  }
  for (const auto& [uid, entry] : view_.entries()) {
    if (staged_.find(uid) == nullptr) change.removed.push_back(uid);
  }
  view_ = std::move(staged_);
  staged_ = View();
  epoch_ = staged_epoch_;
  revision_ = staged_revision_;
  staging_ = false;
  unconfirmed_ = false;
  awaiting_snapshot_ = false;
  ++counters_.snapshots;
  actions_.push_back(std::move(change));
  return {};
}

Status FabricClient::apply(const wire::Delta& delta) {
  if (!subscribed_) return fail(ErrorCode::kDataLoss, "a delta nobody asked for");
  // Deltas that were under way when a snapshot was asked for are of a state that is being replaced.
  if (awaiting_snapshot_ && !staging_) return {};
  if (staging_) return fail(ErrorCode::kDataLoss, "a delta inside a snapshot");
  if (delta.from_revision() != revision_) {
    return fail(ErrorCode::kDataLoss, fmt::format("a delta from revision {} does not fit revision {}",
                                                  delta.from_revision(), revision_));
  }
  std::vector<EndpointUid> uids;
  uids.reserve(static_cast<std::size_t>(delta.upserts_size()));
  for (const auto& entry : delta.upserts()) {
    auto uid = uid_of(entry);
    if (!uid) return fail(uid.error());
    uids.push_back(std::move(*uid));
  }
  // Applied in place, with what it takes to undo it: a delta that proves wrong leaves no half behind.
  ViewEdit edit(view_);
  fabric::ViewChanged change;
  for (int i = 0; i < delta.upserts_size(); ++i) {
    if (edit.upsert(uids[static_cast<std::size_t>(i)], delta.upserts(i))) {
      change.upserted.push_back(uids[static_cast<std::size_t>(i)]);
    }
  }
  for (const auto& text : delta.removed_uids()) {
    const auto uid = parse_endpoint_uid(text);
    if (edit.remove(uid)) change.removed.push_back(uid);
  }
  for (const auto& tag : delta.tag_upserts()) change.tags |= edit.upsert_tag(tag.id(), tag.SerializeAsString());
  for (const auto id : delta.removed_tags()) change.tags |= edit.remove_tag(id);
  if (view_.entries().size() != delta.count() || as_text(view_.digest()) != delta.digest()) {
    edit.undo();
    return fail(ErrorCode::kDataLoss, "the view after a delta differs from the EMS's");
  }
  if (delta.fact_at_ms() > 0) change.times.fact = from_unix_ms(delta.fact_at_ms());
  if (delta.heard_at_ms() > 0) change.times.heard = from_unix_ms(delta.heard_at_ms());
  revision_ = delta.to_revision();
  unconfirmed_ = false;
  ++counters_.deltas;
  if (!change.upserted.empty() || !change.removed.empty() || change.tags) actions_.push_back(std::move(change));
  return {};
}

}  // namespace postern::proto
