// service {"services","state"}: services run, or start with the system.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace service_rule {
namespace {

constexpr Reason kActive{"service_active", "the services that must run do"};
constexpr Reason kInactive{"service_not_active", "a service that must run does not"};
constexpr Reason kEnabled{"service_enabled", "the services that must start with the system do"};
constexpr Reason kDisabled{"service_not_enabled", "a service that must start with the system does not"};
constexpr Match kOtherwise = Match::kAll;

/// systemd reads a name without a type as a service's: one unit has one spelling, so that it has one fact.
std::string unit_name(const std::string& name) {
  constexpr std::array<std::string_view, 11> kTypes{".service", ".socket", ".timer", ".target", ".mount", ".automount",
                                                    ".path",    ".device", ".swap",  ".slice",  ".scope"};
  const bool typed = std::any_of(kTypes.begin(), kTypes.end(), [&](std::string_view t) { return name.ends_with(t); });
  return typed ? name : name + ".service";
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const auto& services = list_of(parameters, "services");
  const bool enabled = text_of(parameters, "state") == "enabled";
  std::vector<std::string> facts;
  for (std::size_t i = 0; i < services.size(); ++i) {
    const bool spaced = os == OsFamily::kLinux && services[i].find(' ') != services[i].npos;
    if (spaced || services[i].find_first_of("/\\") != services[i].npos) {
      return invalid(fmt::format("services[{}]: {} must be a service's name, such as {}", i,
                                 posture::quoted(services[i]),
                                 os == OsFamily::kLinux     ? "ssh.service"
                                 : os == OsFamily::kWindows ? "WinDefend"
                                                            : "com.apple.alf"));
    }
    const std::string name = os == OsFamily::kLinux ? unit_name(services[i]) : services[i];
    std::string key = keys::with(enabled ? keys::kServiceEnabled : keys::kServiceActive, name);
    if (std::find(facts.begin(), facts.end(), key) != facts.end()) {
      return invalid(fmt::format("services[{}]: {} stands in the list twice", i, posture::quoted(services[i])));
    }
    facts.push_back(std::move(key));
  }
  const Match match = match_of(parameters, kOtherwise);
  const bool several = match == Match::kAll && services.size() > 1;
  const std::string_view what =
      enabled ? (several ? "start with the system" : "starts with the system") : (several ? "are active" : "is active");
  return flags_condition(facts, match, enabled ? kEnabled : kActive, enabled ? kDisabled : kInactive,
                         fmt::format("{} {}", in_words(services, match), what));
}

}  // namespace
}  // namespace service_rule

const RuleType& service() {
  static const RuleType kType{
      .name = "service",
      .title = "Service",
      .help = "Services run now, or start with the system.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "services",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "systemd's units (ssh is ssh.service), Windows' service names, or launchd's labels."},
                     {.name = "state",
                      .choices = {"active", "enabled"},
                      .help = "Whether they must run now (active, if not given) or start with the system (enabled)."},
                     match_parameter(service_rule::kOtherwise)},
      .facts = {"service.active:<name>", "service.enabled:<name>"},
      .compile = service_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
