#pragma once
// What a rule type is. Each stands in one file of rules/ and is listed in rules/registry.cc;
// nothing else knows it by name.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "posture/fact.h"
#include "posture/tag.h"
#include "posture/verdict.h"

namespace postern::posture {

/// The facts of one endpoint at one instant, as rules see them. Owns nothing; as cheap to pass as
/// two pointers.
class FactView {
 public:
  FactView(const FactMap& facts, Now now) : facts_(&facts), now_(now) {}
  /// Null: never reported.
  const Fact* find(std::string_view key) const {
    const auto it = facts_->find(key);
    return it == facts_->end() ? nullptr : &it->second;
  }
  Now now() const { return now_; }

 private:
  const FactMap* facts_;
  Now now_;
};

/// Something an agent looks at only because a rule asks.
struct Probe {
  enum class Kind : std::uint8_t { kProcess = 1, kFile = 2 };  ///< As wire::Probe::Kind.
  Kind kind = Kind::kProcess;
  std::string argument;  ///< Process name, or absolute path.
  friend auto operator<=>(const Probe&, const Probe&) = default;
};

/// A rule's parameters, checked and turned into what evaluation needs: judging parses and allocates
/// nothing. Immutable. Thread: any.
class Condition {
 public:
  virtual ~Condition() = default;
  /// Reads no fact but those of keys(). Without the rule's `negate`.
  virtual Judgement judge(const FactView& facts) const = 0;
  /// The condition in words, such as "the address is in 10.0.1.0/24". Without the rule's `negate`.
  virtual std::string describe() const = 0;
  const std::vector<std::string>& keys() const { return keys_; }  ///< Facts it reads, distinct.
  const std::vector<Probe>& probes() const {
    return probes_;
  }  ///< What agents must look at, distinct.

 protected:
  std::vector<std::string> keys_;
  std::vector<Probe> probes_;
};

/// A parameter of a rule type. The schema checks presence, type, counts, lengths and choices; what
/// goes beyond is checked by RuleType::compile.
struct ParameterSpec {
  enum class Type : std::uint8_t { kText, kTexts };
  std::string_view name;
  Type type = Type::kText;
  bool required = false;
  std::vector<std::string_view> choices = {};  ///< Of a text: empty allows any.
  std::size_t max_bytes = 255;                 ///< Of each text; none may be empty.
  std::size_t max_count = 64;                  ///< Of a list; none may be empty.
  std::string_view help = {};                  ///< For consoles and the API's description.
};

struct RuleType {
  std::string_view name;          ///< "ip-range".
  std::string_view title;         ///< "IP Range", for people.
  std::string_view help = {};     ///< When it matches, in a sentence.
  std::vector<OsFamily> systems;  ///< Where it can be asked.
  std::vector<ParameterSpec> parameters;
  /// REQUIRES: check_parameters(type, parameters) held. Error: kInvalidArgument that names
  /// parameter, value and what is allowed; the caller puts the rule in front.
  Result<std::unique_ptr<const Condition>> (*compile)(const Parameters& parameters, OsFamily os);
};

/// Holds `parameters` against the type's schema. Error: kInvalidArgument that names the parameter.
Status check_parameters(const RuleType& type, const Parameters& parameters);

}  // namespace postern::posture
