#include "cli/config_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <filesystem>
#include <sstream>

#include "base/file.h"
#include "base/text.h"

namespace postern::cli {
namespace {

constexpr std::size_t kLargestConfig = 256u << 10;

/// Members that a context may have, and where they go.
constexpr std::pair<std::string_view, std::string Context::*> kMembers[] = {{"url", &Context::url},
                                                                            {"user", &Context::user},
                                                                            {"token", &Context::token},
                                                                            {"token_id", &Context::token_id},
                                                                            {"fingerprint", &Context::fingerprint},
                                                                            {"ca", &Context::ca}};

Result<Context> read_context(std::string_view name, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return invalid(fmt::format("contexts.{}: must be a table", one_line(name)));
  Context out;
  for (const auto& [key, value] : *table) {
    const std::string_view member(key);
    const auto* known =
        std::find_if(std::begin(kMembers), std::end(kMembers), [&](auto& m) { return m.first == member; });
    const auto text = value.value_exact<std::string>();
    if (known == std::end(kMembers) || !text) {
      return invalid(
          fmt::format("contexts.{}.{}: there are url, user, token, token_id, fingerprint and ca, each a text",
                      one_line(name), one_line(member)));
    }
    out.*known->second = *text;
  }
  return out;
}

Result<ConfigFile> read_table(const toml::table& all) {
  ConfigFile out;
  for (const auto& [key, value] : all) {
    const std::string_view member(key);
    if (const auto text = value.value_exact<std::string>(); member == "current" && text) {
      out.current = *text;
    } else if (const toml::table* contexts = value.as_table(); member == "contexts" && contexts != nullptr) {
      for (const auto& [name, context] : *contexts) {
        auto one = read_context(std::string_view(name), context);
        if (!one) return fail(one.error());
        out.contexts.emplace(std::string_view(name), std::move(*one));
      }
    } else {
      return invalid(fmt::format("{}: there are current, a text, and contexts", one_line(member)));
    }
  }
  return out;
}

}  // namespace

Result<ConfigFile> read_config(const std::string& path) {
  const auto text = read_file(path, kLargestConfig);
  if (!text && text.error().code == ErrorCode::kNotFound) return ConfigFile();
  if (!text) return fail(text.error());
  Result<ConfigFile> out;
  try {
    out = read_table(toml::parse(*text));
  } catch (const toml::parse_error& error) {
    return invalid(fmt::format("{}, line {}: {}", path, error.source().begin.line, one_line(error.description())));
  }
  if (!out) return fail(out.error().context(path));
  const bool secret = std::any_of(out->contexts.begin(), out->contexts.end(),
                                  [](const auto& context) { return !context.second.token.empty(); });
  struct stat status {};
  if (secret && stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    return fail(ErrorCode::kPermissionDenied,
                fmt::format("{} holds tokens, and others than its owner may read it; chmod 600 {}", path, path));
  }
  return out;
}

Status write_config(const std::string& path, const ConfigFile& config) {
  toml::table contexts;
  for (const auto& [name, context] : config.contexts) {
    toml::table one;
    for (const auto& [member, text] : kMembers) {
      if (!(context.*text).empty()) one.insert(member, context.*text);
    }
    contexts.insert(name, std::move(one));
  }
  std::ostringstream text;
  text << "# Written by postern login. Tokens are secrets: only its owner may read this file.\n"
       << toml::table{{"current", config.current}, {"contexts", std::move(contexts)}} << '\n';
  if (auto made = make_directories(std::filesystem::path(path).parent_path(), 0700); !made) return made;
  return write_file_atomic(path, text.str(), 0600);
}

}  // namespace postern::cli
