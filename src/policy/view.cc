#include "policy/view.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/sha256.h"
#include "policy/regex.h"
#include "policy/table.h"

namespace postern::policy {
namespace {

class Bounds {
 public:
  explicit Bounds(ByteView bytes) : size_(bytes.size()) {}

  bool text(blob::Text t) const { return t.offset <= size_ && t.size <= size_ - t.offset; }

  template <class T>
  bool array(blob::Array a) const {
    return a.offset % 8 == 0 && a.offset <= size_ && a.count <= (size_ - a.offset) / sizeof(T);
  }

 private:
  std::size_t size_;
};

}  // namespace

Result<PolicyView> PolicyView::open(ByteView bytes) {
  const auto damaged = [] {
    return fail(ErrorCode::kDataLoss,
                "the compiled policies are damaged; the gateway has to publish them again");
  };
  blob::Header header;
  if (bytes.size() < sizeof header || reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0)
    return damaged();
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != blob::kMagic) return damaged();
  if (header.version != blob::kVersion || header.layout != blob::kLayout) {
    return fail(ErrorCode::kUnsupported,
                "the compiled policies are of another version; gateway and nginx module must be of "
                "one build");
  }
  if (header.size != bytes.size()) return damaged();
  const auto digest = sha256(bytes.subspan(sizeof header));
  if (std::memcmp(digest.data(), header.digest, digest.size()) != 0) return damaged();

  // The digest guards against accidents; the bounds below hold even against a writer that went
  // wrong.
  const Bounds in(bytes);
  if (!in.array<blob::Proxy>(header.proxies) || !in.array<blob::Policy>(header.policies) ||
      !in.array<blob::Tag>(header.tags)) {
    return damaged();
  }
  PolicyView view;
  view.bytes_ = bytes;
  view.proxies_ = view.array<blob::Proxy>(header.proxies);
  view.policies_ = view.array<blob::Policy>(header.policies);
  view.tags_ = view.array<blob::Tag>(header.tags);
  for (const auto& tag : view.tags_) {
    if (tag.bit >= kTagBits || !in.text(tag.name) || !in.text(tag.message)) return damaged();
  }
  for (const auto& policy : view.policies_) {
    if (!in.text(policy.name) || !in.array<blob::Range>(policy.sources) ||
        !in.array<blob::Text>(policy.interfaces) || !in.array<blob::Destination>(policy.destinations)) {
      return damaged();
    }
    for (const auto& name : view.interfaces_of(policy)) {
      if (!in.text(name)) return damaged();
      view.asks_for_interfaces_ = true;
    }
    if (policy.action > 1 || policy.match > 1 || policy.negate > 1 || policy.log > 1 ||
        policy.has_tags > 1 || policy.has_secondary > 1 || policy.has_destinations > 1 || policy.has_users > 1) {
      return damaged();
    }
    if ((policy.has_tags != 0) != policy.primary.any() ||
        (policy.has_secondary != 0) != policy.secondary.any() ||
        (policy.has_secondary != 0 && policy.has_tags == 0) ||
        policy.tags != (policy.primary | policy.secondary) || (policy.has_users != 0) != policy.users.any() ||
        (policy.has_destinations == 0 && policy.destinations.count != 0)) {
      return damaged();
    }
  }
  for (const auto& proxy : view.proxies_) {
    if (!in.text(proxy.name) || proxy.empty_cert_action > 2 ||
        !in.array<blob::ApiGateway>(proxy.api_gateways) ||
        !in.array<std::uint32_t>(proxy.policies) || !in.array<blob::Text>(proxy.interfaces)) {
      return damaged();
    }
    for (const auto& name : view.interfaces_of(proxy)) {
      if (!in.text(name)) return damaged();
      view.asks_for_interfaces_ = true;
    }
    for (const auto& g : view.api_gateways_of(proxy)) {
      if (!in.text(g.host) || !in.text(g.url) || g.host_pattern > 1 || g.url_pattern > 2)
        return damaged();
      if (static_cast<Pattern>(g.url_pattern) == Pattern::kRegex &&
          (g.url.offset % 8 != 0 || !sound_regex(bytes.subspan(g.url.offset, g.url.size)))) {
        return damaged();
      }
    }
    for (const auto index : view.policies_of(proxy)) {
      if (index >= view.policies_.size()) return damaged();
    }
  }
  std::vector<std::span<const std::uint32_t>> of;
  of.reserve(view.proxies_.size());
  for (const auto& proxy : view.proxies_) of.push_back(view.policies_of(proxy));
  view.steps_ = Steps(view.policies_, of);
  return view;
}

const blob::Proxy* PolicyView::proxy(std::uint32_t id) const {
  const auto it =
      std::lower_bound(proxies_.begin(), proxies_.end(), id,
                       [](const blob::Proxy& p, std::uint32_t wanted) { return p.id < wanted; });
  return it != proxies_.end() && it->id == id ? &*it : nullptr;
}

const blob::Policy* PolicyView::policy(std::uint32_t id) const {
  for (const auto& p : policies_) {
    if (p.id == id) return &p;
  }
  return nullptr;
}

const blob::Tag* PolicyView::tag(std::uint32_t bit) const {
  const auto it =
      std::lower_bound(tags_.begin(), tags_.end(), bit,
                       [](const blob::Tag& t, std::uint32_t wanted) { return t.bit < wanted; });
  return it != tags_.end() && it->bit == bit ? &*it : nullptr;
}

std::span<const std::uint32_t> PolicyView::policies_of(const blob::Proxy& proxy) const {
  return array<std::uint32_t>(proxy.policies);
}
std::span<const blob::ApiGateway> PolicyView::api_gateways_of(const blob::Proxy& proxy) const {
  return array<blob::ApiGateway>(proxy.api_gateways);
}
std::span<const blob::Range> PolicyView::sources_of(const blob::Policy& policy) const {
  return array<blob::Range>(policy.sources);
}
std::span<const blob::Destination> PolicyView::destinations_of(const blob::Policy& policy) const {
  return array<blob::Destination>(policy.destinations);
}
std::span<const blob::Text> PolicyView::interfaces_of(const blob::Policy& policy) const {
  return array<blob::Text>(policy.interfaces);
}
std::span<const blob::Text> PolicyView::interfaces_of(const blob::Proxy& proxy) const {
  return array<blob::Text>(proxy.interfaces);
}
std::string_view PolicyView::text(blob::Text text) const {
  return as_text(bytes_.subspan(text.offset, text.size));
}

}  // namespace postern::policy
