#include "gateway/shell/kept_views.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/core/view_cache.h"

namespace postern::gateway {
namespace {

std::string read_boot_id() {
  const auto id = read_file("/proc/sys/kernel/random/boot_id", 64);
  // Not a regular file on every kernel: without it the wall clock decides, which is the stricter way.
  return id ? std::string(trim(*id)) : std::string();
}

}  // namespace

KeptViews::KeptViews(Context& context) : context_(context), boot_id_(read_boot_id()) {}

std::filesystem::path KeptViews::path(ConnectorId id) const {
  return context_.options.data_dir / fmt::format("ems{}.view", id);
}

void KeptViews::restore() {
  for (const auto& c : context_.config.connectors) {
    const auto bytes = read_file(path(c.id), 1u << 30);
    if (!bytes || !c.enabled) continue;
    auto cached = decode_cached_view(*bytes);
    if (!cached) {
      log_warning("view.damaged", cached.error().message, {{"connector", std::to_string(c.id)}});
      failed_[c.id] = cached.error().context("what was kept before the start is lost");
      continue;
    }
    const auto until = cached_view_deadline(*cached, context_.now(), boot_id_, c.out_of_sync_threshold);
    context_.core->restore(c.id, cached->epoch, cached->revision, std::move(cached->view), until);
  }
}

void KeptViews::save(bool all) {
  for (const auto& [id, c] : context_.core->connectors()) {
    const auto& contact = c.client->last_contact();
    if (!contact) {
      // The view was dropped on purpose: it must not come back with the next start.
      if (c.client->epoch() == 0 && unsaved_.erase(id) > 0) {
        std::error_code gone;
        std::filesystem::remove(path(id), gone);
      }
      continue;
    }
    // The last contact moves on although nothing changed; ten seconds' worth of it may be lost.
    auto& saved = saved_contact_[id];
    if (!unsaved_.contains(id) && contact->mono - saved < Seconds(10)) continue;
    const auto begun = context_.now().mono;
    auto& rest_until = rest_until_[id];
    if (!all && begun < rest_until) continue;
    const CachedView cached{c.client->epoch(), c.client->revision(), c.client->view(), *contact, boot_id_};
    if (auto written = write_file_atomic(path(id), encode_cached_view(cached)); !written) {
      log_error("view.save", written.error().message);
      failed_[id] = written.error();
      rest_until = begun + Seconds(1);
      continue;
    }
    rest_until = begun + std::min<MonoTime::duration>((context_.now().mono - begun) * 30, Seconds(10));
    saved = contact->mono;
    unsaved_.erase(id);
    failed_.erase(id);
  }
}

}  // namespace postern::gateway
