#include "nginx/denial_id.h"

#include "base/random.h"

namespace postern::nginx {

std::string new_denial_id() {
  SystemRandom random;
  return random.readable(4) + "-" + random.readable(4);
}

}  // namespace postern::nginx
