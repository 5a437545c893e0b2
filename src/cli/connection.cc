#include "cli/connection.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/file.h"
#include "base/ip.h"
#include "base/text.h"
#include "cli/config_file.h"
#include "cli/json_view.h"

namespace postern::cli {
namespace {

constexpr std::size_t kLargestFile = 4u << 20;

/// What one place says; empty: nothing.
struct Source {
  std::string name;  ///< For people.
  std::string url, token, ca, fingerprint;
};

std::string variable(const GetEnvironment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

Result<Source> from_options(const ConnectionOptions& given) {
  Source out{"the command line", given.url, given.token, given.ca, given.fingerprint};
  if (!given.token_file.empty()) {
    if (!given.token.empty()) return invalid("give --token or --token-file, not both");
    const auto text = read_file(given.token_file, 4096);
    if (!text) return fail(text.error().context("--token-file"));
    out.token = trim(*text);
    if (out.token.empty()) return invalid("--token-file " + given.token_file + ": is empty");
  }
  return out;
}

Result<Source> from_run_json(const std::string& path) {
  const auto text = read_file(path, kLargestFile);
  if (!text) {
    return fail(text.error().code == ErrorCode::kNotFound
                    ? Error{ErrorCode::kNotFound, path + " is not there; start ./run first"}
                    : text.error());
  }
  boost::json::error_code error;
  const auto all = boost::json::parse(*text, error);
  const boost::json::value* ems = error ? nullptr : member(all, "ems");
  if (ems == nullptr) return invalid(path + " is not what ./run writes");
  return Source{path, text_at(*ems, "url"), text_at(*ems, "api_token"), text_at(*ems, "web_cert"), ""};
}

Source from_environment(const GetEnvironment& environment) {
  return {"the environment (POSTERN_…)", variable(environment, "POSTERN_URL"), variable(environment, "POSTERN_TOKEN"),
          variable(environment, "POSTERN_CA"), variable(environment, "POSTERN_FINGERPRINT")};
}

Source from_context(const std::string& name, const Context& context) {
  return {"context " + name, context.url, context.token, context.ca, context.fingerprint};
}

bool same_address(const std::string& a, const std::string& b) {
  const auto left = parse_address(a), right = parse_address(b);
  return left && right && left->url() == right->url();
}

/// The context that is meant: by name, by the URL that was given, or the current one.
Result<std::optional<Source>> fitting_context(const ConfigFile& config, const std::string& named,
                                              const std::string& url) {
  if (!named.empty()) {
    const auto it = config.contexts.find(named);
    if (it != config.contexts.end()) return from_context(named, it->second);
    std::vector<std::string> names;
    for (const auto& [name, context] : config.contexts) names.push_back(name);
    return fail(ErrorCode::kNotFound,
                "there is no context " + one_line(named) + "; " +
                    (names.empty() ? "make one with postern login URL" : "there are: " + join(names, ", ")));
  }
  if (!url.empty()) {
    for (const auto& [name, context] : config.contexts) {
      if (same_address(context.url, url)) return from_context(name, context);
    }
    return std::nullopt;
  }
  const auto it = config.contexts.find(config.current);
  if (it == config.contexts.end()) return std::nullopt;
  return from_context(it->first, it->second);
}

Status fill_trust(Connection& out, const Source& from) {
  if (!from.fingerprint.empty()) {
    const auto digest = parse_fingerprint(from.fingerprint);
    if (!digest) return fail(digest.error().context(from.name));
    out.fingerprint = *digest;
  }
  if (!from.ca.empty()) {
    auto pem = read_file(from.ca, kLargestFile);
    if (!pem) return fail(pem.error().context("certificates to trust, by " + from.name));
    out.roots_pem = std::move(*pem);
  }
  return {};
}

/// The environment, and the context that is meant: before it where it was named.
Result<std::vector<Source>> from_elsewhere(const ConnectionOptions& given, const GetEnvironment& environment,
                                           const std::string& config_path) {
  const bool named = !given.context.empty();
  std::vector<Source> out{from_environment(environment)};
  const std::string url = given.url.empty() && !named ? out.front().url : given.url;
  const auto config = read_config(config_path);
  if (!config) return fail(config.error());
  const auto context = fitting_context(*config, given.context, url);
  if (!context) return fail(context.error());
  if (!*context) return out;
  if ((*context)->url.empty()) return invalid(config_path + ": " + (*context)->name + " has no url");
  if (!url.empty() && !same_address((*context)->url, url)) {
    return invalid("--url and --context name different EMSs; give one of them");
  }
  out.insert(named ? out.begin() : out.end(), **context);
  return out;
}

}  // namespace

std::string Address::url() const {
  const std::string name = host.find(':') == host.npos ? host : "[" + host + "]";
  return "https://" + name + (port == 443 ? "" : ":" + std::to_string(port));
}

Result<Address> parse_address(std::string_view given) {
  const std::string shown = one_line(given);
  std::string_view text = trim(given);
  if (to_lower(text.substr(0, 7)) == "http://") {
    return invalid(shown + ": tokens travel over https only; write https://");
  }
  if (to_lower(text.substr(0, 8)) == "https://") text.remove_prefix(8);
  if (text.ends_with('/')) text.remove_suffix(1);
  Address out;
  const bool bracket = text.starts_with('[');
  const std::size_t host_end = bracket ? text.find(']') : text.find(':');
  if (bracket && host_end == text.npos) return invalid(shown + ": a ] is missing");
  out.host = text.substr(bracket ? 1 : 0, host_end - (bracket ? 1 : 0));
  std::string_view rest = host_end == text.npos ? "" : text.substr(host_end + (bracket ? 1 : 0));
  constexpr std::string_view kNoHost = "/?#@ \t%\\\"'<>";
  const bool address = !bracket || IpAddress::parse(out.host).has_value();
  if (out.host.empty() || !address || out.host.find_first_of(kNoHost) != out.host.npos || shown != given) {
    return invalid("\"" + shown + "\" is not the address of an EMS; write https://ems.example:8443");
  }
  if (!rest.empty()) {
    const auto port = rest.front() == ':' ? parse_u64(rest.substr(1)) : std::nullopt;
    if (!port || *port == 0 || *port > 65535) {
      return invalid("\"" + shown +
                     "\": after the name comes a port number and nothing else, as in https://ems.example:8443");
    }
    out.port = static_cast<std::uint16_t>(*port);
  }
  return out;
}

Result<Sha256> parse_fingerprint(std::string_view text) {
  std::string_view digits = trim(text);
  if (to_lower(digits.substr(0, 7)) == "sha256:") digits.remove_prefix(7);
  const auto bytes = from_hex(digits);
  if (!bytes || bytes->size() != Sha256().size()) {
    return invalid("a fingerprint is the 64 hex digits of a SHA-256, with or without colons");
  }
  return *parse_sha256(as_text(*bytes));
}

std::string system_roots() { return read_file("/etc/ssl/certs/ca-certificates.crt", kLargestFile).value_or(""); }

std::string default_config_path(const GetEnvironment& environment) {
  const std::string config = variable(environment, "XDG_CONFIG_HOME");
  if (config.starts_with('/')) return config + "/postern/config.toml";
  return variable(environment, "HOME") + "/.config/postern/config.toml";
}

Result<Connection> choose_connection(const ConnectionOptions& given, const GetEnvironment& environment,
                                     const std::string& config_path) {
  auto options = from_options(given);
  if (!options) return fail(options.error());
  std::vector<Source> sources{*options};  // what comes first, decides
  if (!given.run_json.empty()) {
    auto run = from_run_json(given.run_json);
    if (!run) return fail(run.error());
    sources.push_back(std::move(*run));
  } else {
    auto others = from_elsewhere(given, environment, config_path);
    if (!others) return fail(others.error());
    sources.insert(sources.end(), others->begin(), others->end());
  }
  Connection out;
  std::size_t at = 0;
  while (at < sources.size() && sources[at].url.empty()) ++at;
  if (at == sources.size()) {
    return invalid("which EMS? Sign in with: postern login https://ems.example:8443 (or give --url and --token)");
  }
  auto address = parse_address(sources[at].url);
  if (!address) return fail(address.error().context(sources[at].name));
  out.address = std::move(*address);
  for (const Source& source : sources) {
    // Given with another URL: for that one only.
    if (!source.url.empty() && !same_address(source.url, sources[at].url)) continue;
    if (out.token.empty() && !source.token.empty()) {
      out.token = source.token;
      out.from = source.name;
    }
    if (!out.fingerprint && out.roots_pem.empty()) {
      if (auto filled = fill_trust(out, source); !filled) return fail(filled.error());
    }
  }
  if (out.token.empty()) {
    return fail(ErrorCode::kUnauthenticated, fmt::format("there is no token for {}; sign in with: postern login {}",
                                                         out.address.url(), out.address.url()));
  }
  if (out.token.find_first_of("\r\n \t") != out.token.npos) return invalid("the token has blanks or line breaks in it");
  if (!out.fingerprint && out.roots_pem.empty()) out.roots_pem = system_roots();
  return out;
}

}  // namespace postern::cli
