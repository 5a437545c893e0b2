#include "proto/telemetry_server.h"

#include <cstring>
#include <set>

#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "proto/deflate.h"
#include "proto/fact_codec.h"
#include "proto/serialize.h"
#include "wire/telemetry.pb.h"

namespace postern::proto {
namespace {

using wire::TelemetryFrame;

Status check_key(const std::string& key) {
  if (key.empty() || key.size() > telemetry::kMaxFactKey) return invalid("a fact whose key is empty or too long");
  if (key.starts_with(posture::keys::kEmsPrefix) || key.starts_with(posture::keys::kTagPrefix)) {
    return invalid(fmt::format("the fact {} is the EMS's to say", key));
  }
  return {};
}

Result<telemetry::Report> read_report(const wire::Report& in) {
  const auto count = static_cast<std::size_t>(in.facts_size()) + static_cast<std::size_t>(in.removed_size());
  if (count > telemetry::kMaxFactsPerReport) {
    return invalid(fmt::format("a report of {} facts; {} is the most", count, telemetry::kMaxFactsPerReport));
  }
  telemetry::Report out;
  out.seq = in.seq();
  out.full = in.full();
  std::set<std::string_view> seen;
  for (const auto& f : in.facts()) {
    if (auto ok = check_key(f.key()); !ok) return fail(ok.error());
    if (!seen.insert(f.key()).second) return invalid(fmt::format("the fact {} twice in one report", f.key()));
    auto fact = decode_fact(f);
    if (!fact) return fail(fact.error().context("fact " + f.key()));
    out.facts.emplace_back(f.key(), std::move(*fact));
  }
  for (const auto& key : in.removed()) {
    if (auto ok = check_key(key); !ok) return fail(ok.error());
    if (!seen.insert(key).second) return invalid(fmt::format("the fact {} both reported and removed", key));
    out.removed.push_back(key);
  }
  return out;
}

}  // namespace

Result<telemetry::Event> TelemetryServer::on_frame(ByteView bytes) {
  if (bytes.size() > telemetry::kMaxFrame) return invalid("a frame that is too large");
  TelemetryFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return invalid("a damaged frame");
  if (frame.kind_case() == TelemetryFrame::kHello) {
    if (helloed_) return invalid("a second hello");
    const auto& in = frame.hello();
    telemetry::Hello hello{in.agent_version(), in.boot_id(), in.last_acked_seq(), in.probes_version(),
                           in.run_id(),        parse_endpoint_uid(in.uid())};
    if (hello.uid.empty()) return invalid("a hello without a valid UID");
    if (hello.agent_version.size() > 255 || hello.boot_id.size() > 255) return invalid("a hello that is too long");
    helloed_ = true;
    return hello;
  }
  if (!welcomed_) return invalid("something before hello was answered");
  switch (frame.kind_case()) {
    case TelemetryFrame::kReport: {
      auto report = read_report(frame.report());
      if (!report) return fail(report.error());
      if (report->seq == 0) return invalid("a report without a number");
      if (first_report_) {
        if (full_wanted_ && !report->full) return invalid("a partial report where a full one was asked for");
        // One that was sent before and not acknowledged comes again: taken again, its values are absolute.
        if (!report->full && report->seq > last_seq_ + 1) {
          return invalid(fmt::format("report {} after {}: some are missing", report->seq, last_seq_));
        }
      } else if (report->seq != last_seq_ + 1) {
        return invalid(fmt::format("report {} after {}", report->seq, last_seq_));
      }
      first_report_ = false;
      full_wanted_ = false;
      last_seq_ = report->seq;
      return std::move(*report);
    }
    case TelemetryFrame::kInventoryOffer: {
      const auto hash = parse_sha256(frame.inventory_offer().hash());
      if (!hash) return fail(hash.error());
      return telemetry::InventoryOffer{*hash, from_unix_ms(frame.inventory_offer().collected_at_ms())};
    }
    case TelemetryFrame::kInventory: {
      const auto hash = parse_sha256(frame.inventory().hash());
      if (!hash) return fail(hash.error());
      if (!wanted_ || *wanted_ != *hash) return invalid("an inventory that was not asked for");
      auto text = inflate_text(frame.inventory().zlib(), telemetry::kMaxInventory);
      if (!text) return fail(text.error().context("inventory"));
      if (sha256(*text) != *hash) return invalid("an inventory that does not have its hash");
      wanted_.reset();
      return telemetry::Inventory{*hash, std::move(*text), frame.inventory().zlib()};
    }
    case TelemetryFrame::kKeepalive: return telemetry::Keepalive{frame.keepalive().seq()};
    case TelemetryFrame::kRenewRequest: {
      const auto& csr = frame.renew_request().csr_der();
      if (csr.size() > telemetry::kMaxRequest) return invalid("a signing request that is too large");
      return telemetry::Renew{Bytes(csr.begin(), csr.end())};
    }
    case TelemetryFrame::kDeregister: return telemetry::Deregister{};
    default: return invalid("a frame that agents don't send");
  }
}

Bytes TelemetryServer::welcome(const telemetry::WelcomeInfo& info, std::uint64_t acked_seq, bool full_report) {
  welcomed_ = true;
  full_wanted_ = full_report;
  last_seq_ = acked_seq;
  first_report_ = true;
  TelemetryFrame frame;
  auto& w = *frame.mutable_welcome();
  w.set_ems_serial(info.ems_serial.str());
  w.set_tenant_id(info.tenant.str());
  w.set_keepalive_s(static_cast<std::uint32_t>(info.keepalive.count()));
  w.set_full_report_wanted(full_report);
  w.set_ems_time_ms(to_unix_ms(info.now));
  return serialize(frame);
}

Bytes TelemetryServer::want_inventory(const Sha256& hash) {
  wanted_ = hash;
  TelemetryFrame frame;
  frame.mutable_inventory_wanted()->set_hash(to_text(hash));
  return serialize(frame);
}

Bytes TelemetryServer::ack(std::uint64_t seq) {
  TelemetryFrame frame;
  frame.mutable_ack()->set_seq(seq);
  return serialize(frame);
}

Bytes TelemetryServer::keepalive_ack(std::uint64_t seq) {
  TelemetryFrame frame;
  frame.mutable_keepalive_ack()->set_seq(seq);
  return serialize(frame);
}

Bytes TelemetryServer::tag_state(const std::vector<telemetry::TagStateEntry>& tags, bool show, bool quarantined,
                                 std::uint64_t revision) {
  TelemetryFrame frame;
  auto& state = *frame.mutable_tag_state();
  for (const auto& tag : tags) {
    auto& out = *state.add_tags();
    out.set_name(tag.name);
    out.set_message(tag.message);
    out.set_unknown(tag.unknown);
  }
  state.set_show(show);
  state.set_quarantined(quarantined);
  state.set_revision(revision);
  return serialize(frame);
}

Bytes TelemetryServer::probes(std::uint64_t version, const std::vector<std::string>& keys) {
  TelemetryFrame frame;
  frame.mutable_probes()->set_version(version);
  for (const auto& key : keys) frame.mutable_probes()->add_keys(key);
  return serialize(frame);
}

Bytes TelemetryServer::profile(const telemetry::ProfileInfo& profile) {
  TelemetryFrame frame;
  auto& out = *frame.mutable_profile();
  out.set_name(profile.name);
  out.set_show_tags(profile.show_tags);
  out.set_vulnerability_scan(profile.vulnerability_scan);
  out.set_inventory_interval_s(static_cast<std::uint32_t>(profile.inventory_interval.count()));
  out.set_ztna_destinations(profile.destinations);
  return serialize(frame);
}

Bytes TelemetryServer::renewed(const std::vector<Bytes>& chain_der) {
  TelemetryFrame frame;
  auto& out = *frame.mutable_renew_response();
  for (const auto& der : chain_der) out.add_chain_der(to_text(der));
  return serialize(frame);
}

Bytes TelemetryServer::renewal_refused(const Error& error) {
  TelemetryFrame frame;
  auto& out = *frame.mutable_renew_response();
  out.set_error_code(std::string(error_code_name(error.code)));
  out.set_error_message(error.message);
  return serialize(frame);
}

Bytes TelemetryServer::goodbye(std::string_view reason, Millis retry_after, std::string_view message) {
  TelemetryFrame frame;
  auto& out = *frame.mutable_goodbye();
  out.set_reason(std::string(reason));
  out.set_retry_after_ms(static_cast<std::uint32_t>(retry_after.count()));
  out.set_message(std::string(message));
  return serialize(frame);
}

}  // namespace postern::proto
