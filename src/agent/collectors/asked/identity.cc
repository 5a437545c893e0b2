// user.identity: the account that a person has with a service. Linux has no place for it: an administrator may name it in
// /etc/postern/identity.conf, one "service=account" a line.
#include "agent/collectors/asked.h"
#include "agent/collectors/os/key_values.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace identity_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;
constexpr const char* kFile = "/etc/postern/identity.conf";

void answer(const Question& question, Facts& facts) {
  const auto text = facts.read(kFile, 1u << 20);
  for (const auto& service : question.arguments(keys::kUserIdentity)) {
    const auto key = keys::with(keys::kUserIdentity, service);
    if (!text) {
      facts.unknown(key, reason_of(text.error()), kFile);
      continue;
    }
    const auto account = value_of(parse_key_values(*text), service);
    if (account.empty()) {
      facts.unknown(key, UnknownReason::kUnsupported, std::string(kFile) + " does not name it");
    } else {
      facts.know(key, account, kFile);
    }
  }
}

Triggers triggers(const Question&, const Facts&) { return {.files = {kFile}}; }

}  // namespace
}  // namespace identity_family

namespace asked {
const AskedFamily& identity() {
  static const AskedFamily kFamily{.name = "identity",
                                   .keys = {posture::keys::kUserIdentity},
                                   .answer = identity_family::answer,
                                   .triggers = identity_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
