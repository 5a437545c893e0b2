#pragma once
// Whose the pinned addresses are, kept in the runtime directory: as long as the kernel's entries, until a reboot.
#include <filesystem>

#include "gateway/neighbours/watch.h"
#include "gateway/shell/context.h"

namespace postern::gateway {

/// Thread: loop.
class KeptPins {
 public:
  explicit KeptPins(Context& context) : context_(context) {}

  /// Gives the core the pins that a killed gateway left in the kernel, each for its owner; before that the core takes up all that
  /// waits for its turn. After the kept views, and before the core's questions are asked.
  void restore(const NetworkWatch& watch);
  void mark() { unsaved_ = true; }  ///< A pin came, went, or has another owner.
  /// Writes them if they changed. Called often; writing takes at most a thirtieth of the time. Pins that were not
  /// written yet when the gateway is killed are asked about anew.
  void save();
  void remove();  ///< For a deliberate end of the program, which leaves none.

 private:
  std::filesystem::path path() const { return context_.options.runtime_dir / "pins"; }

  Context& context_;
  bool unsaved_ = false;
  MonoTime rest_until_{};
};

}  // namespace postern::gateway
