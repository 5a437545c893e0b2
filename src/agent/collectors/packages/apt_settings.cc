#include "agent/collectors/packages/apt_settings.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "agent/collectors/listing.h"
#include "agent/collectors/run_program.h"
#include "base/text.h"

namespace postern::agent {
namespace {

constexpr const char* kAptConfig = "/usr/bin/apt-config";
constexpr std::chrono::milliseconds kAptPatience{5000};
constexpr std::size_t kMaxAptConf = 1u << 20;

/// As its files say, in the order in which apt reads them.
Result<AptSettings> apt_settings_in_files(const Facts& facts) {
  AptSettings settings;
  std::vector<std::string> files;
  for (const auto& name : names_in(facts, kAptConfFiles[0])) {
    if (is_apt_conf_name(name)) files.push_back(std::string(kAptConfFiles[0]) + "/" + name);
  }
  files.emplace_back(kAptConfFiles[1]);
  for (const auto& path : files) {
    const auto text = facts.read(path, kMaxAptConf);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return fail(text.error());  // it could set whatever is asked
    if (has_apt_commands(*text)) return fail(ErrorCode::kUnsupported, path + " has commands, which are not followed");
    parse_apt_conf(*text, settings);
  }
  return settings;
}

/// The tokens of apt.conf: words, quoted texts, "{", "}" and ";"; comments are skipped.
class AptTokens {
 public:
  explicit AptTokens(std::string_view text) : text_(text) {}
  enum class Kind { kEnd, kWord, kQuoted, kOpen, kClose, kSemicolon };
  struct Token {
    Kind kind = Kind::kEnd;
    std::string text;
  };
  Token next() {
    skip();
    if (text_.empty()) return {};
    const char c = text_.front();
    if (c == '{' || c == '}' || c == ';') {
      text_.remove_prefix(1);
      return {c == '{' ? Kind::kOpen : c == '}' ? Kind::kClose : Kind::kSemicolon, {}};
    }
    if (c == '"') {
      const auto end = text_.find('"', 1);
      Token out{Kind::kQuoted, std::string(text_.substr(1, end == text_.npos ? end : end - 1))};
      text_.remove_prefix(end == text_.npos ? text_.size() : end + 1);
      return out;
    }
    const auto end = std::min(text_.find_first_of(" \t\r\n{};\""), text_.size());
    Token out{Kind::kWord, std::string(text_.substr(0, end))};
    text_.remove_prefix(end);
    return out;
  }

 private:
  void skip() {
    for (;;) {
      const auto start = text_.find_first_not_of(" \t\r\n");
      if (start == text_.npos) return text_.remove_prefix(text_.size());
      text_.remove_prefix(start);
      // "#clear" and "#include" are commands: what they name is left as it is.
      const bool line = text_.starts_with("//") || text_.starts_with('#');
      if (!line && !text_.starts_with("/*")) return;
      const auto end = line ? text_.find('\n') : text_.find("*/", 2);
      text_.remove_prefix(end == text_.npos ? text_.size() : end + (line ? 1 : 2));
    }
  }
  std::string_view text_;
};

}  // namespace

Result<AptSettings> read_apt_settings(const Facts& facts) {
  if (facts.foreign() || !facts.exists(kAptConfig)) return apt_settings_in_files(facts);
  const auto output = run_program({kAptConfig, "dump"}, kAptPatience);
  if (!output) return fail(output.error());
  if (output->exit_status != 0)
    return fail(ErrorCode::kUnavailable, std::string(kAptConfig) + " could not read its files");
  AptSettings settings;
  parse_apt_conf(output->text, settings);
  return settings;
}

bool is_apt_conf_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (name.ends_with(".conf")) name.remove_suffix(5);
  return !name.empty() && std::ranges::all_of(name, plain);
}

void parse_apt_conf(std::string_view text, AptSettings& settings) {
  using Kind = AptTokens::Kind;
  constexpr std::size_t kMaxDepth = 32;
  AptTokens tokens(text);
  std::vector<std::string> scopes;
  std::string name, value;
  bool has_value = false;
  const auto full = [&](const std::string& last) {
    std::string out;
    for (const auto& scope : scopes) out += scope + "::";
    return to_lower(out + last);
  };
  const auto finish = [&] {
    if (!name.empty() && has_value && !name.ends_with("::")) {
      const auto key = full(name);
      if (settings.size() < kMaxAptSettings || settings.contains(key)) settings[key] = value;
    }
    name.clear();
    value.clear();
    has_value = false;
  };
  for (;;) {
    const auto token = tokens.next();
    switch (token.kind) {
      case Kind::kEnd:
        return finish();
      case Kind::kOpen:
        if (scopes.size() >= kMaxDepth) return;
        scopes.push_back(name);
        name.clear();
        break;
      case Kind::kClose:
        finish();
        if (!scopes.empty()) scopes.pop_back();
        break;
      case Kind::kSemicolon:
        finish();
        break;
      case Kind::kQuoted:
      case Kind::kWord:
        if (name.empty() && token.kind == Kind::kWord) {
          name = token.text;
        } else if (!name.empty()) {
          value = token.text;
          has_value = true;
        }
        break;
    }
  }
}

bool has_apt_commands(std::string_view text) {
  return std::ranges::any_of(split(text, '\n'), [](std::string_view line) {
    return trim(line).starts_with("#clear") || trim(line).starts_with("#include");
  });
}

std::string apt_lists_directory(const AptSettings& settings) {
  // Each is relative to the one before, if it isn't absolute.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSteps{
      {{"rootdir", "/"}, {"dir", "/"}, {"dir::state", "var/lib/apt"}, {"dir::state::lists", "lists"}}};
  std::filesystem::path out;
  for (const auto& [name, usual] : kSteps) {
    const auto it = settings.find(name);
    const std::filesystem::path step = it == settings.end() || it->second.empty() ? std::string(usual) : it->second;
    out = name == "dir" ? out / step.relative_path() : out / step;
  }
  auto text = out.lexically_normal().native();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace postern::agent
