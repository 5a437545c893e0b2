// By what somebody who saves a tag says which one he saw, and who has changed it since.
#include <algorithm>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/sha256.h"
#include "base/text.h"
#include "ems/core/impl.h"
#include "ems/registry/codec.h"
#include "ems/registry/registry.h"
#include "ems/registry/removal.h"

namespace postern::ems {
namespace {

constexpr std::size_t kVersionBytes = 8;
constexpr char kToDelete = '+';
constexpr std::size_t kChangedTold = 10;
constexpr std::size_t kChangeLookBack = 50;
constexpr std::size_t kAuditPage = 500, kAuditPages = 4;

/// How the tag of this name went, from the audit log's newest entries; none: it isn't there any more.
std::optional<AuditEntry> how_it_went(const Store& store, std::string_view name) {
  const auto was = "was " + std::string(name);
  std::uint64_t before = 0;
  for (std::size_t page = 0; page < kAuditPages; ++page) {
    const auto entries = store.audit(before, kAuditPage);
    if (!entries || entries->empty()) break;
    for (const auto& entry : *entries) {
      if (entry.action == "tag.delete" && entry.object == name) return entry;
      if (entry.action == "tag.change" && (entry.detail == was || entry.detail.starts_with(was + ";"))) return entry;
    }
    before = entries->back().id;
  }
  return std::nullopt;
}

}  // namespace

std::string EmsCore::tag_version(std::string_view name) const {
  const Tag* found = tag(name);
  if (found == nullptr) return {};
  const Sha256 digest = sha256(codec::tag_row(*found));
  return to_hex_lower(ByteView(digest).first(kVersionBytes));
}

std::string EmsCore::tag_version_to_delete(std::string_view name) const {
  const auto version = tag_version(name);
  if (version.empty()) return {};
  const auto given = impl_->registry_.given_by_hand(impl_->engine_.id_of(name));
  return fmt::format("{}{}{}.{:x}", version, kToDelete, given.endpoints, given.who);
}

Status EmsCore::check_tag_versions(const TagVersions& seen) const {
  std::vector<std::string> changed;
  std::vector<std::string> missing;
  for (const auto& [name, version] : seen) {
    const auto plain = version.substr(0, version.find(kToDelete));
    const bool same = tag_version(name) == plain;
    if (same && (plain == version || tag_version_to_delete(name) == version)) continue;
    if (changed.size() + missing.size() == kChangedTold) {
      (changed.empty() ? missing : changed).emplace_back("and more of them");
      break;
    }
    if (same) {
      changed.push_back(fmt::format("the tag {} was given by hand to endpoints, or taken from them, meanwhile", name));
      continue;
    }
    if (const Tag* found = tag(name)) {
      changed.push_back(fmt::format("the tag {} was {} by {} at {}", name, version.empty() ? "made" : "changed", found->updated_by,
                                    to_iso8601(found->updated_at)));
      continue;
    }
    const auto went = how_it_went(impl_->store_, name);
    if (!went) {
      missing.push_back(fmt::format("there is no tag {}", name));
    } else if (went->action == "tag.delete") {
      changed.push_back(fmt::format("the tag {} was deleted by {} at {}", name, went->actor, to_iso8601(went->at)));
    } else {
      changed.push_back(fmt::format("the tag {} was renamed to {} by {} at {}", name, went->object, went->actor, to_iso8601(went->at)));
    }
  }
  std::string why = join(changed, "; ");
  if (!changed.empty()) why += ", after what this rests on was looked at";
  if (!missing.empty()) why += (why.empty() ? "" : "; ") + join(missing, "; ");
  if (why.empty()) return {};
  return fail(ErrorCode::kConflict, why + ". Look at it as it is now, and decide anew");
}

std::string EmsCore::undo_basis(const std::string& name, const std::optional<posture::TagDefinition>& before) const {
  ChangeSet undo;
  if (before) undo.save.push_back(*before);
  if (tag(name) != nullptr && (!before || before->name.str() != name)) undo.remove.push_back(name);
  std::string all;
  for (const auto& [other, version] : versions_behind(undo)) all += other + "=" + version + "\n";  // names have no line's end
  const Sha256 digest = sha256(all);
  return to_hex_lower(ByteView(digest).first(kVersionBytes));
}

Result<EmsCore::LastTagChange> EmsCore::last_tag_change(const std::string& name) const {
  const auto log = impl_->store_.history(name, 0, kChangeLookBack);
  if (!log) return fail(log.error());
  const auto last = std::ranges::find(*log, std::string_view("tag"), [](const StoredChange& c) { return std::string_view(c.change.kind); });
  if (last == log->end()) return fail(ErrorCode::kNotFound, "no change of a tag called " + name + " is kept");
  LastTagChange out;
  out.revision = last->change.revision;
  out.at = last->change.at;
  if (!last->undo.empty()) {
    auto before = codec::read_tag_row(last->undo);
    if (!before) return fail(before.error());
    out.before = std::move(before->definition);
  }
  out.basis = undo_basis(name, out.before);
  if (const Tag* found = tag(name)) {
    out.by = found->updated_by;
    out.what = !out.before ? "made" : out.before->name.str() == name ? "changed" : "renamed";
    return out;
  }
  if (!read_removed_tag(last->change.json)) return fail(ErrorCode::kNotFound, "there is no tag " + name);
  out.what = "deleted";
  if (const auto went = how_it_went(impl_->store_, name)) out.by = went->actor;
  return out;
}

}  // namespace postern::ems
