#include "gateway/cli/terminal.h"

#include <histedit.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

struct Terminal {
  Channel& channel;
  std::string prompt;
  EditLine* editor = nullptr;
};

Terminal& of(EditLine* editor) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return *static_cast<Terminal*>(data);
}

const char* show_prompt(EditLine* editor) { return of(editor).prompt.c_str(); }

std::string before_cursor(EditLine* editor) {
  const LineInfo* line = el_line(editor);
  return std::string(line->buffer, line->cursor);
}

std::vector<Candidate> ask(EditLine* editor, const std::string& line) {
  auto response = of(editor).channel.ask({Request::Kind::kHelp, line});
  return response ? std::move(response->help) : std::vector<Candidate>();
}

void print_candidates(const std::vector<Candidate>& candidates) {
  std::printf("\n%s", format_help(candidates).c_str());
  std::fflush(stdout);
}

unsigned char on_question(EditLine* editor, int) {
  const std::string line = before_cursor(editor);
  if (config::split_words(line).open) {  // inside quotes it is a character like any other
    el_insertstr(editor, "?");
    return CC_REFRESH;
  }
  print_candidates(ask(editor, line));
  return CC_REDISPLAY;
}

unsigned char on_tab(EditLine* editor, int) {
  const std::string line = before_cursor(editor);
  const auto words = config::split_words(line);
  const std::string partial = words.ends_in_space || words.words.empty() ? "" : words.words.back();
  auto candidates = ask(editor, line);
  std::erase_if(candidates, [&](const Candidate& c) { return !c.word.starts_with(partial); });
  if (candidates.empty()) return CC_ERROR;
  std::string common = candidates.front().word;
  for (const auto& c : candidates) {
    const auto end = std::mismatch(common.begin(), common.end(), c.word.begin(), c.word.end()).first;
    common.erase(end, common.end());
  }
  std::string more = common.substr(std::min(partial.size(), common.size()));
  if (candidates.size() == 1) more += ' ';
  if (!more.empty()) {
    el_insertstr(editor, more.c_str());
    return CC_REFRESH;
  }
  print_candidates(candidates);
  return CC_REDISPLAY;
}

void on_interrupt(int) {}

}  // namespace

int run_terminal(Channel& channel) {
  Terminal terminal{channel, {}, nullptr};
  auto first = channel.ask({Request::Kind::kLine, ""});
  if (!first) {
    std::fprintf(stderr, "%s\n", first.error().message.c_str());
    return 2;
  }
  terminal.prompt = first->prompt;
  // Ctrl-C gives up the line, not the session.
  struct sigaction interrupt {};
  interrupt.sa_handler = on_interrupt;
  sigaction(SIGINT, &interrupt, nullptr);

  EditLine* editor = el_init("postern-gateway", stdin, stdout, stderr);
  if (!editor) {
    std::fprintf(stderr, "the terminal can't be used\n");
    return 2;
  }
  // In memory only: lines may hold passwords.
  History* history = history_init();
  HistEvent event;
  ::history(history, &event, H_SETSIZE, 1000);
  ::history(history, &event, H_SETUNIQUE, 1);
  el_set(editor, EL_CLIENTDATA, &terminal);
  el_set(editor, EL_PROMPT, &show_prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_HIST, ::history, history);
  el_set(editor, EL_ADDFN, "postern-help", "Show what may follow", &on_question);
  el_set(editor, EL_ADDFN, "postern-complete", "Complete the word", &on_tab);
  el_set(editor, EL_BIND, "?", "postern-help", nullptr);
  el_set(editor, EL_BIND, "^I", "postern-complete", nullptr);

  int status = 0;
  for (;;) {
    int count = 0;
    errno = 0;
    const char* typed = el_gets(editor, &count);
    if (!typed || count <= 0) {
      if (errno == EINTR) {
        el_reset(editor);
        std::printf("^C\n");
        continue;
      }
      std::printf("\n");
      break;
    }
    std::string line(typed, static_cast<std::size_t>(count));
    if (!line.empty() && line.back() == '\n') line.pop_back();
    if (line.find_first_not_of(" \t") != line.npos) ::history(history, &event, H_ENTER, line.c_str());
    const auto response = channel.ask({Request::Kind::kLine, line});
    if (!response) {
      std::fprintf(stderr, "%s\n", response.error().message.c_str());
      status = 2;
      break;
    }
    const Reply& reply = response->reply;
    terminal.prompt = response->prompt;
    if (reply.more && !reply.output.empty()) {
      // A question: its last line stands where the prompt does.
      const auto last = reply.output.rfind('\n');
      terminal.prompt = last == std::string::npos ? reply.output : reply.output.substr(last + 1);
      if (last != std::string::npos) std::fputs(reply.output.substr(0, last + 1).c_str(), stdout);
    } else {
      std::fputs(reply.output.c_str(), stdout);
    }
    if (!reply.ok()) std::fprintf(stderr, "%s\n", reply.error.c_str());
    if (reply.bye) break;
  }
  history_end(history);
  el_end(editor);
  return status;
}

}  // namespace postern::gateway::cli
