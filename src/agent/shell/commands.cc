#include "agent/shell/commands.h"

#include <filesystem>
#include <iostream>
#include <iterator>

#include "agent/local_api/request.h"
#include "agent/local_api/status.h"
#include "base/text.h"
#include "net/unix_socket.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

// Several addresses, each of which may take its ten seconds.
constexpr std::chrono::seconds kPatience{200};

int complain(const Error& error, int status) {
  std::cerr << "postern-agent: " << one_line(error.message) << "\n";  // a server may have had a part in it
  return status;
}

struct Answer {
  int exit_status = 0;
  std::string status;  // JSON
};

Answer ask(const std::string& runtime_dir, const LocalRequest& request) {
  const auto path = (std::filesystem::path(runtime_dir) / kLocalSocket).string();
  const auto reply = net::unix_call(path, print_local_request(request), kPatience);
  if (!reply) return {complain(reply.error(), 2), {}};
  auto answer = parse_local_answer(*reply);
  if (!answer) return {complain(answer.error(), 1), {}};
  return {0, std::move(*answer)};
}

}  // namespace

int status_command(const std::string& runtime_dir, bool json) {
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kStatus, {}});
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

int enrol_command(const std::string& runtime_dir, const std::string& argument) {
  std::string invitation = argument;
  if (argument == "-") {
    invitation.clear();
    for (char c; invitation.size() <= proto::kMaxInvitation && std::cin.get(c);) invitation += c;
  }
  invitation = trim(invitation);
  // What is no invitation needs no daemon to be told so.
  if (const auto parsed = proto::parse_invitation(invitation); !parsed) return complain(parsed.error(), 1);
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kEnrol, invitation});
  if (answer.exit_status != 0) return answer.exit_status;
  const auto text = status_text(answer.status);
  if (!text) return complain(text.error(), 1);
  std::cout << (status_connected(answer.status)
                    ? "enrolled\n"
                    : "enrolled; not connected yet, the agent goes on trying (postern-agent status)\n")
            << *text;
  return 0;
}

int deregister_command(const std::string& runtime_dir) {
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kDeregister, {}});
  if (answer.exit_status != 0) return answer.exit_status;
  std::cout << "deregistered: key and certificate are destroyed; the EMS shows this endpoint as offline until it is "
               "removed there\n";
  return 0;
}

int recheck_command(const std::string& runtime_dir) {
  const auto answer = ask(runtime_dir, {LocalRequest::Command::kRecheck, {}});
  if (answer.exit_status != 0) return answer.exit_status;
  std::cout << "everything was read again\n";
  return 0;
}

}  // namespace postern::agent
