#pragma once
// For tests of asked families: questions to a root of one's own.
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/asked.h"
#include "agent/collectors/root_lab.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;

class AskedLab : public RootLab {
 protected:
  using Texts = std::vector<std::string>;

  posture::Fact ask(const std::string& key) const;
  posture::Fact ask(std::string_view key) const { return ask(std::string(key)); }
  /// The value as text: "yes", "no", a number, a text, a list as "a, b" ("none": empty); unknown as "unknown: reason".
  std::string said(const std::string& key) const;
  std::string said(std::string_view key) const { return said(std::string(key)); }
  /// A symbolic link in the root, its directories made.
  void link(const std::string& path, const std::string& target);
};

}  // namespace postern::agent
