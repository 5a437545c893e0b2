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

// Probes: only what a rule asks for.
inline std::string process_running(std::string_view name) { return "process.running:" + std::string(name); }  // bool
inline std::string file_exists(std::string_view path) { return "file.exists:" + std::string(path); }          // bool

// Added by the EMS; an agent that sends a key with this prefix is refused.
inline constexpr std::string_view kEmsPrefix = "ems.";
inline constexpr std::string_view kEmsRegistered = "ems.registered";          ///< Boolean.
inline constexpr std::string_view kEmsOnline = "ems.online";                  ///< Boolean: telemetry connected.
inline constexpr std::string_view kEmsVulnerabilities = "ems.vulnerabilities";  ///< VulnerabilityCounts.
inline constexpr std::string_view kEmsVulnScannedAt = "ems.vuln_scanned_at";  ///< Integer, Unix ms.
inline constexpr std::string_view kEmsVulnReceivedAt = "ems.vuln_received_at";
inline constexpr std::string_view kEmsPublicIp = "ems.public_ip";

}  // namespace postern::posture::keys
