// device-id {"serials","uuids","macs","machine_ids"}: the device is one of a list.
#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/addresses.h"
#include "posture/rules/reading.h"
#include "posture/text_match.h"

namespace postern::posture::rules {
namespace device_id_rule {
namespace {

constexpr Reason kListed{"device_listed", "the device is one of the list"};
constexpr Reason kNotListed{"device_not_listed", "the device is none of the list"};
constexpr std::size_t kMaxDevices = 1000;

/// A text fact is one of these, case aside.
class TextListed final : public Condition {
 public:
  TextListed(std::string_view key, std::vector<std::string> ids) : ids_(std::move(ids)) { keys_ = {std::string(key)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* id = read<std::string>(facts, keys_.front(), why);
    if (id == nullptr) return {Verdict::kUnknown, why};
    const bool listed = std::any_of(ids_.begin(), ids_.end(), [&](const auto& one) { return equals_ignoring_case(*id, one); });
    return {verdict_of(listed), listed ? &kListed : &kNotListed};
  }
  std::string describe() const override { return "its id is " + in_words(ids_, Match::kAny); }

 private:
  std::vector<std::string> ids_;
};

class MacListed final : public Condition {
 public:
  explicit MacListed(std::vector<MacAddress> macs) : macs_(std::move(macs)) { keys_ = {std::string(keys::kMacs)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* told = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (told == nullptr) return {Verdict::kUnknown, why};
    const bool listed = std::any_of(told->begin(), told->end(), [&](const std::string& text) {
      const auto mac = MacAddress::parse(text);
      return mac && std::find(macs_.begin(), macs_.end(), *mac) != macs_.end();
    });
    return {verdict_of(listed), listed ? &kListed : &kNotListed};
  }
  std::string describe() const override { return "a hardware address of its own is listed"; }

 private:
  std::vector<MacAddress> macs_;
};

/// Zeros, Fs and the like stand in many machines and say nothing about which one it is.
bool says_nothing(std::string_view id) {
  const auto first = std::find_if(id.begin(), id.end(), [](char c) { return c != '-' && c != ':'; });
  return first == id.end() || std::all_of(first, id.end(), [&](char c) { return c == *first || c == '-' || c == ':'; });
}

Status check_ids(std::string_view parameter, const std::vector<std::string>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (says_nothing(ids[i])) {
      return invalid(fmt::format("{}[{}]: {} says nothing about which device it is; many have it", parameter, i,
                                 posture::quoted(ids[i])));
    }
  }
  return {};
}

Status check_uuids(const std::vector<std::string>& uuids) {
  for (std::size_t i = 0; i < uuids.size(); ++i) {
    std::string_view rest = uuids[i];
    bool good = rest.size() == 36;
    for (std::size_t at = 0; good && at < rest.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      good = dash ? rest[at] == '-' : std::string_view("0123456789abcdefABCDEF").find(rest[at]) != rest.npos;
    }
    if (!good) {
      return invalid(fmt::format("uuids[{}]: {} is no UUID; write it as 4c4c4544-0042-3510-8053-b7c04f4d3233", i,
                                 posture::quoted(uuids[i])));
    }
  }
  return {};
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& uuids = list_of(parameters, "uuids");
  if (Status ok = check_uuids(uuids); !ok) return fail(ok.error());
  struct OfText {
    std::string_view parameter;
    std::string_view key;
    std::string_view words;
  };
  constexpr OfText kTexts[] = {{"serials", keys::kHardwareSerial, "its serial number is "},
                               {"uuids", keys::kHardwareUuid, "its hardware UUID is "},
                               {"machine_ids", keys::kMachineId, "its machine id is "}};
  std::vector<std::unique_ptr<const Condition>> parts;
  std::vector<std::string> words;
  for (const OfText& one : kTexts) {
    const auto& ids = list_of(parameters, one.parameter);
    if (ids.empty()) continue;
    if (Status ok = check_ids(one.parameter, ids); !ok) return fail(ok.error());
    parts.push_back(std::make_unique<TextListed>(one.key, ids));
    words.push_back(std::string(one.words) + in_words(ids, Match::kAny));
  }
  const auto& mac_texts = list_of(parameters, "macs");
  auto macs = parse_macs("macs", mac_texts);
  if (!macs) return fail(macs.error());
  if (!macs->empty()) {
    if (Status ok = check_ids("macs", mac_texts); !ok) return fail(ok.error());
    parts.push_back(std::make_unique<MacListed>(std::move(*macs)));
    words.push_back("a hardware address of its own is " + in_words(mac_texts, Match::kAny));
  }
  if (parts.empty()) return invalid("serials: is missing; give at least one of serials, uuids, macs and machine_ids");
  return std::make_unique<SetCondition>(Match::kAny, std::move(parts), kListed, kNotListed, in_words(words, Match::kAny));
}

ParameterSpec list(std::string_view name, std::string_view help) {
  return {.name = name, .type = ParameterSpec::Type::kTexts, .max_bytes = 128, .max_count = kMaxDevices, .help = help};
}

}  // namespace
}  // namespace device_id_rule

const RuleType& device_id() {
  static const RuleType kType{
      .name = "device-id",
      .title = "Device ID",
      .help = "The device is one of a list, by any of its ids. Hardware addresses can be changed by whoever owns the "
              "device: prefer the others.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {device_id_rule::list("serials", "Serial numbers of the hardware; case is ignored."),
                     device_id_rule::list("uuids", "Hardware (DMI) UUIDs."),
                     device_id_rule::list("macs", "Hardware addresses of any interface, such as 02:09:0f:00:01:02."),
                     device_id_rule::list("machine_ids", "Ids of the installation: /etc/machine-id on Linux.")},
      .facts = {keys::kHardwareSerial, keys::kHardwareUuid, keys::kMachineId, keys::kMacs},
      .unknown = "An id that is listed decides, although the others are unknown.",
      .compile = device_id_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
