#include "vuln/osv_ranges.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/versions/order.h"

namespace postern::vuln {
namespace {

constexpr std::string_view kFirst =
    "0";  // Of an `introduced`: before every version, also before 0~.

bool from_the_first(const RangeEvent& e) {
  return e.kind == RangeEventKind::kIntroduced && e.version == kFirst;
}

std::weak_ordering compare_events(versions::Order order, const RangeEvent& a, const RangeEvent& b) {
  if (from_the_first(a) || from_the_first(b)) return from_the_first(b) <=> from_the_first(a);
  if (const auto c = versions::compare(order, a.version, b.version); c != 0) return c;
  return a.kind <=> b.kind;
}

bool is_empty(versions::Order order, const AffectedInterval& i) {
  if (i.introduced.empty()) return i.fixed == kFirst;  // "Fixed in 0": never affected.
  if (!i.fixed.empty()) return versions::compare(order, i.introduced, i.fixed) >= 0;
  return !i.last_affected.empty() && versions::compare(order, i.introduced, i.last_affected) > 0;
}

}  // namespace

std::optional<RangeEventKind> range_event_kind(std::string_view name) {
  if (name == "introduced") return RangeEventKind::kIntroduced;
  if (name == "fixed") return RangeEventKind::kFixed;
  if (name == "last_affected") return RangeEventKind::kLastAffected;
  if (name == "limit") return RangeEventKind::kLimit;
  return std::nullopt;
}

Status add_intervals(versions::Order order, std::vector<RangeEvent> events,
                     std::vector<AffectedInterval>& intervals) {
  bool introduced = false;
  for (const auto& e : events) {
    if (e.kind == RangeEventKind::kLimit) {
      return fail(ErrorCode::kInvalidArgument,
                  "a range of versions has a \"limit\", which is for commits");
    }
    if (!versions::valid(order, e.version)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("a range has an event whose version is no {} version", versions::order_name(order)));
    }
    introduced = introduced || e.kind == RangeEventKind::kIntroduced;
  }
  if (!introduced) return fail(ErrorCode::kInvalidArgument, "a range has no \"introduced\" event");
  std::stable_sort(events.begin(), events.end(),
                   [&](const RangeEvent& a, const RangeEvent& b) { return compare_events(order, a, b) < 0; });
  std::optional<AffectedInterval> open;
  const auto close = [&] {
    if (open && !is_empty(order, *open)) intervals.push_back(std::move(*open));
    open.reset();
  };
  for (const auto& e : events) {
    if (e.kind == RangeEventKind::kIntroduced) {
      if (!open)
        open =
            AffectedInterval{e.version == kFirst ? std::string() : std::string(e.version), {}, {}};
    } else if (open) {
      (e.kind == RangeEventKind::kFixed ? open->fixed : open->last_affected) = e.version;
      close();
    }
  }
  close();
  return {};
}

}  // namespace postern::vuln
