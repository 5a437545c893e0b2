#include "policy/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/sha256.h"
#include "base/text.h"
#include "policy/blob.h"
#include "policy/regex.h"

namespace postern::policy {
namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxInterface = 15;  // IFNAMSIZ, without its NUL

class Builder {
 public:
  Builder() { bytes_.resize(sizeof(blob::Header)); }

  template <class T>
  blob::Array add(const std::vector<T>& items) {
    while (bytes_.size() % 8 != 0) bytes_.push_back(0);
    const auto offset = bytes_.size();
    bytes_.resize(offset + items.size() * sizeof(T));
    if (!items.empty()) std::memcpy(bytes_.data() + offset, items.data(), items.size() * sizeof(T));
    return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(items.size())};
  }

  blob::Text aligned(const Bytes& value) {
    const auto where = add(value);
    return {where.offset, where.count};
  }

  blob::Text text(const std::string& value) {
    const auto offset = bytes_.size();
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(value.size())};
  }

  Bytes finish(blob::Header header) {
    while (bytes_.size() % 8 != 0) bytes_.push_back(0);
    header.magic = blob::kMagic;
    header.version = blob::kVersion;
    header.layout = blob::kLayout;
    header.size = bytes_.size();
    const auto digest = sha256(ByteView(bytes_).subspan(sizeof header));
    std::memcpy(header.digest, digest.data(), digest.size());
    std::memcpy(bytes_.data(), &header, sizeof header);
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
};

bool clean_text(const std::string& text) {
  return text.size() <= kMaxText && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_interface(const std::string& name) {
  return !name.empty() && name.size() <= kMaxInterface && clean_text(name);
}

blob::Array add_texts(Builder& out, const std::vector<std::string>& items) {
  std::vector<blob::Text> texts;
  for (const auto& item : items) texts.push_back(out.text(item));
  return out.add(texts);
}

Status check(const PolicyTable& table) {
  const auto bad = [](std::string message) {
    return fail(ErrorCode::kInvalidArgument, std::move(message));
  };
  if (table.proxies.size() > kMaxProxies)
    return bad(fmt::format("more than {} access proxies", kMaxProxies));
  if (table.policies.size() > kMaxPolicies)
    return bad(fmt::format("more than {} proxy policies", kMaxPolicies));
  std::set<std::uint32_t> proxies, policies, bits;
  for (const auto& proxy : table.proxies) {
    if (proxy.id == 0 || !proxies.insert(proxy.id).second) {
      return bad(
          fmt::format("access proxy '{}': its number {} is 0 or taken", proxy.name, proxy.id));
    }
    if (!clean_text(proxy.name))
      return bad(fmt::format("access proxy {}: its name is not a clean text", proxy.id));
    for (const auto& name : proxy.interfaces) {
      if (!is_interface(name))
        return bad(fmt::format("access proxy {}: '{}' is no name of an interface", proxy.id, name));
    }
    std::set<std::uint32_t> gateways;
    for (const auto& g : proxy.api_gateways) {
      if (g.id == 0 || !gateways.insert(g.id).second) {
        return bad(fmt::format("access proxy '{}': API gateway number {} is 0 or taken", proxy.name,
                               g.id));
      }
      if (!clean_text(g.host) || !clean_text(g.url) || g.url.empty()) {
        return bad(fmt::format(
            "access proxy '{}', API gateway {}: host or URL map is empty or not a clean text",
            proxy.name, g.id));
      }
      if (g.host_pattern == Pattern::kRegex) {
        return bad(fmt::format("access proxy '{}', API gateway {}: hosts have no regular expressions",
                               proxy.name, g.id));
      }
    }
  }
  for (const auto& tag : table.tags) {
    if (tag.bit >= kTagBits || !bits.insert(tag.bit).second) {
      return bad(fmt::format("tag '{}': bit {} is out of range or taken", tag.name, tag.bit));
    }
    if (!clean_text(tag.name) || !clean_text(tag.message)) {
      return bad(
          fmt::format("tag at bit {}: name or message is not a clean text of at most {} bytes",
                      tag.bit, kMaxText));
    }
  }
  for (const auto& policy : table.policies) {
    if (policy.id == 0 || !policies.insert(policy.id).second) {
      return bad(fmt::format("policy '{}': its number {} is 0 or taken", policy.name, policy.id));
    }
    if (!clean_text(policy.name))
      return bad(fmt::format("policy {}: its name is not a clean text", policy.id));
    for (const auto id : policy.proxies) {
      if (!proxies.contains(id))
        return bad(fmt::format("policy {}: access proxy {} is not there", policy.id, id));
    }
    for (const auto* group : {&policy.tags, &policy.secondary, &policy.users}) {
      for (const auto bit : *group) {
        if (bit >= kTagBits)
          return bad(fmt::format("policy {}: tag bit {} is out of range", policy.id, bit));
      }
    }
    if (policy.tags.empty() && !policy.secondary.empty())
      return bad(fmt::format("policy {}: a second group of tags without a first", policy.id));
    for (const auto& name : policy.interfaces) {
      if (!is_interface(name))
        return bad(fmt::format("policy {}: '{}' is no name of an interface", policy.id, name));
    }
    for (const auto& range : policy.sources) {
      if (!range.first.valid() || range.first.is_v4() != range.last.is_v4() ||
          range.last < range.first) {
        return bad(fmt::format("policy {}: a source range is empty or mixes families", policy.id));
      }
    }
  }
  return {};
}

blob::Range to_blob(const IpRange& range) {
  blob::Range out;
  std::memcpy(out.first, range.first.bytes().data(), 16);
  std::memcpy(out.last, range.last.bytes().data(), 16);
  out.is_v4 = range.first.is_v4() ? 1 : 0;
  return out;
}

std::vector<ApiGateway> best_first(std::vector<ApiGateway> gateways) {
  std::sort(gateways.begin(), gateways.end(), [](const ApiGateway& a, const ApiGateway& b) {
    if (a.host.empty() != b.host.empty()) return b.host.empty();
    if (a.url.size() != b.url.size()) return a.url.size() > b.url.size();
    return a.id < b.id;
  });
  return gateways;
}

}  // namespace

