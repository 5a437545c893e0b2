#pragma once
// What tests of the import of a FortiGate's configuration share.
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "gateway/config/import/fortios.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {

class FortiosLab : public testing::Test {
 protected:
  void here(std::string_view text) {
    auto t = store->begin();
    ASSERT_TRUE(apply_text(t, text));
    ASSERT_TRUE(store->commit(t));
  }
  /// The configuration that results.
  std::string take(std::string_view text, std::vector<std::string> interfaces = {}) {
    auto taken = import_text(store->current(), text, {std::move(interfaces)});
    if (!taken) return "error: " + taken.error().message;
    import.emplace(std::move(*taken));
    EXPECT_TRUE(import->transaction.validate());
    EXPECT_EQ(import->lines.size(), split(text.ends_with('\n') ? text.substr(0, text.size() - 1) : text, '\n').size());
    for (const auto& l : import->lines) EXPECT_NE(l.verdict, Verdict::kOpen) << l.text;
    return print_tree(import->transaction.tree());
  }
  /// What is said of the first line that holds `text`.
  std::string why(std::string_view text) const {
    for (const auto& l : import->lines) {
      if (l.text.find(text) != l.text.npos) return l.why;
    }
    return "no such line";
  }
  Verdict verdict(std::string_view text) const {
    for (const auto& l : import->lines) {
      if (l.text.find(text) != l.text.npos) return l.verdict;
    }
    return Verdict::kOpen;
  }
  /// Is the policy taken, and in force?
  bool on(const std::string& id = "1", const std::string& table = "firewall policy") const {
    const Object* policy = import->transaction.tree().find({{table, id}});
    return policy && !policy->values.contains("status");
  }
  /// Why the entry is left out or off; empty: it is neither.
  std::string off(const std::string& name) const {
    for (const auto* list : {&import->left_out, &import->disabled}) {
      for (const auto& e : *list) {
        if (e.name == name) return e.why;
      }
    }
    return {};
  }

  std::unique_ptr<ConfigStore> store = ConfigStore::in_memory(gateway_schema());
  std::optional<Import> import;
};

inline const std::string kLanAndServer =
    "config firewall address\nedit lan\nset subnet 10.0.1.0/24\nnext\nedit srv\nset subnet 10.0.3.0/24\nnext\nend\n";

/// From lan at port1 to srv at port2 by HTTPS, unless `more` says otherwise.
inline std::string policy_text(const std::string& more, const std::string& id = "1", const std::string& action = "accept") {
  return "config firewall policy\nedit " + id + "\nset srcintf \"port1\"\nset dstintf \"port2\"\nset action " + action +
         "\nset srcaddr \"lan\"\nset dstaddr \"srv\"\nset schedule \"always\"\nset service \"HTTPS\"\n" + more + "next\nend\n";
}

}  // namespace postern::gateway::config::fortios
