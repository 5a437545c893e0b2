#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

/// "08:30 2026/11/27" as a text that is in the order of time.
std::string in_order(const std::string& moment) { return moment.substr(6) + ' ' + moment.substr(0, 5); }

}  // namespace

Table firewall_schedule_onetime() {
  Table t;
  t.name = "firewall schedule onetime";
  t.help = "A span of time, in the machine's local time, for policies. Names are shared by all schedules.";
  t.key = text("name", "Name of the schedule.", 35, 1);
  t.attributes = {
      of_type("start", Type::kMoment, "From this minute on.").must(),
      of_type("end", Type::kMoment, "Until this minute.").must(),
      number("expiration-days", "Days before its end at which to warn.", 0, 100).by_default("3").inert(),
  };
  t.check = [](const ObjectView& o) -> Status {
    if (in_order(o.text("start")) < in_order(o.text("end"))) return {};
    return fail(ErrorCode::kInvalidArgument,
                "end: \"" + o.text("end") + "\" is not allowed; allowed: a moment after start (" + o.text("start") + ")");
  };
  return t;
}

}  // namespace postern::gateway::config::tables
