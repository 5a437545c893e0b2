#pragma once
// Asking a program of the machine.
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace postern::agent {

struct ProgramOutput {
  int exit_status = 0;
  std::string text;  ///< Its standard output.
};

/// Runs a program by its absolute path, without a shell, with nothing on its standard input, in the locale "C"; blocks.
/// After `limit` it is killed. Errors: kNotFound, kPermissionDenied, kDeadlineExceeded, kResourceExhausted (it said more
/// than `most` bytes), kUnavailable (it could not be run, or was killed). Thread: any.
Result<ProgramOutput> run_program(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                                  std::size_t most = 1u << 20);

}  // namespace postern::agent
