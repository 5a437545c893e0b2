#include "gateway/cli/tty.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace postern::gateway::cli {
namespace {

int signal_pipe[2] = {-1, -1};

void tell_signal(int number) {
  const int error = errno;
  const auto byte = static_cast<char>(number);
  // A full pipe holds signals enough.
  [[maybe_unused]] const auto written = write(signal_pipe[1], &byte, 1);
  errno = error;
}

constexpr int kTakenOver[] = {SIGINT, SIGWINCH, SIGTERM, SIGHUP};

}  // namespace

Tty::Tty() {
  known_ = tcgetattr(STDIN_FILENO, &found_) == 0;
  if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) signal_pipe[0] = signal_pipe[1] = -1;
  struct sigaction action {};
  action.sa_handler = tell_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : kTakenOver) sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGTSTP, &action, nullptr);
}

Tty::~Tty() {
  restore();
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (const int number : kTakenOver) sigaction(number, &action, nullptr);
  sigaction(SIGTSTP, &action, nullptr);
}

void Tty::quiet() {
  if (!known_) return;
  termios mode = found_;
  mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  mode.c_lflag |= ISIG;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

void Tty::restore() {
  if (known_) tcsetattr(STDIN_FILENO, TCSADRAIN, &found_);
}

ScreenSize Tty::size() const {
  winsize told{};
  ScreenSize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0) return size;
  if (told.ws_row > 0) size.rows = told.ws_row;
  if (told.ws_col > 0) size.columns = told.ws_col;
  return size;
}

void Tty::end_by(int number) {
  restore();
  std::fputc('\n', stdout);
  std::fflush(stdout);
  signal(number, SIG_DFL);
  raise(number);
  _exit(128 + number);
}

Tty::Event Tty::wait(int fd, short events, int also, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + limit;
  for (;;) {
    int left = -1;
    if (limit >= limit.zero()) {
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      left = rest > 0 ? static_cast<int>(rest) : 0;
    }
    pollfd what[3] = {{signal_pipe[0], POLLIN, 0}, {fd, events, 0}, {also, POLLIN, 0}};
    const int n = poll(what, 3, left);
    if (n < 0 && errno != EINTR) return Event::kReady;  // reading will say what is wrong
    if (n == 0) return Event::kTimeout;
    if (n < 0) continue;
    char number = 0;
    if (what[0].revents != 0 && read(signal_pipe[0], &number, 1) == 1) {
      if (number == SIGINT) return Event::kInterrupt;
      if (number == SIGWINCH) return Event::kResize;
      end_by(number);
    }
    if (what[1].revents != 0) return Event::kReady;
    if (what[2].revents != 0) return Event::kHangUp;
  }
}

bool TerminalPatience::ready(int fd, short events, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    switch (tty_.wait(fd, events, -1, std::max(left, left.zero()))) {
      case Tty::Event::kReady: return true;
      case Tty::Event::kTimeout: return false;
      case Tty::Event::kInterrupt:
        if (!(events & POLLIN) || !on_interrupt_) break;
        if (interrupted_) {
          tty_.restore();
          std::fprintf(stderr, "^C\nleft; whether the gateway has carried out the command is not known\n");
          std::exit(130);
        }
        interrupted_ = true;
        say("^C");
        on_interrupt_();
        break;
      default: break;
    }
  }
}

void TerminalPatience::say(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", text.c_str());
}

void TerminalPatience::begin(std::function<void()> on_interrupt) {
  on_interrupt_ = std::move(on_interrupt);
  interrupted_ = false;
}

}  // namespace postern::gateway::cli
