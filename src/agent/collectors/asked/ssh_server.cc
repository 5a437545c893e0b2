// ssh.root_login: by `sshd -T`, which follows Include and knows the defaults of its own version.
#include "agent/collectors/asked/ssh_server.h"

#include "agent/collectors/asked.h"
#include "agent/collectors/run_program.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace ssh_server_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kServers[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd"};
constexpr std::chrono::milliseconds kPatience{5000};

void answer(const Question&, Facts& facts) {
  const char* server = nullptr;
  for (const auto* place : kServers) {
    if (server == nullptr && facts.exists(place)) server = place;
  }
  if (server == nullptr) return facts.know(keys::kSshRootLogin, std::string("no-server"), kServers[0]);
  // An image's program is not run.
  if (facts.foreign()) return facts.unknown(keys::kSshRootLogin, UnknownReason::kUnsupported, kForeignRoot);
  // Of a connection that no Match block names, as root from anywhere.
  const auto output = run_program({server, "-T", "-C", "user=root,host=anywhere.invalid,addr=192.0.2.1"}, kPatience);
  const auto login = output && output->exit_status == 0 ? parse_root_login(output->text) : std::string();
  if (!login.empty()) return facts.know(keys::kSshRootLogin, login, std::string(server) + " -T");
  facts.unknown(keys::kSshRootLogin, output ? UnknownReason::kFailed : reason_of(output.error()),
                output ? std::string(server) + " -T could not read its configuration" : output.error().message);
}

Triggers triggers(const Question&, const Facts&) {
  return {.files = {kServers[0], kServers[1], "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"}};
}

}  // namespace
}  // namespace ssh_server_family

std::string parse_root_login(std::string_view text) {
  constexpr std::string_view kKey = "permitrootlogin ";
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (!line.starts_with(kKey)) continue;
    const auto value = to_lower(trim(line.substr(kKey.size())));
    return value == "without-password" ? "prohibit-password" : value;
  }
  return {};
}

namespace asked {
const AskedFamily& ssh_server() {
  static const AskedFamily kFamily{.name = "ssh server",
                                   .keys = {posture::keys::kSshRootLogin},
                                   .answer = ssh_server_family::answer,
                                   .triggers = ssh_server_family::triggers,
                                   .pause = std::chrono::milliseconds(100),
                                   .slow = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
