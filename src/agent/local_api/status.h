#pragma once
// What the agent says of itself to its machine's people and programs.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/agent_core.h"
#include "base/clock.h"
#include "base/result.h"

namespace postern::agent {

struct Source;

struct AgentStatus {
  std::string version;
  Registration registration = Registration::kUnregistered;
  std::string deregistered_because;
  std::string uid, host_name;
  std::string ems_serial, ems_address, tenant_id;
  bool connected = false;
  std::optional<WallTime> connected_since;
  std::string certificate_sn;
  std::optional<WallTime> certificate_expires;
  bool certificate_expired = false;
  std::string profile;                   ///< Empty until the EMS has sent it.
  bool show_tags = false;
  bool vulnerability_scan = true;
  std::optional<bool> quarantined;       ///< None until the EMS has said.
  std::vector<proto::agent::Tag> tags;   ///< Empty unless show_tags.
  struct From {
    std::string name, by, note;
    bool events = false;
    Seconds every{1};                    ///< How often it is looked at without them.
  };
  std::vector<From> sources;
  std::string last_error;
};

/// An object. Stable: `postern-agent status --json` prints it and the window reads it. "tags" and "unknown_tags" are
/// lists of
/// {"name","state","message"}, the state "held" or "unknown"; both empty while "show_tags" is false. "quarantined" is
/// null until the EMS has said. Times are ISO 8601 or null.
std::string status_json(const AgentStatus& status);
/// For people: what `postern-agent status` prints of that object. Error: kDataLoss.
Result<std::string> status_text(std::string_view json);
/// Does that object say that the agent is connected? False for anything else.
bool status_connected(std::string_view json);

/// What deregister answers: {"ems_told":true}, or, where this machine forgot its enrolment although the EMS could not be
/// told, {"ems_told":false,"because":…,"uid":…}.
std::string left_json();
std::string left_json(std::string_view because, std::string_view uid);
struct Untold {
  std::string because, uid;  ///< Safe to print in a line.
};
/// None: the EMS was told.
std::optional<Untold> untold_text(std::string_view json);

}  // namespace postern::agent
