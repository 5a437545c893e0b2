#pragma once
// The keys of facts: the vocabulary between collectors (src/agent/collectors), the EMS and rules. Stable: they are
// stored and sent. A key with a colon takes an argument: "process.running:sshd".
#include <string>
#include <string_view>

namespace postern::posture::keys {

// What the endpoint is. Text unless said otherwise.
inline constexpr std::string_view kHostName = "host.name";
inline constexpr std::string_view kHostDescription = "host.description";
inline constexpr std::string_view kMachineId = "host.machine_id";
inline constexpr std::string_view kHardwareUuid = "host.hardware_uuid";
inline constexpr std::string_view kHostModel = "host.model";
inline constexpr std::string_view kHostManufacturer = "host.manufacturer";
inline constexpr std::string_view kCpuModel = "cpu.model";
inline constexpr std::string_view kMemoryMb = "memory.mb";            ///< Integer, MiB.
inline constexpr std::string_view kOsFamily = "os.family";            ///< "linux", "windows", "macos", "ios", "android".
inline constexpr std::string_view kOsType = "os.type";                ///< "LINUX64", "LINUX_ARM64", "WIN64", "MAC".
inline constexpr std::string_view kOsId = "os.id";                    ///< os-release ID: "debian".
inline constexpr std::string_view kOsName = "os.name";                ///< os-release NAME: "Debian GNU/Linux".
inline constexpr std::string_view kOsVersionId = "os.version_id";     ///< os-release VERSION_ID: "12".
inline constexpr std::string_view kOsVersion = "os.version";          ///< As people read it.
inline constexpr std::string_view kKernelRelease = "kernel.release";  ///< uname -r of the running kernel.
inline constexpr std::string_view kKernelPackage = "kernel.package";  ///< Binary package that owns the running kernel.
inline constexpr std::string_view kDomain = "domain.name";
inline constexpr std::string_view kLoggedInUsers = "user.logged_in";  ///< Text list.
inline constexpr std::string_view kLastLoginUser = "user.last_login";
inline constexpr std::string_view kOwner = "user.owner";

// Network.
inline constexpr std::string_view kInterfaces = "net.interfaces";  ///< Interface list, all that are up.
inline constexpr std::string_view kRoutes = "net.routes";          ///< Default routes.
inline constexpr std::string_view kMacs = "net.macs";              ///< Text list: every hardware address, up or not.

// The agent and what protects the endpoint. Features are booleans: is such protection on this machine and active. A VPN is
// dialled when it is needed: it counts as active when its client is installed, or a tunnel of another one is up.
inline constexpr std::string_view kAgentVersion = "agent.version";
inline constexpr std::string_view kAvDbVersion = "av.db_version";
inline constexpr std::string_view kAppSignatureVersion = "app_control.signature_version";
inline constexpr std::string_view kVulnEngineVersion = "vuln.engine_version";
inline constexpr std::string_view kFeatureAv = "feature.av";
inline constexpr std::string_view kFeatureFirewall = "feature.fw";
inline constexpr std::string_view kFeatureWebFilter = "feature.wf";
inline constexpr std::string_view kFeatureAntiSpam = "feature.as";
inline constexpr std::string_view kFeatureVulnScan = "feature.vs";
inline constexpr std::string_view kFeatureVpn = "feature.vn";
inline constexpr std::string_view kAvatarSource = "avatar.source";
inline constexpr std::string_view kInventoryHash = "package.inventory";  ///< Upper-case hex SHA-256.

// ---- Only what a rule asks for (TagEngine::required_facts) ------------------------------------------------------------

// State of the system.
inline constexpr std::string_view kHardwareSerial = "host.serial";       ///< Of the hardware, as its firmware says.
inline constexpr std::string_view kKernelNewest = "kernel.newest";        ///< Release of the newest installed kernel.
inline constexpr std::string_view kRebootNeeded = "os.reboot_needed";     ///< Boolean.
inline constexpr std::string_view kSupportEnd = "os.support_end";         ///< Integer, Unix ms, as the system itself says.
inline constexpr std::string_view kUpdatedAt = "update.installed_at";     ///< Integer, Unix ms: a package was last brought up to date.
inline constexpr std::string_view kUpdateCheckedAt = "update.checked_at";  ///< Integer, Unix ms: lists of updates last fetched.
inline constexpr std::string_view kSecurityPending = "update.security_pending";  ///< Integer: packages older than a security update.
inline constexpr std::string_view kSecurityListsAt = "update.security_lists_at";  ///< Integer, Unix ms: when the archive made what that is known by.
inline constexpr std::string_view kUpdateAutomatic = "update.automatic";  ///< Boolean: security updates install by themselves.
inline constexpr std::string_view kSecureBoot = "boot.secure";            ///< Boolean.
inline constexpr std::string_view kSecurityModules = "security.modules";  ///< Text list: enforcing ones, "apparmor", "selinux".
inline constexpr std::string_view kEncryptedVolumes = "disk.encrypted";   ///< Text list: mount points on encrypted storage.
inline constexpr std::string_view kUnencryptedVolumes = "disk.unencrypted";  ///< Text list: those that are not.
inline constexpr std::string_view kScreenLock = "screen_lock.enabled";    ///< Boolean.
inline constexpr std::string_view kScreenLockSeconds = "screen_lock.seconds";  ///< Integer: idle time until it locks.

// Protection.
inline constexpr std::string_view kAvInstalled = "av.installed";          ///< Text list of products.
inline constexpr std::string_view kAvRunning = "av.running";              ///< Text list of products.
inline constexpr std::string_view kAvSignaturesAt = "av.signatures_at";   ///< Integer, Unix ms: when its signatures were made.
inline constexpr std::string_view kEdrInstalled = "edr.installed";        ///< Text list of products.
inline constexpr std::string_view kEdrRunning = "edr.running";            ///< Text list of products.
inline constexpr std::string_view kFirewallProducts = "firewall.products";  ///< Text list: "nftables", "ufw", "firewalld".
inline constexpr std::string_view kFirewallDefaultDeny = "firewall.default_deny";  ///< Boolean: what nothing allows in is dropped.
inline constexpr std::string_view kFirewallThreats = "firewall.threats";  ///< Text list of threat ids seen.
inline constexpr std::string_view kMalwareAt = "sandbox.malware_at";      ///< Integer, Unix ms; 0: never.
inline constexpr std::string_view kSshRootLogin = "ssh.root_login";       ///< "no", "prohibit-password", …: of all addresses the weakest; "no-server".

// Users and directory.
inline constexpr std::string_view kJoinedDomains = "domain.joined";       ///< Text list: domains the machine is a member of.
inline constexpr std::string_view kUserDomains = "user.domains";          ///< Text list: domains of those logged in.
inline constexpr std::string_view kUserGroups = "user.groups";            ///< Text list: directory groups of those logged in.

// Network.
inline constexpr std::string_view kListening = "net.listening";           ///< Text list: "tcp 0.0.0.0:22", "udp [::]:53".
inline constexpr std::string_view kForwarding = "net.forwarding";         ///< Text list: "ipv4", "ipv6".
inline constexpr std::string_view kDnsServers = "net.dns_servers";        ///< Text list of addresses.
inline constexpr std::string_view kDhcpServers = "net.dhcp_servers";      ///< Text list: "10.0.1.1" and, when known, its MAC.
inline constexpr std::string_view kDhcpOptions = "net.dhcp_options";      ///< Text list: "224=office".
inline constexpr std::string_view kLinkTypes = "net.link_types";          ///< Text list: "ethernet", "wifi", "wifi:SSID", "vpn".

// Of Windows and macOS.
inline constexpr std::string_view kDefender = "windows.defender";         ///< Boolean; so are the next three.
inline constexpr std::string_view kExploitGuard = "windows.exploit_guard";
inline constexpr std::string_view kApplicationGuard = "windows.application_guard";
inline constexpr std::string_view kGatekeeper = "macos.gatekeeper";
inline constexpr std::string_view kSystemIntegrity = "macos.system_integrity";

// With an argument.
inline constexpr std::string_view kProcessRunning = "process.running:";   ///< + name or absolute path. Boolean.
inline constexpr std::string_view kProcessSha256 = "process.sha256:";     ///< + name or path. Text list: executables that run so.
inline constexpr std::string_view kProcessSigners = "process.signers:";   ///< + name or path. Text list.
inline constexpr std::string_view kProcessVersions = "process.versions:";  ///< + name or path. Text list.
inline constexpr std::string_view kServiceActive = "service.active:";     ///< + unit. Boolean.
inline constexpr std::string_view kServiceEnabled = "service.enabled:";   ///< + unit. Boolean.
inline constexpr std::string_view kFileExists = "file.exists:";           ///< + path. Boolean: a regular file.
inline constexpr std::string_view kFileSha256 = "file.sha256:";           ///< + path. Lower-case hex; empty: no such file.
inline constexpr std::string_view kFileModifiedAt = "file.modified_at:";  ///< + path. Integer, Unix ms; 0: no such file.
inline constexpr std::string_view kFileMatches = "file.matches:";         ///< + file_matches(). Boolean: a line matches.
inline constexpr std::string_view kDirectoryExists = "directory.exists:";  ///< + path. Boolean.
inline constexpr std::string_view kPackageVersions = "package.versions:";  ///< + name. Text list; empty: not installed.
inline constexpr std::string_view kCertificates = "certificates:";        ///< + "system" or "personal". Certificates.
inline constexpr std::string_view kUserIdentity = "user.identity:";       ///< + service. Text: the account.
inline constexpr std::string_view kResolves = "net.resolves:";            ///< + name. Text list of addresses.
inline constexpr std::string_view kPings = "net.pings:";                  ///< + host. Boolean.
inline constexpr std::string_view kWebAnswers = "net.web_answers:";       ///< + URL. Boolean.
inline constexpr std::string_view kRegistryExists = "registry.exists:";   ///< + path. Boolean.
inline constexpr std::string_view kRegistryValue = "registry.value:";     ///< + path. Text, or integer of a DWORD.

inline std::string with(std::string_view prefix, std::string_view argument) {
  return std::string(prefix).append(argument);
}
inline std::string process_running(std::string_view name) { return with(kProcessRunning, name); }
inline std::string file_exists(std::string_view path) { return with(kFileExists, path); }
/// The path's length stands in front, because either may hold a colon.
inline std::string file_matches(std::string_view path, std::string_view regex) {
  return with(kFileMatches, std::to_string(path.size())).append(":").append(path).append(":").append(regex);
}
/// A key's argument; empty if it has another prefix.
inline std::string_view argument_of(std::string_view key, std::string_view prefix) {
  return key.starts_with(prefix) ? key.substr(prefix.size()) : std::string_view();
}
inline constexpr std::size_t kMaxKeyBytes = 512;  ///< Of a whole key, on the wire and in the store.

// ---- Added by the EMS; an agent that sends a key with this prefix is refused ------------------------------------------
inline constexpr std::string_view kEmsPrefix = "ems.";
inline constexpr std::string_view kEmsRegistered = "ems.registered";          ///< Boolean.
inline constexpr std::string_view kEmsOnline = "ems.online";                  ///< Boolean: telemetry connected.
inline constexpr std::string_view kEmsQuarantined = "ems.quarantined";        ///< Boolean.
inline constexpr std::string_view kEmsOnFabric = "ems.on_fabric";             ///< Boolean, by the detection rules.
inline constexpr std::string_view kEmsPublicIp = "ems.public_ip";
inline constexpr std::string_view kEmsClassifications = "ems.classifications";  ///< Text list: tags given by hand.
inline constexpr std::string_view kEmsAttributePrefix = "ems.attribute:";     ///< + name. Set through the API, expires.
inline constexpr std::string_view kEmsVulnPrefix = "ems.vuln";                ///< As old as the inventory that was matched.
inline constexpr std::string_view kEmsVulnerabilities = "ems.vulnerabilities";  ///< VulnerabilityCounts.
inline constexpr std::string_view kEmsVulnScannedAt = "ems.vuln_scanned_at";  ///< Integer, Unix ms.
inline constexpr std::string_view kEmsVulnReceivedAt = "ems.vuln_received_at";
inline constexpr std::string_view kEmsVulnExploited = "ems.vuln_exploited";   ///< Integer: distinct open CVEs in CISA's KEV.
inline constexpr std::string_view kEmsVulnMaxCvss = "ems.vuln_max_cvss";      ///< Integer: highest CVSS base score, tenths.
inline constexpr std::string_view kEmsVulnMaxEpss = "ems.vuln_max_epss";      ///< Integer: highest EPSS, per 10,000.
inline constexpr std::string_view kEmsVulnTotal = "ems.vuln_total";           ///< Integer: distinct open CVEs.
inline constexpr std::string_view kEmsVulnCve = "ems.vuln_cve:";              ///< + CVE id. Boolean: open. Only of asked ones.

/// What a tag that refers to another reads: + the other's name (tag_reference.h: or its kind, too). Made by the engine, never stored or sent; an agent that
/// sends one is refused.
inline constexpr std::string_view kTagPrefix = "tag:";

}  // namespace postern::posture::keys
