#pragma once
// Facts as text, for people and scripts.
#include <filesystem>
#include <set>
#include <string>

#include "agent/collectors/collector.h"

namespace postern::agent {

/// What `postern-agent facts` shows of that root: the endpoint record without `keys`, else these; with `all` the record,
/// every fact that a rule may ask for without an argument, and `keys`. Blocks.
posture::FactMap facts_of(const std::filesystem::path& root, const std::set<std::string, std::less<>>& keys, bool all,
                          WallTime now);

/// One line a fact: key, value or why it is unknown, source.
std::string facts_table(const posture::FactMap& facts);
/// An object by key: {"value": …, "source": …} or {"unknown": "denied", "source": …}.
std::string facts_json(const posture::FactMap& facts);

}  // namespace postern::agent
