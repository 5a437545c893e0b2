#pragma once
// Result<T>: a value or an Error. Every function that can fail for a reason outside the program returns one.
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace postern {

/// What kind of failure it is; clients branch on this, never on the text. Appears in API replies as its name
/// (`error_code_name`). Do not renumber or rename: people script against the names.
enum class ErrorCode {
  kInvalidArgument,     ///< The caller's input is malformed or out of range.
  kNotFound,
  kAlreadyExists,
  kConflict,            ///< The state does not allow it (another key is pinned, edited meanwhile, ...).
  kUnauthenticated,     ///< Nobody proved who they are.
  kPermissionDenied,    ///< Somebody proved who they are, and may not.
  kResourceExhausted,   ///< A limit is reached: size, rate, quota, disk.
  kUnavailable,         ///< The other side or the store cannot be reached now; trying again may help.
  kDeadlineExceeded,
  kDataLoss,            ///< Stored or received bytes are damaged.
  kUnsupported,         ///< This machine or version cannot do it.
  kInternal,            ///< A bug, or an environment that broke an assumption.
};

/// Stable snake_case name, such as "not_found".
std::string_view error_code_name(ErrorCode code);
/// The code of that name; `kInternal` for a name that this version doesn't know.
ErrorCode parse_error_code(std::string_view name);

/// `message` is a full sentence fragment for a person: what failed and what to do. No trailing full stop, no secrets.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  /// The same error with what was being done in front: "reading /etc/x: permission denied".
  Error context(std::string_view doing) const { return {code, std::string(doing) + ": " + message}; }
};

/// What an errno means, such as "No such file or directory". Thread: any (std::strerror does not promise that).
std::string errno_text(int error);

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
/// The commonest failure: the caller's input is malformed or out of range.
inline tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace postern
