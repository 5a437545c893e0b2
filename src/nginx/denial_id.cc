#include "nginx/denial_id.h"

#include <algorithm>
#include <cstring>

#include "base/random.h"

namespace postern::nginx {
namespace {

/// The kernel's randomness, asked for in advance: where a thousand sessions end at once, each needs an id.
class Reserve final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    while (!out.empty()) {
      if (used_ == sizeof bytes_) {
        SystemRandom().fill(bytes_);
        used_ = 0;
      }
      const auto n = std::min(out.size(), sizeof bytes_ - used_);
      std::memcpy(out.data(), bytes_ + used_, n);
      used_ += n;
      out = out.subspan(n);
    }
  }

 private:
  std::uint8_t bytes_[1024];
  std::size_t used_ = sizeof bytes_;
};

}  // namespace

std::string new_denial_id() {
  // A worker's own: nginx's master, from which workers are forked, makes none.
  static Reserve random;
  return random.readable(4) + "-" + random.readable(4);
}

}  // namespace postern::nginx
