#pragma once
// The terminal that a person sits at: its mode, its size, its signals. As it was found, it is left: at the end, and when
// a signal ends the program.
#include <termios.h>

#include <chrono>
#include <functional>
#include <string>

#include "net/patience.h"

namespace postern::gateway::cli {

struct ScreenSize {
  std::size_t rows = 24, columns = 80;
};

/// One at a time in a process; thread: one.
class Tty {
 public:
  /// Standard input is a terminal. Takes over SIGINT, SIGWINCH, SIGTERM, SIGHUP; job control is off.
  Tty();
  ~Tty();
  Tty(const Tty&) = delete;
  Tty& operator=(const Tty&) = delete;

  /// No echo, characters as they come, Ctrl-C a signal: while a command runs, so that what is typed ahead or pasted waits
  /// unseen for its prompt.
  void quiet();
  /// As it was found.
  void restore();
  /// What the terminal says of itself now; 24 × 80 where it says nothing.
  ScreenSize size() const;

  enum class Event { kReady, kTimeout, kInterrupt, kResize, kHangUp };
  /// Waits for `fd` (-1: only for signals) and, while `also` >= 0, for that to become readable (kHangUp). A signal that
  /// ends programs ends this one, the terminal restored.
  Event wait(int fd, short events, int also, std::chrono::milliseconds limit);
  static constexpr std::chrono::milliseconds kForEver{-1};

 private:
  [[noreturn]] void end_by(int signal);
  termios found_{};
  bool known_ = false;
};

/// Waits like a person at a terminal: Ctrl-C, while an answer is waited for, calls `on_interrupt`; the second one ends the
/// program.
class TerminalPatience final : public net::Patience {
 public:
  explicit TerminalPatience(Tty& tty) : tty_(tty) {}
  bool ready(int fd, short events, std::chrono::milliseconds limit) override;
  void say(const std::string& text) override;
  /// A new command: Ctrl-C counts from here.
  void begin(std::function<void()> on_interrupt);

 private:
  Tty& tty_;
  std::function<void()> on_interrupt_;
  bool interrupted_ = false;
};

}  // namespace postern::gateway::cli
