#include "agent/shell/commands.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "agent/core/agent_core.h"
#include "agent/local_api/request.h"
#include "agent/local_api/status.h"
#include "base/text.h"
#include "net/unix_socket.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

using std::chrono::seconds;

/// The longest that an agent may work on these before it answers; one that takes longer stands still.
constexpr seconds kLongestRecheck{120};  // thousands of packages, from a slow disk
constexpr seconds kLongestAddress{40};   // to connect and to answer, ten seconds each; once more with a new key
constexpr seconds kLongestFirstConnection{10};
constexpr seconds kLongestDeregistration = AgentCore::kLeavePatience + net::kSilenceEnds;

seconds longest_enrolment(std::size_t addresses) {
  return kLongestAddress * static_cast<int>(addresses) + kLongestFirstConnection + net::kSilenceEnds;
}

int complain(const Error& error, int status) {
  std::cerr << "postern-agent: " << one_line(error.message) << "\n";  // a server may have had a part in it
  return status;
}

struct Answer {
  int exit_status = 0;
  std::string status;  // JSON
};

std::string silent(seconds limit) {
  return fmt::format("postern-agent: the agent has not answered for {} seconds; waiting for {} more{}",
                     net::kSilenceTold.count(), (limit - net::kSilenceTold).count(),
                     limit > net::kSilenceEnds ? " at most (this may take it a while)" : "");
}

Error stands_still(seconds limit, bool changes) {
  return {ErrorCode::kDeadlineExceeded,
          fmt::format("the agent has not answered for {} seconds: its process stands still or is stuck. Look at it (ps -o "
                      "pid,stat,cmd -C postern-agent) and at its log: one that was stopped (T) goes on with kill -CONT, "
                      "else restart it{}",
                      limit.count(),
                      changes ? ". Whether it has carried this out is not known: look (postern-agent status) before "
                                "you repeat it"
                              : "")};
}

Answer ask(const std::string& runtime_dir, const LocalRequest& request, net::Patience& patience,
           seconds limit = net::kSilenceEnds) {
  const auto path = (std::filesystem::path(runtime_dir) / kLocalSocket).string();
  const auto reply = net::unix_call(path, print_local_request(request), limit, silent(limit), patience);
  if (!reply && reply.error().code == ErrorCode::kDeadlineExceeded) {
    return {complain(stands_still(limit, needs_owner(request.command)), 2), {}};
  }
  if (!reply) return {complain(reply.error(), 2), {}};
  auto answer = parse_local_answer(*reply);
  if (!answer) return {complain(answer.error(), 1), {}};
  return {0, std::move(*answer)};
}

}  // namespace

int status_command(const std::string& runtime_dir, bool json, net::Patience& patience) {
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kStatus, {}}, patience);
  if (answer.exit_status != 0) return answer.exit_status;
  if (json) {
    std::cout << answer.status << "\n";
    return 0;
  }
  const auto text = status_text(answer.status);
  if (!text) return complain(text.error(), 1);
  std::cout << *text;
  return 0;
}

int enrol_command(const std::string& runtime_dir, const std::string& argument, net::Patience& patience) {
  std::string invitation = argument;
  if (argument == "-") {
    invitation.clear();
    for (char c; invitation.size() <= proto::kMaxInvitation && std::cin.get(c);) invitation += c;
  }
  invitation = trim(invitation);
  // What is no invitation needs no daemon to be told so.
  const auto parsed = proto::parse_invitation(invitation);
  if (!parsed) return complain(parsed.error(), 1);
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kEnrol, invitation}, patience,
                          longest_enrolment(parsed->addresses.size()));
  if (answer.exit_status != 0) return answer.exit_status;
  const auto text = status_text(answer.status);
  if (!text) return complain(text.error(), 1);
  std::cout << (status_connected(answer.status)
                    ? "enrolled\n"
                    : "enrolled; not connected yet, the agent goes on trying (postern-agent status)\n")
            << *text;
  return 0;
}

int deregister_command(const std::string& runtime_dir, bool force, net::Patience& patience) {
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kDeregister, {}, force}, patience, kLongestDeregistration);
  if (answer.exit_status != 0) return answer.exit_status;
  if (const auto untold = untold_text(answer.status)) {
    std::cout << "deregistered on this machine alone: key and certificate are destroyed, but the EMS could not be told ("
              << untold->because << "). While it takes the endpoint for online a copy of the certificate is let in: "
              << "have an administrator of the EMS run: postern deregister " << untold->uid << "\n";
    return 0;
  }
  std::cout << "deregistered: the EMS has stored it and tells its gateways; key and certificate are destroyed\n";
  return 0;
}

int recheck_command(const std::string& runtime_dir, net::Patience& patience) {
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kRecheck, {}}, patience, kLongestRecheck);
  if (answer.exit_status != 0) return answer.exit_status;
  std::cout << "everything was read again\n";
  return 0;
}

}  // namespace postern::agent
