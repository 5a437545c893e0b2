// root-login {"by"}: root can log in over ssh.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace root_login_rule {
namespace {

constexpr Reason kCan{"root_can_log_in", "root can log in over ssh"};
constexpr Reason kCannot{"root_cannot_log_in", "root can't log in over ssh"};
constexpr Reason kNoServer{"no_ssh_server", "there is no ssh server to log in to"};
constexpr Reason kSetting{"setting_not_known", "the server's setting is none that this EMS knows"};

class RootLogin final : public Condition {
 public:
  explicit RootLogin(bool by_password) : by_password_(by_password) { keys_ = {std::string(keys::kSshRootLogin)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* setting = read<std::string>(facts, keys::kSshRootLogin, why);
    if (setting == nullptr) return {Verdict::kUnknown, why};
    if (*setting == "no-server") return {Verdict::kNoMatch, &kNoServer};
    if (*setting == "yes") return {Verdict::kMatch, &kCan};
    if (*setting == "no") return {Verdict::kNoMatch, &kCannot};
    // "without-password" is the old name of the first.
    if (*setting != "prohibit-password" && *setting != "without-password" && *setting != "forced-commands-only") {
      return {Verdict::kUnknown, &kSetting};
    }
    return by_password_ ? Judgement{Verdict::kNoMatch, &kCannot} : Judgement{Verdict::kMatch, &kCan};
  }
  std::string describe() const override {
    return by_password_ ? "root can log in over ssh by password" : "root can log in over ssh";
  }

 private:
  bool by_password_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return std::make_unique<RootLogin>(text_of(parameters, "by") == "password");
}

}  // namespace
}  // namespace root_login_rule

const RuleType& root_login() {
  static const RuleType kType{
      .name = "root-login",
      .title = "Root Login",
      .help =
          "The ssh server lets root log in: in any way at all, or by password; if only from some addresses, it does.",
      .systems = {OsFamily::kLinux, OsFamily::kMacos},
      .parameters = {{.name = "by",
                      .choices = {"any", "password"},
                      .help =
                          "any: with a key or a forced command too; password: only where a password is enough. any if "
                          "not given."}},
      .facts = {keys::kSshRootLogin},
      .unknown =
          "Also where the server's setting is none that this EMS knows. Without an ssh server it is known not to "
          "match.",
      .compile = root_login_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
