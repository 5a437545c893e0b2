// What a million endpoints with their facts and 500 tags take of an EMS's memory: a population, by what the kernel gave
// to this process, and the same facts and tags as FactMap and TagSets hold them. Each endpoint has the facts that an
// agent reports unasked and those that the EMS adds, with values as a fleet has them: names, addresses and times of its
// own, models, releases and versions shared by many. Usage: engine_memory --endpoints N --tags N --objects N [--redis
// FILE]   (FILE: the first --objects endpoints as commands)
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "arguments.h"
#include "posture/compiled_tag.h"
#include "posture/explain.h"
#include "posture/fact_keys.h"
#include "posture/population/population.h"

namespace {

using namespace postern;
using namespace postern::bench;
using namespace postern::posture;

const Now kNow{WallTime{Millis(1'780'000'090'000)}, {}};

[[noreturn]] void fail_with(const std::string& why) {
  std::fprintf(stderr, "engine_memory: %s\n", why.c_str());
  std::exit(1);
}

std::size_t resident() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0, pages = 0;
  statm >> all >> pages;
  return pages * 4096;
}

class Fleet {
 public:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  FactMap endpoint(std::uint32_t number) {
    facts_.clear();
    // Collectors of one kind are done together; what changed since has times of its own.
    const WallTime start = kNow.wall - Seconds(below(400'000)) - Millis(below(1000));
    const WallTime network = start + Millis(7), users = start + Seconds(below(9000)) + Millis(below(1000)),
                   packages = start + Seconds(below(90'000)) + Millis(below(1000)), ems = packages + Millis(below(900));
    at_ = start;
    source_ = "/etc/hostname";
    text(keys::kHostName, fmt::format("nb-{:05x}-{}", below(1 << 20), number));
    text(keys::kHostDescription, fmt::format("Debian GNU/Linux {}", 11 + below(3)));
    text(keys::kMachineId, hex(32));
    source_ = "/sys/class/dmi/id";
    text(keys::kHardwareUuid, fmt::format("{}-{}-{}-{}-{}", hex(8), hex(4), hex(4), hex(4), hex(12)));
    text(keys::kHostModel, fmt::format("Latitude {}", 5400 + below(60) * 10));
    text(keys::kHostManufacturer, fmt::format("Manufacturer {}", below(8)));
    source_ = "/proc/cpuinfo";
    text(keys::kCpuModel, fmt::format("12th Gen Intel(R) Core(TM) i7-12{:02}U", below(40)));
    number_of(keys::kMemoryMb, 8192 + 16 * below(60));
    source_ = "/etc/os-release";
    text(keys::kOsFamily, "linux");
    text(keys::kOsType, "LINUX64");
    const std::uint32_t release = 11 + below(3);
    text(keys::kOsId, "debian");
    text(keys::kOsName, "Debian GNU/Linux");
    text(keys::kOsVersionId, std::to_string(release));
    text(keys::kOsVersion, fmt::format("Debian GNU/Linux {}.{}", release, below(12)));
    source_ = "uname";
    const std::uint32_t abi = 1 + below(40);
    text(keys::kKernelRelease, fmt::format("6.1.0-{}-amd64", abi));
    text(keys::kKernelPackage, fmt::format("linux-image-6.1.0-{}-amd64", abi));
    source_ = "agent";
    text(keys::kDomain, fmt::format("site{}.example.com", below(30)));
    text(keys::kAgentVersion, fmt::format("0.{}.0", 1 + below(6)));
    text(keys::kAvDbVersion, fmt::format("277{:02}", below(90)));
    text(keys::kAppSignatureVersion, fmt::format("31.{}", below(50)));
    text(keys::kVulnEngineVersion, fmt::format("2.{}", below(4)));
    for (const auto key : {keys::kFeatureAv, keys::kFeatureFirewall, keys::kFeatureWebFilter, keys::kFeatureAntiSpam,
                           keys::kFeatureVulnScan, keys::kFeatureVpn})
      add(key, below(3) != 0);
    text(keys::kAvatarSource, "os");
    add(keys::kRebootNeeded, below(10) == 0);
    add(keys::kUpdateAutomatic, below(2) == 0);
    add(keys::kSecureBoot, below(3) != 0);
    at_ = users;
    source_ = "utmp";
    const std::string user = fmt::format("user{}", below(2'000'000));
    add(keys::kLoggedInUsers, std::vector<std::string>{user});
    text(keys::kLastLoginUser, user);
    text(keys::kOwner, user);
    at_ = network;
    source_ = "rtnetlink";
    network_of(number);
    at_ = packages;
    source_ = "/var/lib/dpkg/status";
    inventory_.seed(below(20'000));
    std::string hash;
    for (int i = 0; i < 64; ++i) hash += "0123456789ABCDEF"[inventory_() % 16];
    text(keys::kInventoryHash, hash);
    at_ = ems;
    source_ = "ems";
    add(keys::kEmsRegistered, true);
    add(keys::kEmsOnline, below(5) != 0);
    add(keys::kEmsQuarantined, below(1000) == 0);
    add(keys::kEmsOnFabric, below(2) == 0);
    text(keys::kEmsPublicIp, fmt::format("203.0.{}.{}", below(20), below(250)));
    VulnerabilityCounts counts;
    counts.critical = below(3);
    counts.high = below(12);
    counts.medium = below(25);
    counts.low = below(10);
    counts.unknown = below(20);
    counts.unknown_fixable = below(2);
    add(keys::kEmsVulnerabilities, counts);
    number_of(keys::kEmsVulnScannedAt, to_unix_ms(packages));
    number_of(keys::kEmsVulnReceivedAt, to_unix_ms(ems));
    return facts_;
  }

  TagDefinition tag(std::uint32_t number) {
    TagDefinition tag;
    tag.name = TagName(fmt::format("tag{}", number));
    for (std::uint32_t id = 1; id <= 2; ++id) {
      RuleSpec rule;
      rule.id = id;
      rule.negate = below(3) == 0;
      switch (below(5)) {
        case 0:
          rule.type = "ip-range";
          rule.parameters["ranges"] = std::vector<std::string>{fmt::format("10.{}.0.0/17", below(60))};
          break;
        case 1:
          rule.type = "vulnerable-devices";
          rule.parameters["severity"] = std::string(std::array{"low", "medium", "high", "critical"}[below(4)]);
          break;
        case 2:
          rule.type = "vulnerability-count";
          rule.parameters["severity"] = std::string("high");
          rule.parameters["max"] = std::int64_t{below(14)};
          break;
        case 3:
          rule.type = "os-version";
          rule.parameters["versions"] = std::vector<std::string>{fmt::format("Debian {}", 11 + below(3))};
          break;
        default:
          rule.type = "kernel-version";
          rule.parameters["op"] = std::string(">=");
          rule.parameters["version"] = fmt::format("6.1.0-{}", 1 + below(40));
      }
      tag.rules.push_back(std::move(rule));
    }
    tag.logic[OsFamily::kLinux] = below(2) == 0 ? "1 and 2" : "1 or 2";
    return tag;
  }

 private:
  void add(std::string_view key, FactValue value) { facts_[std::string(key)] = {std::move(value), at_, source_}; }
  void text(std::string_view key, std::string value) { add(key, std::move(value)); }
  void number_of(std::string_view key, std::int64_t value) { add(key, value); }
  std::string hex(int digits) {
    std::string out;
    for (int i = 0; i < digits; ++i) out += "0123456789abcdef"[below(16)];
    return out;
  }
  MacAddress mac() {
    std::array<std::uint8_t, 6> bytes{0x3C, 0x52, 0x82};
    for (std::size_t i = 3; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(below(256));
    return MacAddress(bytes);
  }
  void network_of(std::uint32_t number) {
    std::vector<Interface> interfaces;
    std::vector<std::string> macs;
    const auto byte = [](std::uint32_t n) { return static_cast<std::uint8_t>(n); };
    const std::array<std::uint8_t, 4> own{10, byte(number >> 16), byte(number >> 8), byte(number)};
    for (std::uint32_t i = 0; i < 1 + below(2); ++i) {
      Interface one;
      one.name = i == 0 ? "enp0s31f6" : "wlp2s0";
      one.mac = mac();
      one.up = true;
      if (i == 0) one.addresses.push_back(IpAddress::v4(own));
      std::array<std::uint8_t, 16> local{0xFE, 0x80};
      std::copy_n(one.mac.bytes().begin(), 6, local.begin() + 10);
      one.addresses.push_back(IpAddress::v6(local));
      macs.push_back(one.mac.str());
      interfaces.push_back(std::move(one));
    }
    Route route;
    route.interface = interfaces.front().name;
    route.gateway_ip = IpAddress::v4({10, own[1], own[2], 1});
    route.gateway_mac = mac();
    route.local_ip = IpAddress::v4(own);
    route.metric = 100;
    add(keys::kInterfaces, std::move(interfaces));
    add(keys::kRoutes, std::vector<Route>{route});
    add(keys::kMacs, std::move(macs));
  }
  FactMap facts_;
  WallTime at_{};
  std::string source_;
  std::mt19937 random_{7}, inventory_;
};

std::shared_ptr<const CompiledTag> compiled(const TagDefinition& definition) {
  auto tag = compile_tag(definition);
  if (!tag) fail_with(tag.error().message);
  return std::make_shared<const CompiledTag>(std::move(*tag));
}

/// A hash per endpoint: a field per fact with its value and time, and the tags.
void write_redis(std::ofstream& out, std::size_t number, const FactMap& facts, const TagSets& tags) {
  std::vector<std::string> words{"HSET", fmt::format("endpoint:{}", number)};
  for (const auto& [key, fact] : facts) {
    words.push_back(key);
    words.push_back(fmt::format("{}|{}|{}", to_unix_ms(fact.collected_at), fact.source, fact_value_text(fact.value)));
  }
  words.insert(words.end(), {"has", fmt::format("{}", fmt::join(tags.has(), ",")), "unknown",
                             fmt::format("{}", fmt::join(tags.unknown(), ","))});
  out << '*' << words.size() << "\r\n";
  for (const std::string& word : words) out << '$' << word.size() << "\r\n" << word << "\r\n";
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const auto endpoints = static_cast<std::size_t>(arguments.number("endpoints"));
  const auto tag_count = static_cast<std::size_t>(arguments.number("tags"));
  const auto objects = std::min(static_cast<std::size_t>(arguments.number("objects")), endpoints);
  Fleet fleet;
  std::vector<std::shared_ptr<const CompiledTag>> tags;
  for (std::uint32_t i = 0; i < tag_count; ++i) tags.push_back(compiled(fleet.tag(i)));

  const std::size_t before = resident();
  Population population;
  std::size_t facts = 0;
  std::vector<FactMap> first;
  for (std::size_t e = 0; e < endpoints; ++e) {
    const FactMap one = fleet.endpoint(static_cast<std::uint32_t>(e));
    facts = one.size();
    if (e % (endpoints / 64 + 1) == 0) first.push_back(one);
    population.load(population.add(kNow), one, WallTime::min());
  }
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (const Status set = population.set_tag(2 + static_cast<TagId>(i), tags[i], kNow); !set)
      fail_with(set.error().message);
  }
  population.evaluate(kNow);
  const std::size_t after = resident();
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto slot = static_cast<Slot>(i * (endpoints / 64 + 1));
    if (population.facts(slot) != first[i]) fail_with("a fact is not what was reported");
    for (std::size_t t = 0; t < tags.size(); ++t) {
      if (population.state(slot, 2 + static_cast<TagId>(t)) != tags[t]->evaluate(FactView(first[i], kNow)))
        fail_with("a tag is not what it should be");
    }
  }
  const auto memory = population.memory();

  std::ofstream redis;
  if (const std::string file = arguments.text("redis", ""); !file.empty()) redis.open(file);
  const std::size_t before_objects = resident();
  std::vector<std::pair<FactMap, TagSets>> held(objects);
  std::size_t has = 0;
  for (std::size_t e = 0; e < objects; ++e) {
    held[e] = {population.facts(static_cast<Slot>(e)), population.tags(static_cast<Slot>(e))};
    has += held[e].second.has().size();
    if (redis.is_open()) write_redis(redis, e, held[e].first, held[e].second);
  }
  const std::size_t after_objects = resident();
  const auto each = [](std::size_t bytes, std::size_t count) {
    return static_cast<double>(bytes) / static_cast<double>(count);
  };
  std::printf(
      "{\"bytes\": %.1f, \"counted\": %.1f, \"values\": %.1f, \"rows\": %.1f, \"columns\": %.1f, \"other\": %.1f, "
      "\"facts\": %zu, \"conditions\": %zu, \"objects_bytes\": %.1f, \"tags_had\": %.1f}\n",
      each(after - before, endpoints), each(memory.total(), endpoints), each(memory.values, endpoints),
      each(memory.rows, endpoints), each(memory.columns, endpoints), each(memory.other, endpoints), facts,
      population.conditions(), each(after_objects - before_objects, objects), each(has, objects));
}
