// A compiled database of dconf: damaged in whatever way, it is refused or answers within its bounds.
#include <cstdint>
#include <string>

#include "agent/collectors/desktop/dconf.h"
#include "agent/collectors/desktop/gvdb.h"
#include "base/hex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::agent;
  const auto table = GvdbTable::open(postern::to_text({data, size}));
  if (!table) return 0;
  const LockedSettings settings({*table, *table});
  for (const auto* path :
       {"/org/gnome/desktop/session/idle-delay", "/org/gnome/desktop/screensaver/lock-enabled", "/x", ""}) {
    (void)table->value(path);
    (void)settings.value<std::uint32_t>(path);
    (void)settings.value<bool>(path);
  }
  return 0;
}
