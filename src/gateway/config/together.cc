#include "gateway/config/together.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/text.h"
#include "gateway/config/tree.h"

namespace postern::gateway::config {
namespace {

/// References name an object and not its table, so that a name may stand for one thing only.
const std::vector<std::vector<std::string_view>>& shared_names() {
  static const std::vector<std::vector<std::string_view>> all = {
      {"firewall address", "firewall addrgrp"},
      {"firewall service custom", "firewall service group"},
      {"firewall schedule recurring", "firewall schedule onetime", "firewall schedule group"},
  };
  return all;
}

Status check_names(const ConfigTree& tree) {
  for (const auto& tables : shared_names()) {
    std::map<std::string, std::string_view> owners;
    for (const auto table : tables) {
      for (const auto& o : tree.entries(table)) {
        const auto [it, fresh] = owners.emplace(o.key(), table);
        if (fresh) continue;
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("{} {}: is the name of an entry of {}, too; choose another", table, o.key(), it->second));
      }
    }
  }
  return {};
}

/// Deeper ones nobody can follow any more, and what they hold is looked up anew in each.
constexpr unsigned kMaxDepth = 32;

/// A group that holds itself, by way of others. Each is looked into once, whatever holds it.
class Circles {
 public:
  Circles(const ConfigTree& tree, std::string table) : table_(std::move(table)) {
    for (const auto& o : tree.entries(table_)) members_[o.key()] = o.values("member");
  }
  Status find() {
    for (const auto& [group, members] : members_) {
      if (auto ok = visit(group); !ok) return ok;
    }
    return {};
  }

 private:
  enum class State { kNew, kOpen, kDone };

  Status visit(const std::string& first) {
    // By hand and not by recursion: a chain of groups is as long as its author likes.
    struct Frame {
      const std::string* group;
      std::size_t next = 0;
    };
    if (states_[first] == State::kDone) return {};
    std::vector<Frame> stack = {{&first}};
    states_[first] = State::kOpen;
    while (!stack.empty()) {
      auto& frame = stack.back();
      const auto& members = members_.at(*frame.group);
      if (frame.next == members.size()) {
        states_[*frame.group] = State::kDone;
        auto& depth = depths_[*frame.group];
        for (const auto& m : members) {
          if (const auto below = depths_.find(m); below != depths_.end()) depth = std::max(depth, below->second + 1);
        }
        if (depth > kMaxDepth) {
          return fail(ErrorCode::kInvalidArgument,
                      fmt::format("{} {}: member: groups stand in groups more than {} deep there; name "
                                  "the addresses or services themselves",
                                  table_, *frame.group, kMaxDepth));
        }
        stack.pop_back();
        continue;
      }
      const auto member = members_.find(members[frame.next++]);
      if (member == members_.end()) continue;
      auto& state = states_[member->first];
      if (state == State::kDone) continue;
      if (state == State::kOpen) {
        std::vector<std::string> names;
        for (const auto& f : stack) names.push_back(*f.group);
        names.erase(names.begin(), std::find(names.begin(), names.end(), member->first));
        names.push_back(member->first);
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} {}: member: holds itself ({}); take one of them out",
                                                             table_, member->first, join(names, " > ")));
      }
      state = State::kOpen;
      stack.push_back({&member->first});
    }
    return {};
  }

  std::string table_;
  std::map<std::string, Value> members_;
  std::map<std::string, State> states_;
  std::map<std::string, unsigned> depths_;  // of those that are done: 0: no group in it
};

/// The groups that hold `all`, by way of others, too. Behind Circles.
std::set<std::string> groups_of_all(const ConfigTree& tree) {
  std::map<std::string, std::vector<std::string>> holders;  // by member
  for (const auto& o : tree.entries("firewall addrgrp")) {
    for (const auto& member : o.values("member")) holders[member].push_back(o.key());
  }
  std::set<std::string> out;
  std::vector<std::string> open = {"all"};
  while (!open.empty()) {
    const auto holding = holders[open.back()];
    open.pop_back();
    for (const auto& group : holding) {
      if (out.insert(group).second) open.push_back(group);
    }
  }
  return out;
}

/// `all` is no address that could be asked for: behind it, nothing would be reached, and nobody told.
Status check_destinations(const ConfigTree& tree) {
  const auto groups = groups_of_all(tree);
  if (groups.empty()) return {};
  for (const auto* table : {"firewall access-proxy", "firewall access-proxy6"}) {
    for (const auto& proxy : tree.entries(table)) {
      for (const auto& gateway : proxy.entries("api-gateway")) {
        for (const auto& server : gateway.entries("realservers")) {
          const auto group = server.text("address");
          if (!groups.contains(group)) continue;
          return fail(ErrorCode::kInvalidArgument,
                      fmt::format("{} {}: api-gateway {}: realservers {}: address: the group {} holds all; allowed: an address or group of "
                                  "the hosts that are to be reached (take all out of the group, or name another)",
                                  table, proxy.key(), gateway.key(), server.key(), group));
        }
      }
    }
  }
  return {};
}

}  // namespace

Status check_together(const ConfigTree& tree) {
  if (auto names = check_names(tree); !names) return names;
  for (const auto* table : {"firewall addrgrp", "firewall service group"}) {
    if (auto ok = Circles(tree, table).find(); !ok) return ok;
  }
  return check_destinations(tree);
}

}  // namespace postern::gateway::config
