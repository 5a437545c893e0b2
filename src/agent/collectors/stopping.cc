#include "agent/collectors/stopping.h"

#include <unistd.h>

#include <iostream>

namespace postern::agent {
namespace {

std::atomic<bool>& over() {
  static std::atomic<bool> flag{false};
  return flag;
}

}  // namespace

void give_up_waiting() { over() = true; }
bool waiting_is_over() { return over(); }

std::atomic<int>& loose_threads() {
  static std::atomic<int> count{0};
  return count;
}

int exit_status(int status) {
  if (loose_threads() == 0) return status;
  std::cout.flush();
  ::_exit(status);
}

}  // namespace postern::agent
