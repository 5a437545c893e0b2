// package {"packages","op","version","order"}: packages of the distribution are installed, with such a version.
#include <fmt/format.h>

#include <array>

#include "base/versions/order.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/conditions.h"
#include "posture/rules/installed_versions.h"

namespace postern::posture::rules {
namespace package_rule {
namespace {

constexpr Reason kInstalled{"package_installed", "what must be installed is"};
constexpr Reason kNotInstalled{"package_not_installed", "what must be installed is not"};
constexpr Reason kHolds{"package_version_matches", "the installed version is as demanded"};
constexpr Reason kDiffers{"package_version_differs", "the installed version is not as demanded"};
constexpr Reason kNotComparable{"version_not_comparable",
                                "what is installed, or what is demanded, is no version of this packaging system"};
constexpr Reason kThisOrder{"package_order_known", "the distribution's packages are ordered so"};
constexpr Reason kOtherOrder{"package_order_differs", "the distribution's packages are ordered otherwise"};
constexpr Reason kNoOrder{"package_order_unknown",
                          "nobody says which packaging system the distribution has; give the rule an order"};
constexpr Match kOtherwise = Match::kAll;

struct Distributions {
  versions::Order order;
  std::vector<std::string_view> ids;  // of os-release
};
const std::array<Distributions, 3>& distributions() {
  static const std::array<Distributions, 3> kAll{
      {{versions::Order::kDpkg,
        {"debian", "ubuntu", "raspbian", "linuxmint", "pop", "kali", "devuan", "elementary", "zorin", "pureos",
         "deepin", "neon", "tails", "proxmox"}},
       {versions::Order::kRpm,
        {"fedora",
         "rhel",
         "centos",
         "rocky",
         "almalinux",
         "ol",
         "amzn",
         "opensuse",
         "opensuse-leap",
         "opensuse-tumbleweed",
         "opensuse-microos",
         "sles",
         "sled",
         "sle-micro",
         "mageia",
         "openmandriva",
         "azurelinux",
         "mariner",
         "photon",
         "openeuler",
         "scientific",
         "eurolinux",
         "miraclelinux",
         "cloudlinux",
         "virtuozzo"}},
       {versions::Order::kApk, {"alpine", "postmarketos", "wolfi", "chainguard"}}}};
  return kAll;
}
std::optional<versions::Order> order_of(std::string_view id) {
  for (const Distributions& one : distributions()) {
    if (std::find(one.ids.begin(), one.ids.end(), id) != one.ids.end()) return one.order;
  }
  return std::nullopt;
}

/// The endpoint's distribution has this order; without one: has one that nobody knows, which is unknown or no match.
class OrderIs final : public Condition {
 public:
  explicit OrderIs(std::optional<versions::Order> order) : order_(order) { keys_ = {std::string(keys::kOsId)}; }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* id = read<std::string>(facts, keys::kOsId, why);
    if (id == nullptr) return {Verdict::kUnknown, why};
    const auto order = package_rule::order_of(*id);
    if (!order_) return order ? Judgement{Verdict::kNoMatch, &kOtherOrder} : Judgement{Verdict::kUnknown, &kNoOrder};
    return order == order_ ? Judgement{Verdict::kMatch, &kThisOrder} : Judgement{Verdict::kNoMatch, &kOtherOrder};
  }
  std::string describe() const override { return "its packages have a known order"; }

 private:
  std::optional<versions::Order> order_;
};

class Installed final : public Condition {
 public:
  explicit Installed(const std::string& package) { keys_ = {keys::with(keys::kPackageVersions, package)}; }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* versions = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (versions == nullptr) return {Verdict::kUnknown, why};
    return versions->empty() ? Judgement{Verdict::kNoMatch, &kNotInstalled} : Judgement{Verdict::kMatch, &kInstalled};
  }
  std::string describe() const override { return keys_.front() + " is installed"; }
};

struct Demand {
  Comparison comparison;
  std::string version;
};

/// Of an installed package; what isn't installed is no match.
class VersionIs final : public Condition {
 public:
  VersionIs(const std::string& package, const Demand& demand, versions::Order order)
      : demand_(demand), order_(order), comparable_(versions::valid(order, demand.version)) {
    keys_ = {keys::with(keys::kPackageVersions, package)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* found = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (found == nullptr) return {Verdict::kUnknown, why};
    if (found->empty()) return {Verdict::kNoMatch, &kNotInstalled};
    const Verdict verdict = compare_versions(*found, demand_.comparison, [this](const std::string& version) {
      return comparable_ && versions::valid(order_, version) ? std::optional(versions::compare(order_, version, demand_.version))
                                                             : std::nullopt;
    });
    return {verdict, verdict == Verdict::kMatch ? &kHolds : verdict == Verdict::kNoMatch ? &kDiffers : &kNotComparable};
  }
  std::string describe() const override { return keys_.front(); }

 private:
  Demand demand_;
  versions::Order order_;
  bool comparable_;
};

/// By the order of the endpoint's distribution: what is not installed, or has no known order, whatever that is.
class PackageVersion final : public SetCondition {
 public:
  PackageVersion(const std::string& package, const Demand& demand, std::string text)
      : SetCondition(Match::kAny, ways(package, demand), kHolds, kDiffers, std::move(text)) {
    for (const Distributions& one : distributions())
      by_order_.emplace_back(one.order, VersionIs(package, demand, one.order));
  }

