#pragma once
// The interface by which a client reached us.
#include <net/if.h>

#include <array>
#include <string_view>

namespace postern::nginx {

/// A name as the kernel has it; empty: not known.
class InterfaceName {
 public:
  InterfaceName() = default;
  /// That by which the first packet of this connected TCP socket came in; a bridge's port counts as the bridge, and who
  /// connects from this machine itself comes by "lo", whichever of its addresses it uses. Empty where the kernel doesn't
  /// tell, or the interface is gone.
  static InterfaceName of(int socket, bool v6);

  std::string_view text() const { return {name_.data()}; }

 private:
  std::array<char, IF_NAMESIZE> name_{};
};

}  // namespace postern::nginx
