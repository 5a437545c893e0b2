#pragma once
// What nginx's error log says about a start or a reload. `nginx -t` doesn't tell everything: a port that another
// program listens at is found only afterwards, and said nowhere else. Workers write what clients send to the same log.
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::gateway {

class NginxVerdict {
 public:
  explicit NginxVerdict(pid_t master) : master_(std::to_string(master)) {}

  /// What was written since the start or the reload, in pieces cut anywhere; a line counts once it is whole.
  /// nullopt: it isn't decided yet. Error: kConflict (it can't listen at a port), kUnavailable (anything else); the old
  /// configuration stays, a start ends. Once decided it stays so.
  const std::optional<Status>& take(std::string_view piece);

 private:
  void line_ended();

  std::string master_;
  std::string line_;  // what there is of the last line; of one that is longer than nginx's, its beginning
  std::vector<std::string> ports_;
  std::optional<Status> verdict_;
};

}  // namespace postern::gateway
