#include "ems/core/name.h"

#include "base/ids.h"

namespace postern::ems {

Status check_new_name(std::string_view name) {
  if (!valid_tag_name(name)) {
    return fail(ErrorCode::kInvalidArgument,
                "name: must be 1 to 63 letters, digits, dots, hyphens, underscores or spaces inside");
  }
  if (name == "." || name == "..") {
    return fail(ErrorCode::kInvalidArgument,
                "name: \".\" and \"..\" mean another place in an address; choose another name");
  }
  return {};
}

}  // namespace postern::ems
