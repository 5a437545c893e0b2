#include "cli/terminal.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/text.h"

namespace postern::cli {
namespace {

constexpr std::size_t kLongestAnswer = 4096;

volatile std::sig_atomic_t signal_while_silent = 0;

/// While it lives, what is typed is not shown; a signal that ends the process first gives the terminal back.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd) {
    if (tcgetattr(fd_, &before_) != 0) return;
    silent_ = true;
    signal_while_silent = 0;
    struct sigaction catching {};
    catching.sa_handler = [](int number) { signal_while_silent = number; };  // no SA_RESTART: read returns
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &catching, &actions_[i]);
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(fd_, TCSAFLUSH, &now);
  }
  ~Silence() {
    if (!silent_) return;
    tcsetattr(fd_, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &actions_[i], nullptr);
    if (const int number = signal_while_silent; number != 0) {
      [[maybe_unused]] const auto n = write(fd_, "\n", 1);
      raise(number);
    }
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  int fd_;
  bool silent_ = false;
  termios before_{};
  std::array<struct sigaction, kSignals.size()> actions_{};
};

class RealTerminal final : public Terminal {
 public:
  RealTerminal() {
    if (const auto locale = ::newlocale(LC_CTYPE_MASK, "", nullptr); locale != nullptr) {
      look_.utf8 = std::string_view(::nl_langinfo_l(CODESET, locale)) == "UTF-8";
      ::freelocale(locale);
    }
    const bool shown = isatty(STDOUT_FILENO) != 0;
    const char* no_colour = ::secure_getenv("NO_COLOR");
    const char* kind = ::secure_getenv("TERM");
    look_.colour =
        shown && (no_colour == nullptr || *no_colour == '\0') && kind != nullptr && std::string_view(kind) != "dumb";
    look_.progress = isatty(STDERR_FILENO) != 0;
    look_.interactive = look_.progress && (shown || isatty(STDIN_FILENO) != 0);
    const char* columns = ::secure_getenv("COLUMNS");
    winsize size{};
    if (const auto given = parse_u64(columns == nullptr ? "" : columns); given && *given >= 20 && *given <= 10'000) {
      look_.width = *given;
    } else if (shown && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
      look_.width = size.ws_col == 0 ? 80 : std::max<std::size_t>(size.ws_col, 40);
    }
  }

  void out(std::string_view text) override {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  void err(std::string_view text) override {
    std::fflush(stdout);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }

  Result<std::string> ask(std::string_view question) override { return question_on_terminal(question, false); }
  Result<std::string> ask_secret(std::string_view question) override { return question_on_terminal(question, true); }

  Result<std::string> input(std::size_t limit) override {
    std::string all;
    std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(ErrorCode::kUnavailable, "reading standard input: " + errno_text(errno));
      if (n == 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(n));
      if (all.size() > limit) {
        return fail(ErrorCode::kResourceExhausted,
                    "standard input has more than the " + std::to_string(limit) + " bytes that are taken");
      }
    }
  }

 private:
  Result<std::string> question_on_terminal(std::string_view question, bool secret) {
    const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail(ErrorCode::kUnavailable, "there is no terminal to ask at");
    std::fflush(stdout);
    std::optional<Silence> silence;
    if (secret) silence.emplace(fd);  // before it asks: whoever answers at once is not overheard, and not ignored
    [[maybe_unused]] const auto said = write(fd, question.data(), question.size());
    Result<std::string> answer = read_line(fd);
    if (secret) {
      [[maybe_unused]] const auto end = write(fd, "\n", 1);
    }
    silence.reset();
    close(fd);
    return answer;
  }

  static Result<std::string> read_line(int fd) {
    std::string line;
    char c = 0;
    for (;;) {
      const ssize_t n = read(fd, &c, 1);
      if (n < 0 && errno == EINTR && signal_while_silent == 0) continue;
      if (n <= 0) return fail(ErrorCode::kUnavailable, "no answer");
      if (c == '\n') return line;
      if (line.size() < kLongestAnswer) line += c;
    }
  }
};

}  // namespace

Result<bool> Terminal::agreed(std::string_view question) {
  auto answer = ask(question);
  if (!answer) return fail(answer.error());
  const std::string word = to_lower(trim(*answer));
  return word == "y" || word == "yes";
}

Terminal& real_terminal() {
  static RealTerminal terminal;
  return terminal;
}

}  // namespace postern::cli
