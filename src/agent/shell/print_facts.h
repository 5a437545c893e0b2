#pragma once
// Facts as text, for people and scripts.
#include <string>

#include "agent/collectors/collector.h"

namespace postern::agent {

/// One line a fact: key, value or why it is unknown, source.
std::string facts_table(const posture::FactMap& facts);
/// An object by key: {"value": …, "source": …} or {"unknown": "denied", "source": …}.
std::string facts_json(const posture::FactMap& facts);

}  // namespace postern::agent
