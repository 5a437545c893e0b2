#pragma once
// What the gateway's core decides, carried into ec-shm.
#include "base/result.h"
#include "ecshm/slot.h"
#include "ecshm/writer.h"
#include "gateway/core/gateway_core.h"

namespace postern::gateway {

policy::TagSet to_tag_set(const TagBits& bits);
ecshm::SlotData to_slot_data(const Slot& slot);

/// Carries out SlotUpsert, SlotRemove, ConnectorValid and Lease; leaves every other action alone.
/// After a batch of them the caller calls `writer.notify()`, and only then answers questions about
/// certificates. Errors: those of ecshm::Writer::upsert; the endpoint is denied then.
Status apply_to_shm(ecshm::Writer& writer, const act::Action& action);

}  // namespace postern::gateway
