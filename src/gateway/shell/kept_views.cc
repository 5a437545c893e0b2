#include "gateway/shell/kept_views.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"
#include "gateway/core/view_cache.h"

namespace postern::gateway {
namespace {

constexpr std::string_view kWhole = "*";  // a line for everybody

/// Behind what is there. Errors: as errno has it.
Status append_to_file(const std::filesystem::path& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  const auto n = ::write(fd, text.data(), text.size());
  const int error = n < 0 ? errno : ENOSPC;
  ::close(fd);
  if (n == static_cast<ssize_t>(text.size())) return {};
  return fail(errno_error(error, "writing", path));
}

constexpr ConnectorId kLastConnector = 7;  // of `endpoint-control fctems`

std::string read_boot_id() {
  const auto id = read_file("/proc/sys/kernel/random/boot_id", 64);
  // Not a regular file on every kernel: without it the wall clock decides, which is the stricter way.
  return id ? std::string(trim(*id)) : std::string();
}

/// Whose view a connector's is. Not by its port: that is another way to the same EMS, which has to show the accepted
/// certificate there, too.
std::string source_of(const config::FctemsConfig& c) {
  std::string out = fmt::format("{} {} {}", to_lower(c.server), c.serial.str(), to_lower(c.tenant.str()));
  if (c.fingerprint) out += ' ' + to_hex_lower(*c.fingerprint);
  if (!c.trusted_pem.empty()) out += ' ' + to_hex_lower(sha256(std::string_view(c.trusted_pem)));
  return out;
}

}  // namespace

KeptViews::KeptViews(Context& context) : context_(context), boot_id_(read_boot_id()) {}

std::filesystem::path KeptViews::path(ConnectorId id) const {
  return context_.options.data_dir / fmt::format("ems{}.view", id);
}

std::filesystem::path KeptViews::since_path(ConnectorId id) const { return path(id).native() + ".since"; }

/// Notes that the view that is being written makes good, once it is.
std::filesystem::path KeptViews::aside_path(ConnectorId id) const { return since_path(id).native() + ".aside"; }

void KeptViews::mark(const act::SaveView& change) {
  unsaved_.insert(change.id);
  std::error_code none;
  if (!busy(change.id) && !std::filesystem::exists(path(change.id), none)) return;
  std::string lines;
  if (change.whole) lines = fmt::format("{}\n", kWhole);
  for (const auto& uid : change.touched) {
    if (!change.whole) lines += uid.str() + '\n';
  }
  if (auto noted = append_to_file(since_path(change.id), lines); !noted) {
    log_error("view.note", noted.error().message);
    if (busy(change.id)) writing(change.id).in_vain = true;
    std::filesystem::remove(path(change.id), none);
  }
}

bool KeptViews::leave_out_changed(ConnectorId id, proto::View& view) const {
  for (const auto& notes : {aside_path(id), since_path(id)}) {
    const auto since = read_file(notes, 1u << 30);
    if (!since && since.error().code == ErrorCode::kNotFound) continue;
    if (!since) return false;
    for (const auto line : split(*since, '\n')) {
      if (line == kWhole) return false;
      if (!line.empty()) view.remove(EndpointUid(std::string(line)));
    }
  }
  return true;
}

/// What a gateway that was killed had begun to write.
void KeptViews::remove_begun() const {
  std::error_code none;
  std::vector<std::filesystem::path> begun;
  for (const auto& entry : std::filesystem::directory_iterator(context_.options.data_dir, none)) {
    const auto name = entry.path().filename().native();
    if (name.starts_with("ems") && name.find(".view.tmp.") != name.npos) begun.push_back(entry.path());
  }
  for (const auto& path : begun) std::filesystem::remove(path, none);
}

void KeptViews::restore() {
  remove_begun();
  for (ConnectorId id = 1; id <= kLastConnector; ++id) {
    const auto* c = context_.connector(id);
    // Deleted, switched off or without an accepted certificate, it was forgotten while the gateway ran; so it is when that
    // was changed while it did not.
    if (c == nullptr || !c->enabled || (!c->fingerprint && c->trusted_pem.empty())) {
      remove(id);
      continue;
    }
    const auto bytes = read_file(path(id), 1u << 30);
    if (!bytes) continue;
    auto cached = decode_cached_view(*bytes);
    const bool nobodys = !cached && cached.error().code == ErrorCode::kUnsupported;
    if (nobodys || (cached && cached->source != source_of(*c))) {
      log_info("view.of_another", "what was kept is not of the EMS that is configured now, and counts no more",
               {{"connector", std::to_string(id)}});
      remove(id);
      continue;
    }
    if (!cached) {
      log_warning("view.damaged", cached.error().message, {{"connector", std::to_string(id)}});
      failed_[id] = cached.error().context("what was kept before the start is lost");
      continue;
    }
    if (!leave_out_changed(id, cached->view)) {
      log_info("view.changed_since", "what was kept had changed since, and counts no more", {{"connector", std::to_string(id)}});
      remove(id);
      continue;
    }
    const auto until = cached_view_deadline(*cached, context_.now(), boot_id_, c->out_of_sync_threshold);
    saved_[id].source = cached->source;
    context_.core->restore(id, cached->epoch, cached->revision, std::move(cached->view), until);
  }
}

void KeptViews::remove(ConnectorId id) {
  std::error_code gone;
  if (busy(id)) {
    // It may come to stand there yet, until its end is told here: killed before that, it counts no more.
    writing(id).in_vain = true;
    if (auto noted = append_to_file(since_path(id), fmt::format("{}\n", kWhole)); !noted) log_error("view.note", noted.error().message);
    std::filesystem::remove(path(id), gone);
  } else {
    std::filesystem::remove(path(id), gone);
    std::filesystem::remove(since_path(id), gone);
    std::filesystem::remove(aside_path(id), gone);
  }
  failed_.erase(id);
  saved_.erase(id);
}

KeptViews::Writing& KeptViews::writing(ConnectorId id) { return writing_.try_emplace(id, context_.loop).first->second; }

bool KeptViews::busy(ConnectorId id) const {
  const auto it = writing_.find(id);
  return it != writing_.end() && it->second.file.busy();
}

void KeptViews::save(bool all) {
  const auto& connectors = context_.core->connectors();
  if (all) {
    for (auto& [id, w] : writing_) w.file.wait();
  }
  for (ConnectorId id = 1; id <= kLastConnector; ++id) {
    if (saved_.contains(id) && !connectors.contains(id)) remove(id);
  }
  for (const auto& [id, c] : connectors) save(id, c, all);
  if (all) {
    for (auto& [id, w] : writing_) w.file.wait();
  }
}

void KeptViews::save(ConnectorId id, const GatewayCore::Connector& c, bool all) {
  const auto* config = context_.connector(id);
  if (config == nullptr) return;  // of a configuration that comes into force just now
  const auto& contact = c.client->last_contact();
  if (!contact) {
    // The view was dropped on purpose: it must not come back with the next start.
    if (c.client->epoch() == 0 && unsaved_.erase(id) > 0) remove(id);
    return;
  }
  if (busy(id)) return;
  // One after the other: a disk that hangs must not take all of the loop's helpers, which nginx's configurations and passwords need, too.
  if (!all && std::ranges::any_of(writing_, [](const auto& w) { return w.second.file.busy(); })) return;
  // The last contact moves on although nothing changed; ten seconds' worth of it may be lost.
  Saved now{source_of(*config), contact->mono};
  const auto& saved = saved_[id];
  if (!unsaved_.contains(id) && now.source == saved.source && now.contact - saved.contact < Seconds(10)) return;
  const auto begun = context_.now().mono;
  if (!all && begun < saved.rest_until) return;
  auto bytes = encode_cached_view({c.client->epoch(), c.client->revision(), c.client->view(), *contact, boot_id_, now.source});
  set_notes_aside(id);
  const bool changed = unsaved_.erase(id) > 0;
  writing(id).in_vain = false;
  writing(id).file.begin(path(id), std::move(bytes), [this, id, now = std::move(now), begun, changed](const Status& status) {
    written(id, now, begun, changed, status);
  });
}

void KeptViews::set_notes_aside(ConnectorId id) const {
  std::error_code failed;
  if (!std::filesystem::exists(since_path(id), failed)) return;
  if (std::filesystem::exists(aside_path(id), failed)) {  // of a write that failed, or was not told
    const auto notes = read_file(since_path(id), 1u << 30);
    if (!notes || !append_to_file(aside_path(id), *notes)) return;  // they stand for longer than they would need to
    std::filesystem::remove(since_path(id), failed);
  } else {
    std::filesystem::rename(since_path(id), aside_path(id), failed);
  }
}

void KeptViews::written(ConnectorId id, const Saved& now, MonoTime begun, bool changed, const Status& status) {
  std::error_code gone;
  if (writing(id).in_vain) return remove(id);
  auto& saved = saved_[id];
  const auto ended = context_.now().mono;
  if (!status) {
    log_error("view.save", status.error().message);
    failed_[id] = status.error();
    if (changed) unsaved_.insert(id);
    // What was taken away since must not come back with the next start: that one rather begins with nothing.
    if (unsaved_.contains(id)) std::filesystem::remove(path(id), gone);
    saved.rest_until = begun + Seconds(1);
    return;
  }
  saved = {now.source, now.contact, begun + std::min<MonoTime::duration>((ended - begun) * 30, Seconds(10))};
  std::filesystem::remove(aside_path(id), gone);
  failed_.erase(id);
}

}  // namespace postern::gateway
