#pragma once
// What programs of this machine ask of the agent, over its Unix socket: one JSON object a message.
//   {"command":"status"}                        -> {"status":{…}}
//   {"command":"destinations"}                  -> {"status":[{…}, …]}, see forward/forwarding.h
//   {"command":"enrol","invitation":"postern://…"}   root or the agent's own user
//   {"command":"deregister"}  {"command":"recheck"}  likewise; deregister may have "force":"yes"
//   deregister answers {"status":{"ems_told":true}}, forced perhaps {"ems_told":false,"because":"…","uid":"…"}
// An answer is {"ok":true,…} or {"error":{"code":"…","message":"…"}}.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::agent {

inline constexpr std::size_t kMaxLocalMessage = 1u << 20;
inline constexpr const char* kLocalSocket = "agent.sock";  ///< In the runtime directory.

struct LocalRequest {
  enum class Command { kStatus, kEnrol, kDeregister, kRecheck, kDestinations } command = Command::kStatus;
  std::string invitation;  ///< Of kEnrol.
  bool force = false;      ///< Of kDeregister: also when the EMS can't be told.
  friend bool operator==(const LocalRequest&, const LocalRequest&) = default;
};

/// Does this command change something, so that not everybody may give it?
bool needs_owner(LocalRequest::Command command);

/// Strict: unknown commands and members are refused. Error: kInvalidArgument.
Result<LocalRequest> parse_local_request(std::string_view message);
std::string print_local_request(const LocalRequest& request);

/// {"ok":true} and, when `status_json` is not empty, "status" with this object.
std::string local_answer(std::string_view status_json = {});
std::string local_error(const Error& error);
/// The status object's JSON text, or empty; errors as they were answered. kDataLoss: not an answer.
Result<std::string> parse_local_answer(std::string_view message);

}  // namespace postern::agent
