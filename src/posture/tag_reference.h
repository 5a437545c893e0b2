#pragma once
// How a condition names another tag that it reads, in its keys and to FactView.
#include <optional>
#include <string>
#include <string_view>

#include "posture/fact_keys.h"
#include "posture/tag.h"

namespace postern::posture {

/// "Kiosk", or "classification/Kiosk": of that kind only, or there is none. No tag is of a kind that nobody knows.
struct TagReference {
  std::string_view name;
  std::optional<TagKind> kind = std::nullopt;
  bool of_no_kind = false;

  /// REQUIRES: the tag is called so.
  bool means(bool enabled, TagKind of_tag) const { return enabled && !of_no_kind && (!kind || *kind == of_tag); }
};

/// REQUIRES: `text` stays. No tag's name has a slash.
inline TagReference tag_reference(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return {text};
  const auto kind = parse_tag_kind(text.substr(0, slash));
  return {text.substr(slash + 1), kind, !kind};
}

/// None: the key is no tag's. REQUIRES: `key` stays.
inline std::optional<TagReference> referred_tag(std::string_view key) {
  if (!key.starts_with(keys::kTagPrefix)) return std::nullopt;
  return tag_reference(key.substr(keys::kTagPrefix.size()));
}

inline std::string tag_key(std::string_view name, std::optional<TagKind> kind = std::nullopt) {
  std::string out(keys::kTagPrefix);
  if (kind) out.append(tag_kind_name(*kind)).append("/");
  return out.append(name);
}

}  // namespace postern::posture
