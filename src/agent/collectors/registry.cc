#include <algorithm>

#include "agent/collectors/agent/agent.h"
#include "agent/collectors/avatar/avatar.h"
#include "agent/collectors/collector.h"
#include "agent/collectors/domain/domain.h"
#include "agent/collectors/hardware/hardware.h"
#include "agent/collectors/network/network.h"
#include "agent/collectors/os/os.h"
#include "agent/collectors/packages/packages.h"
#include "agent/collectors/protection/protection.h"
#include "agent/collectors/users/users.h"

namespace postern::agent {

std::span<const Collector> collectors() {
  static const Collector kAll[] = {
      {"os", collect_os, kOsFiles},
      {"hardware", collect_hardware, {}},
      {"users", collect_users, kUserFiles},
      {"avatar", collect_avatar, kAvatarFiles, avatar_files},
      {"domain", collect_domain, kDomainFiles},
      {"network", collect_network, {}},
      {"packages", collect_packages, kPackageFiles},
      {"protection", collect_protection, kProtectionFiles},
      {"agent", collect_agent, {}},
  };
  return kAll;
}

const Collector& collector(std::string_view name) { return *std::ranges::find(collectors(), name, &Collector::name); }

std::vector<std::string> files_of(const Collector& family, const Facts& facts) {
  std::vector<std::string> out(family.files.begin(), family.files.end());
  if (family.more_files != nullptr) {
    for (auto& path : family.more_files(facts)) out.push_back(std::move(path));
  }
  return out;
}

posture::FactMap collect_all(const std::filesystem::path& root, WallTime now) {
  Facts facts(root, now);
  for (const auto& family : collectors()) family.collect(facts);
  return facts.take();
}

}  // namespace postern::agent
