#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_schedule_recurring() {
  Table t;
  t.name = "firewall schedule recurring";
  t.help = "Times of the week, in the machine's local time, for policies.";
  t.key = text("name", "Name of the schedule.", 35, 1);
  t.attributes = {
      option("day", "Days on which it begins.",
             {{"sunday", "Sundays."},
              {"monday", "Mondays."},
              {"tuesday", "Tuesdays."},
              {"wednesday", "Wednesdays."},
              {"thursday", "Thursdays."},
              {"friday", "Fridays."},
              {"saturday", "Saturdays."}})
          .list()
          .must(),
      of_type("start", Type::kTime, "From this time on.").by_default("00:00"),
      of_type("end", Type::kTime, "Until this time; before start: of the next day; the same: around the clock.")
          .by_default("00:00"),
  };
  Object always, none;
  always.key = "always";
  always.values["day"] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
  none.key = "none";
  t.built_in = {always, none};
  return t;
}

}  // namespace postern::gateway::config::tables
