// Texts and tables of the machine that the agent reads when a rule asks: the first byte says which.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "agent/collectors/asked/certificates.h"
#include "agent/collectors/asked/dhcp.h"
#include "agent/collectors/asked/directory_service.h"
#include "agent/collectors/asked/disks.h"
#include "agent/collectors/asked/files.h"
#include "agent/collectors/asked/kernel.h"
#include "agent/collectors/asked/listening.h"
#include "agent/collectors/asked/reachability.h"
#include "agent/collectors/asked/resolver.h"
#include "agent/collectors/asked/security_modules.h"
#include "agent/collectors/asked/security_updates.h"
#include "agent/collectors/asked/services.h"
#include "agent/collectors/asked/ssh_server.h"
#include "agent/collectors/asked/support.h"
#include "agent/collectors/desktop/dconf.h"
#include "agent/collectors/desktop/kde_screen_lock.h"
#include "agent/collectors/kept.h"
#include "agent/collectors/owning_package.h"
#include "agent/collectors/packages/apt_settings.h"
#include "agent/collectors/packages/update_logs.h"
#include "agent/collectors/protection/clamav.h"
#include "base/hex.h"
#include "vuln/running_kernel.h"

namespace {

using namespace postern::agent;

void require(bool holds) {
  if (!holds) std::abort();
}

void machine(std::string_view text) {
  if (const auto mounts = parse_mountinfo(text)) require(mounts->size() <= kMaxMounts);
  mount_option(text, "upperdir");
  postern::vuln::debian_kernel_build(text);
  postern::vuln::ubuntu_kernel_build(text);
  postern::vuln::alpine_kernel_build(text);
  kernel_flavour(text);
  older_kernel(text, "6.1.0-9-amd64");
  parse_lsm(text);
  any_profile_enforced(text);
  parse_day(text);
  parse_clam_built(text);
  parse_root_login(text);
  parse_sshd_config(text, true);
  parse_sshd_config(text, false);
  parse_unit_states(text);
  parse_start(text, text);
  // A unit's name that is taken can be no option and no pattern.
  const auto unit = unit_name(text);
  require(unit.empty() || (unit.front() != '-' && unit.find_first_of("*?[ /") == unit.npos));
}

void updates(std::string_view text) {
  parse_local_time(text);
  last_dpkg_upgrade(text);
  last_apt_upgrade(text);
  parse_zoned_time(text);
  last_dnf_upgrade(text);
  last_zypp_patch(text);
  has_apt_commands(text);
  AptSettings settings;
  parse_apt_conf(text, settings);
  require(settings.size() <= kMaxAptSettings);
  require(apt_lists_directory(settings).starts_with('/'));
  is_apt_conf_name(text);
  lists_file(text, "/usr/bin/x");
  const auto release = parse_apt_release(text);
  is_security_of(release, release.codename);
  parse_release_date(text);
  const auto listed = parse_packages_index(text);
  if (!listed) return;
  std::vector<postern::vuln::Package> installed;
  for (const auto& one : *listed) installed.push_back({std::string(one.name), std::string(one.arch), "1.0-1", "", ""});
  std::ranges::sort(installed);
  std::vector<bool> older(installed.size());
  mark_older(installed, *listed, older);
}

void network(std::string_view text) {
  std::set<std::string> sockets;
  parse_sockets(text, false, sockets);
  parse_sockets(text, true, sockets);
  parse_socket_diag(postern::as_bytes(text), false, sockets);
  parse_socket_diag(postern::as_bytes(text), true, sockets);
  require(sockets.size() <= kMaxListening);
  parse_name_servers(text);
  require(parse_dhclient_leases(text, postern::from_unix_ms(1)).size() <= kMaxLeases);
  parse_key_value_lease(text);
  parse_device_state(text);
  arp_entry(text, "10.0.1.1");
  local_addresses(text);
  if (const auto web = parse_web_address(text)) {
    require(!web->host.empty() && web->path.front() == '/' && web->path.find_first_of("\r\n ") == web->path.npos);
  }
  is_http_answer(text);
  is_echo(postern::as_bytes(text), false, true, 1, 1);
  is_echo(postern::as_bytes(text), true, false, 1, 1);
}

void people(std::string_view text) {
  parse_keytab_realms(text);
  parse_samba_realm(text);
  parse_sssd_domains(text);
  domain_of_login(text);
  parse_table_column(text, 2);
  sets_dconf_profile(text);
  if (const auto names = parse_dconf_profile(text)) {
    for (const auto& name : *names) require(!name.empty() && name.find('/') == name.npos && name.front() != '.');
  }
  parse_kscreenlockerrc(text);
}

void certificates(std::string_view text) {
  for (const auto& der : pem_certificates(text)) describe_certificate(der, "x");
  describe_certificate(postern::as_bytes(text), "x");
  if (const auto asked = parse_file_matches(text)) require(!asked->first.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto text = postern::as_text({data + 1, size - 1});
  switch (data[0] % 6) {
    case 0: machine(text); break;
    case 1: updates(text); break;
    case 2: network(text); break;
    case 3: people(text); break;
    case 4: certificates(text); break;
    case 5: {
      // A rule's pattern over a file's lines, the pattern in front of the first line's end.
      const auto end = text.find('\n');
      if (end != text.npos && end < 256) search_lines(text.substr(end + 1), std::string(text.substr(0, end)));
      break;
    }
  }
  return 0;
}
