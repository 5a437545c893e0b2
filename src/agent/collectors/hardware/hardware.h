#pragma once
// The machine: DMI, processor, memory.
#include "agent/collectors/collector.h"

namespace postern::agent {

void collect_hardware(Facts& facts);

}  // namespace postern::agent
