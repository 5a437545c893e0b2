// What a renewal, and time, make of client certificates: docs/adr/0023-a-renewed-certificate-ends-softly.md.
#include "ems/core/impl.h"

namespace postern::ems {
namespace {

/// When the last of them is let in no more, registered or not.
WallTime last_end(const Endpoint& e) {
  WallTime out{};
  for (const auto& c : e.certificates) out = std::max(out, c.usable_until());
  return out;
}

}  // namespace

void EmsCore::Impl::supersede_certificates(Now now, Endpoint& e) {
  const auto ends = now.wall + std::chrono::duration_cast<Millis>(options_.renewal_overlap);
  for (std::size_t i = 1; i < e.certificates.size(); ++i) {
    if (!e.certificates[i].ends) e.certificates[i].ends = ends;
  }
  judge_certificates(now, e);
}

void EmsCore::Impl::judge_certificates(Now now, const Endpoint& e) {
  if (!e.registered()) {
    if (const auto end = last_end(e); end > now.wall) return judge_at(e.uid, end);
    for (auto& [id, s] : gateways_) s.dirty.insert(e.uid);
    return;
  }
  const auto over = [&](const IssuedCertificate& c) { return c.ends && c.usable_until() <= now.wall; };
  if (std::ranges::any_of(e.certificates, over)) std::erase_if(registry_.endpoints.edit(e.uid).certificates, over);
  for (const auto& c : e.certificates) {
    if (c.ends) judge_at(e.uid, c.usable_until());
  }
}

bool EmsCore::Impl::is_over(const Endpoint& e) const { return !e.registered() && last_end(e) <= wall_; }

}  // namespace postern::ems