  Judgement judge(const FactView& facts) const override {
    const Judgement out = SetCondition::judge(facts);
    // The reason is the version's, where the parts would only say that no way leads to a match.
    const Reason* why = nullptr;
    const auto* id = read<std::string>(facts, keys::kOsId, why);
    const auto order = id == nullptr ? std::nullopt : package_rule::order_of(*id);
    if (!order) return out.verdict == Verdict::kNoMatch ? Judgement{Verdict::kNoMatch, &kNotInstalled} : out;
    for (const auto& [one, condition] : by_order_) {
      if (one == *order) return condition.judge(facts);
    }
    return out;
  }

 private:
  static Conditions ways(const std::string& package, const Demand& demand) {
    Conditions out;
    for (const Distributions& one : distributions()) {
      Conditions both;
      both.push_back(std::make_unique<OrderIs>(one.order));
      both.push_back(std::make_unique<VersionIs>(package, demand, one.order));
      out.push_back(joined(Match::kAll, std::move(both)));
    }
    Conditions both;  // not installed decides, whatever the order
    both.push_back(std::make_unique<OrderIs>(std::nullopt));
    both.push_back(std::make_unique<Installed>(package));
    out.push_back(joined(Match::kAll, std::move(both)));
    return out;
  }

  std::vector<std::pair<versions::Order, VersionIs>> by_order_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& packages = list_of(parameters, "packages");
  for (std::size_t i = 0; i < packages.size(); ++i) {
    if (packages[i].find_first_of(" /\\:<>=") == packages[i].npos) continue;
    return invalid(
        fmt::format("packages[{}]: {} must be a package's name alone, such as openssl; a version goes into op "
                    "and version",
                    i, posture::quoted(packages[i])));
  }
  const std::string_view op = text_of(parameters, "op"), version = text_of(parameters, "version");
  const std::string_view order_text = text_of(parameters, "order");
  if (op.empty() != version.empty())
    return invalid(fmt::format("{}: is missing; a comparison needs op and version", op.empty() ? "op" : "version"));
  const Match match = match_of(parameters, kOtherwise);
  Conditions parts;
  if (version.empty()) {
    if (!order_text.empty()) return invalid(fmt::format("order: {} belongs to op and version; give them", order_text));
    for (const std::string& package : packages) parts.push_back(std::make_unique<Installed>(package));
    const bool several = match == Match::kAll && packages.size() > 1;
    return joined(match, std::move(parts), in_words(packages, match) + (several ? " are installed" : " is installed"));
  }
  const auto order = versions::parse_order(order_text);
  const bool valid =
      order ? versions::valid(*order, version)
            : versions::valid(versions::Order::kRpm, version) || versions::valid(versions::Order::kDpkg, version);
  if (!valid) {
    return invalid(
        fmt::format("version: {} must be a version as the packaging system writes it, such as 3.0.11-1~deb12u2",
                    posture::quoted(version)));
  }
  const Demand demand{*parse_comparison(op), std::string(version)};
  for (const std::string& package : packages) {
    if (order) {
      parts.push_back(std::make_unique<VersionIs>(package, demand, *order));
    } else {
      parts.push_back(std::make_unique<PackageVersion>(package, demand, package));
    }
  }
  const bool several = match == Match::kAll && packages.size() > 1;
  return joined(match, std::move(parts),
                fmt::format("{} {} installed with a version {} {}", in_words(packages, match), several ? "are" : "is",
                            op, version));
}

}  // namespace
}  // namespace package_rule

const RuleType& package() {
  static const RuleType kType{
      .name = "package",
      .title = "Package",
      .help =
          "Packages are installed and, as asked, have such a version in the order of the distribution's packaging "
          "system; of several installed versions of one package the oldest counts.",
      .systems = {OsFamily::kLinux},
      .parameters = {{.name = "packages",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .max_bytes = 128,
                      .help = "Names of binary packages, such as openssl."},
                     {.name = "op",
                      .choices = {kComparisons.begin(), kComparisons.end()},
                      .help = "How the installed version compares."},
                     {.name = "version", .max_bytes = 256, .help = "A version in full, such as 3.0.11-1~deb12u2."},
                     {.name = "order",
                      .choices = {"dpkg", "rpm", "apk"},
                      .help = "Whose order of versions; that of the endpoint's distribution if not given."},
                     match_parameter(package_rule::kOtherwise)},
      .facts = {"package.versions:<name>", keys::kOsId},
      .unknown =
          "Also where the distribution's packaging system isn't known and the rule gives no order, or what is installed or "
          "demanded is no version of it. What isn't installed is no match.",
      .compile = package_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
