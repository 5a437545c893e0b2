#pragma once
// Why a connection that policies let through is let through no more. Pure; thread: any.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/firewall/judge.h"
#include "gateway/firewall/model.h"
#include "policy/reason.h"

namespace postern::gateway::firewall {

/// The policies and what was known of the connection's source, at one moment.
struct Moment {
  const std::vector<Policy>& policies;
  const AddressEntry* source;  ///< nullptr: the address was no endpoint's.
};

struct Cut {
  Flow flow;
  std::uint32_t policy = 0;  ///< That refuses it, or whose tags are missing, or that had let it through.
  policy::Reason reason = policy::Reason::kNoPolicy;
  std::string detail;
  std::vector<std::string> tags;  ///< Forbidden, missing or unknown ones; by their dynamic addresses.
  RecordKey owner;                ///< Of the source; what it was, where it is nobody's now.
};

/// nullopt: policies did not let it through before either (it was for the gateway itself, or is older than this program).
/// `gone`: why the source is nobody's now.
std::optional<Cut> why_cut(const Flow& flow, const Moment& before, const Moment& now, const Gone& gone);

/// Connections that one change ended.
struct Forgotten {
  static constexpr std::size_t kTold = 1000;  ///< So many are told of one by one.
  std::vector<Cut> cuts;
  std::map<policy::Reason, std::uint64_t> beyond;  ///< The rest.

  void add(Cut cut);
};

}  // namespace postern::gateway::firewall
