#include "gateway/ztna/shm_actions.h"

#include <variant>

namespace postern::gateway {

static_assert(kMaxTags == policy::kTagBits,
              "a tag has one bit, the same in the core, in policies and in ec-shm");

policy::TagSet to_tag_set(const TagBits& bits) {
  policy::TagSet out;
  for (std::size_t bit = bits._Find_first(); bit < bits.size(); bit = bits._Find_next(bit))
    out.set(bit);
  return out;
}

ecshm::SlotData to_slot_data(const Slot& slot) {
  ecshm::SlotData out;
  out.connector = static_cast<std::uint32_t>(slot.owner.connector);
  out.not_after = slot.not_after;
  out.online = slot.online;
  out.registered = slot.registered;
  out.quarantined = slot.quarantined;
  out.blocked = slot.blocked;
  out.tags = to_tag_set(slot.tags);
  out.unknown = to_tag_set(slot.unknown);
  return out;
}

Status apply_to_shm(ecshm::Writer& writer, const act::Action& action) {
  if (const auto* upsert = std::get_if<act::SlotUpsert>(&action)) {
    return writer.upsert(upsert->slot.leaf, to_slot_data(upsert->slot));
  }
  if (const auto* remove = std::get_if<act::SlotRemove>(&action)) {
    writer.remove(remove->leaf);
  } else if (const auto* valid = std::get_if<act::ConnectorValid>(&action)) {
    writer.set_connector_valid_until(static_cast<std::uint32_t>(valid->id), valid->until);
  } else if (const auto* lease = std::get_if<act::Lease>(&action)) {
    writer.set_lease(lease->until);
  }
  return {};
}

}  // namespace postern::gateway
