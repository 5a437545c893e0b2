// Risks that administrators accept for a time.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "ems/core/impl.h"
#include "ems/tagging/open_findings.h"
#include "posture/fact_keys.h"
#include "vuln/record_text.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxRisks = 10'000;
constexpr std::chrono::hours kLongest{366 * 24};  // a year, whichever
constexpr std::size_t kMaxReason = 1000;
constexpr std::chrono::hours kKeepExpired{90 * 24};  // to be looked at; the audit log knows them longer

/// A CVE's id whole and in capitals, or another publisher's.
bool could_be_found(std::string_view id) {
  constexpr std::string_view kCve = "CVE-";
  if (to_lower(id.substr(0, kCve.size())) != to_lower(kCve)) return id.find_first_of("*? ") == id.npos;
  const auto digits = [](std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; };
  return id.starts_with(kCve) && id.size() > 9 && digits(id.substr(4, 4)) && id[8] == '-' && digits(id.substr(9));
}

}  // namespace

std::shared_ptr<const MatchResult> EmsCore::Impl::without_accepted(const Endpoint& e,
                                                                   std::shared_ptr<const MatchResult> result) const {
  std::vector<std::shared_ptr<const Risk>> risks;
  for (const auto& [id, risk] : registry_.risks.all()) {
    if (risk.expired || (!risk.endpoint.empty() && risk.endpoint != e.uid.str())) continue;
    if (std::ranges::binary_search(result->cves, risk.cve)) risks.push_back(std::make_shared<const Risk>(risk));
  }
  return risks.empty() ? result : with_accepted(std::move(result), risks);
}

bool EmsCore::Impl::has_finding(const Endpoint& e, const std::string& cve) const {
  if (matching_ && e.inventory) {
    if (const auto open = matching_->open_among({cve}, *e.inventory, fact_text(e, posture::keys::kKernelRelease)))
      return !open->empty();
  }
  const auto result = match_result(e);
  return result && std::ranges::any_of(result->findings, [&](const Finding& f) { return f.cve == cve; });
}

void EmsCore::Impl::judge_risk_again(Now now, const Risk& risk) {
  forget_numbers();
  if (risk.endpoint.empty()) return rematch_finding_later(risk.cve);
  const EndpointUid uid(risk.endpoint);
  const auto* e = registry_.endpoints.find(uid);
  if (e == nullptr || !e->inventory || !e->registered()) return;
  auto& edited = registry_.endpoints.edit(uid);
  match(now, edited);
  settle(now, edited, {});
}

void EmsCore::Impl::expire_risks(Now now) {
  std::vector<Risk> over;
  for (const auto& [id, risk] : registry_.risks.all()) {
    if (!risk.expired && risk.expires_at <= now.wall) over.push_back(risk);
  }
  std::vector<std::string> old;
  for (const auto& [id, risk] : registry_.risks.all()) {
    if (risk.expired && risk.expires_at + kKeepExpired <= now.wall) old.push_back(id);
  }
  for (const auto& id : old) registry_.risks.erase(id);
  for (const auto& risk : over) {
    registry_.risks.edit(risk.id).expired = true;
    audit(now, {"ems", ""}, "risk.expire", risk.id, risk.cve + " counts again");
    judge_risk_again(now, risk);
  }
}

std::vector<const Risk*> EmsCore::risks() const {
  std::vector<const Risk*> out;
  for (const auto& [id, risk] : impl_->registry_.risks.all()) out.push_back(&risk);
  return out;
}

const Risk* EmsCore::risk(std::string_view id) const { return impl_->registry_.risks.find(std::string(id)); }

void EmsCore::accept_risk(Now now, const Actor& actor, Risk risk, Done<std::string> done) {
  auto& risks = impl_->registry_.risks;
  const auto refuse = [&](ErrorCode code, std::string why) { impl_->refuse(std::move(done), {code, std::move(why)}); };
  if (!vuln::plain_text(risk.cve, vuln::kMaxRecordId))
    return refuse(ErrorCode::kInvalidArgument, "cve: a vulnerability's id as findings name it, such as CVE-2024-3094");
  if (!could_be_found(risk.cve)) {
    return refuse(ErrorCode::kInvalidArgument,
                  "cve: no finding is called \"" + risk.cve + "\"; findings name ids such as CVE-2024-3094, in capitals");
  }
  if (!risk.source.empty() && !vuln::plain_text(risk.source, vuln::kMaxPackageName))
    return refuse(ErrorCode::kInvalidArgument, "source: the name of a source package");
  if (!risk.version.empty() && !vuln::plain_text(risk.version, vuln::kMaxPackageName))
    return refuse(ErrorCode::kInvalidArgument, "version: an installed version");
  if (risk.reason.empty() || risk.reason.size() > kMaxReason)
    return refuse(ErrorCode::kInvalidArgument, "reason: say why in 1 to 1000 bytes");
  if (risk.expires_at <= now.wall || risk.expires_at > now.wall + kLongest)
    return refuse(ErrorCode::kInvalidArgument, "expires_at: a moment to come, at most a year from now");
  if (!risk.endpoint.empty() && endpoint(EndpointUid(risk.endpoint)) == nullptr)
    return refuse(ErrorCode::kNotFound, "scope: there is no endpoint " + risk.endpoint);
  if (risks.size() >= kMaxRisks)
    return refuse(ErrorCode::kResourceExhausted, "there are 10,000 accepted risks; remove those that have expired");
  do {
    risk.id = "RSK-" + impl_->random_.readable(8);
  } while (risks.find(risk.id) != nullptr);
  risk.accepted_by = actor.name;
  risk.accepted_at = now.wall;
  risk.expired = false;
  risks.edit(risk.id) = risk;
  const auto text = [](const std::string& s, std::string_view otherwise) { return s.empty() ? std::string(otherwise) : s; };
  impl_->audit(now, actor, "risk.accept", risk.id,
               fmt::format("{} in {}, version {}, on {}, until {}: {}", risk.cve, text(risk.source, "any source"),
                           text(risk.version, "any"), text(risk.endpoint, "all endpoints"), to_iso8601(risk.expires_at),
                           risk.reason));
  impl_->judge_risk_again(now, risk);
  impl_->complete(std::move(done), risk.id);
  impl_->after_input(now);
}

void EmsCore::remove_risk(Now now, const Actor& actor, const std::string& id, DoneStatus done) {
  const auto* known = impl_->registry_.risks.find(id);
  if (known == nullptr) return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no accepted risk " + id});
  const Risk risk = *known;
  impl_->registry_.risks.erase(id);
  impl_->audit(now, actor, "risk.remove", id, risk.expired ? "" : risk.cve + " counts again");
  if (!risk.expired) impl_->judge_risk_again(now, risk);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

}  // namespace postern::ems
