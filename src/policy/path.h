#pragma once
// Does a request's path have exactly one reading? What the policy judges must be what the
// application sees.
#include <string_view>

namespace postern::policy {

/// `raw` is the path as it came, without the query. True if nothing in it is read differently by
/// different programs: no empty or dot segment, no encoded '/', '\\', '.', control character or
/// unreserved character, no backslash, no '#', no broken percent sequence, nothing but printable
/// ASCII.
bool canonical_path(std::string_view raw);

}  // namespace postern::policy