std::string clean(std::string_view text) {
  std::string out = one_line(text);
  if (out.size() <= kMaxText) return out;
  std::size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  out.resize(end);
  return out;
}

Result<Bytes> compile(const PolicyTable& table) {
  if (auto ok = check(table); !ok) return fail(ok.error());

  Builder out;
  blob::Header header;

  auto tags = table.tags;
  std::sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) { return a.bit < b.bit; });
  TagSet ignore;
  std::vector<blob::Tag> tag_rows;
  for (const auto& tag : tags) {
    if (tag.on_unknown_ignore) ignore.set(tag.bit);
    tag_rows.push_back(
        {tag.bit, tag.on_unknown_ignore ? 1u : 0u, out.text(tag.name), out.text(tag.message)});
  }
  header.tags = out.add(tag_rows);

  std::map<std::uint32_t, std::vector<std::uint32_t>> by_proxy;
  std::vector<blob::Policy> policy_rows;
  for (const auto& policy : table.policies) {
    blob::Policy row;
    row.id = policy.id;
    row.action = static_cast<std::uint8_t>(policy.action);
    row.match = static_cast<std::uint8_t>(policy.match);
    row.negate = policy.negate ? 1 : 0;
    row.log = policy.log ? 1 : 0;
    row.name = out.text(policy.name);
    std::vector<blob::Range> sources;
    for (const auto& range : policy.sources) sources.push_back(to_blob(range));
    row.sources = out.add(sources);
    row.interfaces = add_texts(out, policy.interfaces);
    for (const auto bit : policy.tags) row.primary.set(bit);
    for (const auto bit : policy.secondary) row.secondary.set(bit);
    row.tags = row.primary | row.secondary;
    row.has_secondary = policy.secondary.empty() ? 0 : 1;
    row.has_tags = policy.tags.empty() ? 0 : 1;
    row.ignore_unknown = row.tags & ignore;
    for (const auto bit : policy.users) row.users.set(bit);
    row.has_users = policy.users.empty() ? 0 : 1;
    if (policy.destinations) {
      row.has_destinations = 1;
      std::vector<blob::Destination> destinations;
      for (const auto& d : std::set<Destination>(policy.destinations->begin(), policy.destinations->end()))
        destinations.push_back({d.proxy, d.api_gateway});
      row.destinations = out.add(destinations);
    }
    for (const auto id : std::set<std::uint32_t>(policy.proxies.begin(), policy.proxies.end())) {
      by_proxy[id].push_back(static_cast<std::uint32_t>(policy_rows.size()));
    }
    policy_rows.push_back(row);
  }
  header.policies = out.add(policy_rows);

  auto proxies = table.proxies;
  std::sort(proxies.begin(), proxies.end(),
            [](const Proxy& a, const Proxy& b) { return a.id < b.id; });
  std::vector<blob::Proxy> proxy_rows;
  std::size_t regex_work = kRegexWork;
  for (const auto& proxy : proxies) {
    blob::Proxy row;
    row.id = proxy.id;
    row.empty_cert_action = static_cast<std::uint32_t>(proxy.empty_cert_action);
    row.name = out.text(proxy.name);
    std::vector<blob::ApiGateway> gateways;
    for (const auto& g : best_first(proxy.api_gateways)) {
      blob::Text url;
      if (g.url_pattern == Pattern::kRegex) {
        const auto program = compile_regex(g.url, regex_work);
        if (!program) {
          return fail(program.error().context(fmt::format("access proxy '{}', API gateway {}: URL map '{}'",
                                                          proxy.name, g.id, g.url)));
        }
        url = out.aligned(*program);
      } else {
        url = out.text(g.url);
      }
      gateways.push_back({g.id, g.pool, static_cast<std::uint32_t>(g.host_pattern),
                          static_cast<std::uint32_t>(g.url_pattern), out.text(g.host),
                          url});
    }
    row.api_gateways = out.add(gateways);
    row.policies = out.add(by_proxy[proxy.id]);
    row.interfaces = add_texts(out, proxy.interfaces);
    proxy_rows.push_back(row);
  }
  header.proxies = out.add(proxy_rows);
  return out.finish(header);
}

}  // namespace postern::policy
