#include "gateway/cli/terminal.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>

#include "gateway/cli/candidates.h"
#include "gateway/cli/channel.h"
#include "gateway/cli/completion.h"
#include "gateway/cli/pager.h"
#include "gateway/cli/safe_text.h"
#include "gateway/cli/tty.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

constexpr int kHistory = 1000;

class Terminal {
 public:
  Terminal(Tty& tty, TerminalPatience& patience, Channel& channel) : tty_(tty), patience_(patience), channel_(channel) {}
  ~Terminal() {
    if (history_) history_end(history_);
    if (editor_) el_end(editor_);
  }

  int run();

 private:
  static Terminal& of(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return *static_cast<Terminal*>(data);
  }
  static const char* show_prompt(EditLine* editor) { return of(editor).prompt_.c_str(); }
  static int read_character(EditLine* editor, wchar_t* out) { return of(editor).read_key(out); }
  static unsigned char on_question(EditLine* editor, int) { return of(editor).question(); }
  static unsigned char on_tab(EditLine* editor, int) { return of(editor).tab(); }

  bool open_editor();
  int read_key(wchar_t* out);
  unsigned char question();
  unsigned char tab();
  std::string before_cursor() const {
    const LineInfo* line = el_line(editor_);
    return std::string(line->buffer, line->cursor);
  }
  std::vector<Candidate> help(const std::string& line);
  void show_candidates(const std::vector<Candidate>& list);
  void show(const std::string& output);
  /// What is wrong, or to be known.
  void tell(const std::string& sentence) const {
    std::fflush(stdout);
    std::fprintf(stderr, "%s\n", folded(safe_text(sentence), tty_.size().columns).c_str());
  }

  /// Asks, and takes over what the answer says of the session. False: the daemon is gone, which has been told.
  bool ask(const Request& request, Reply& reply);
  bool line(const std::string& typed);
  bool end_of_input();

  Tty& tty_;
  TerminalPatience& patience_;
  Channel& channel_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  std::string prompt_;
  bool more_ = false;     // a question or a quote is open
  bool staged_ = false;
  bool pages_ = true;
  bool warned_ = false;   // that what is staged would be lost
  bool gone_ = false;     // the daemon
  bool bye_ = false;
};

bool Terminal::open_editor() {
  editor_ = el_init("postern-gateway", stdin, stdout, stderr);
  if (!editor_) return false;
  // In memory only, and without the lines that hold secrets.
  history_ = history_init();
  HistEvent event;
  ::history(history_, &event, H_SETSIZE, kHistory);
  ::history(history_, &event, H_SETUNIQUE, 1);
  el_set(editor_, EL_CLIENTDATA, this);
  el_set(editor_, EL_PROMPT, &show_prompt);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, ::history, history_);
  el_set(editor_, EL_GETCFN, &read_character);
  el_set(editor_, EL_ADDFN, "postern-help", "Show what may follow", &on_question);
  el_set(editor_, EL_ADDFN, "postern-complete", "Complete the word", &on_tab);
  el_set(editor_, EL_BIND, "?", "postern-help", nullptr);
  el_set(editor_, EL_BIND, "^I", "postern-complete", nullptr);
  return true;
}

int Terminal::read_key(wchar_t* out) {
  std::mbstate_t state{};
  for (;;) {
    switch (tty_.wait(STDIN_FILENO, POLLIN, channel_.fd(), Tty::kForEver)) {
      case Tty::Event::kReady: break;
      case Tty::Event::kInterrupt: errno = EINTR; return -1;
      case Tty::Event::kResize:
        el_resize(editor_);
        el_set(editor_, EL_REFRESH);
        continue;
      case Tty::Event::kHangUp: gone_ = true; return 0;
      case Tty::Event::kTimeout: continue;
    }
    char byte = 0;
    const auto n = read(STDIN_FILENO, &byte, 1);
    if (n <= 0) return 0;
    const auto used = std::mbrtowc(out, &byte, 1, &state);
    if (used == static_cast<std::size_t>(-2)) continue;  // more of the character follows
    if (used != static_cast<std::size_t>(-1)) return 1;
    state = {};  // no UTF-8: left out
  }
}

std::vector<Candidate> Terminal::help(const std::string& line) {
  auto response = channel_.ask({Request::Kind::kHelp, line});
  return response ? std::move(response->help) : std::vector<Candidate>();
}

void Terminal::show_candidates(const std::vector<Candidate>& list) {
  std::fputc('\n', stdout);
  show(format_help(list, tty_.size().columns));
}

unsigned char Terminal::question() {
  const std::string line = before_cursor();
  // In quotes and in answers it is a character like any other.
  if (more_ || config::split_words(line).open) {
    el_insertstr(editor_, "?");
    return CC_REFRESH;
  }
  const auto list = help(line);
  if (list.empty()) {
    std::printf("\nnothing can stand here\n");
    std::fflush(stdout);
  } else {
    show_candidates(list);
  }
  return CC_REDISPLAY;
}

unsigned char Terminal::tab() {
  if (more_) return CC_ERROR;
  const std::string line = before_cursor();
  const auto done = complete(line, help(line));
  if (!done.list.empty()) {
    show_candidates(done.list);
    return CC_REDISPLAY;
  }
  if (done.insert.empty()) return CC_ERROR;
  if (done.erase > 0) el_deletestr(editor_, static_cast<int>(done.erase));
  el_insertstr(editor_, done.insert.c_str());
  return CC_REFRESH;
}

void Terminal::show(const std::string& output) {
  const auto text = safe_text(output);
  if (!pages_ || !isatty(STDOUT_FILENO)) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    return;
  }
  print_paged(text, {[this] { return tty_.size(); },
                     [](std::string_view part) {
                       std::fwrite(part.data(), 1, part.size(), stdout);
                       std::fflush(stdout);
                     },
                     [this]() -> int {
                       for (;;) {
                         const auto event = tty_.wait(STDIN_FILENO, POLLIN, -1, Tty::kForEver);
                         if (event == Tty::Event::kInterrupt) return -1;
                         if (event != Tty::Event::kReady) continue;
                         unsigned char byte = 0;
                         return read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
                       }
                     }});
}

bool Terminal::ask(const Request& request, Reply& reply) {
  patience_.begin([this] { channel_.cancel(); });
  auto response = channel_.ask(request);
  patience_.begin(nullptr);
  if (!response) {
    tell(response.error().message);
    gone_ = true;
    return false;
  }
  reply = std::move(response->reply);
  prompt_ = std::move(response->prompt);
  staged_ = response->staged;
  pages_ = response->pages;
  more_ = reply.more;
  return true;
}

bool Terminal::line(const std::string& typed) {
  Reply reply;
  if (!ask({Request::Kind::kLine, typed}, reply)) return false;
  if (!reply.secret && typed.find_first_not_of(" \t") != typed.npos) {
    HistEvent event;
    ::history(history_, &event, H_ENTER, typed.c_str());
  }
  if (reply.more && !reply.output.empty()) {
    // A question: its last line stands where the prompt does.
    const auto last = reply.output.rfind('\n') + 1;  // 0: there is one line only
    if (last < reply.output.size()) prompt_ = safe_text(reply.output.substr(last));
    show(reply.output.substr(0, last));
  } else {
    show(reply.output);
  }
  if (!reply.ok()) tell(reply.error);
  bye_ = reply.bye;
  return true;
}

/// Ctrl-D on an empty line. True: the session ends.
bool Terminal::end_of_input() {
  std::fputc('\n', stdout);
  if (gone_) {
    tell(std::string("the gateway closed the connection (did it stop?)") +
         (staged_ ? "; what was staged is lost" : ""));
    return true;
  }
  if (!staged_ || warned_) return true;
  tell("What you have changed is staged and would be lost: end puts it in force, abort drops it. Ctrl-D once more ends "
       "the session without it.");
  return false;
}

int Terminal::run() {
  Reply first;
  if (!ask({Request::Kind::kHello, ""}, first)) return 2;
  if (!open_editor()) {
    std::fprintf(stderr, "the terminal can't be used\n");
    return 2;
  }
  tty_.quiet();
  if (!first.output.empty()) tell(first.output.substr(0, first.output.size() - 1));
  while (!bye_) {
    int count = 0;
    errno = 0;
    const char* typed = el_gets(editor_, &count);
    const bool interrupted = !typed && errno == EINTR;
    std::string text(typed && count > 0 ? std::string_view(typed, static_cast<std::size_t>(count)) : "");
    tty_.quiet();
    if (interrupted) {
      std::printf("^C\n");
      // A question or a quote is given up with its line.
      Reply reply;
      if (more_ && !ask({Request::Kind::kCancel, ""}, reply)) return 2;
      continue;
    }
    if (text.empty()) {
      if (end_of_input()) break;
      warned_ = true;
      continue;
    }
    warned_ = false;
    if (text.back() == '\n') text.pop_back();
    if (!line(text)) return 2;
  }
  return gone_ ? 2 : 0;
}

}  // namespace

int run_terminal(const std::string& socket_path) {
  // The configuration is UTF-8, whatever the machine speaks.
  if (!std::setlocale(LC_CTYPE, "C.UTF-8")) std::setlocale(LC_CTYPE, "");
  Tty tty;
  TerminalPatience patience(tty);
  auto channel = Channel::connect(socket_path, patience);
  if (!channel) {
    std::fprintf(stderr, "%s\n", channel.error().message.c_str());
    return 2;
  }
  return Terminal(tty, patience, **channel).run();
}

}  // namespace postern::gateway::cli
