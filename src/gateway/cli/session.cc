#include "gateway/cli/session.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/candidates.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/filter.h"
#include "gateway/cli/meanwhile.h"
#include "gateway/cli/notices.h"
#include "gateway/cli/one_line.h"
#include "gateway/cli/schema_tree.h"
#include "gateway/cli/script.h"
#include "gateway/cli/secret_line.h"
#include "gateway/cli/show.h"
#include "gateway/config/editor.h"
#include "gateway/config/secret.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {

using config::Editor;
using config::Transaction;

namespace {

// `config` comes from the editor.
constexpr Verb kShow = {"show", "Print the configuration, as it can be typed."};
constexpr Verb kGet = {"get", "Print values, the gateway's own ones included."};
constexpr Verb kTree = {"tree", "Print what can be configured."};
constexpr Verb kAtTopOnly[] = {{"execute", "Do something once."},
                               {"diagnose", "Look into the gateway."},
                               {"exit", "End the session."},
                               {"quit", "End the session."}};
/// Commands that print: their output can be filtered. Not those of the editor, whose values may hold any character.
constexpr std::string_view kPrint[] = {"show", "get", "tree", "execute", "diagnose"};

bool prints(std::string_view verb) { return std::find(std::begin(kPrint), std::end(kPrint), verb) != std::end(kPrint); }

}  // namespace

struct CliSession::State : std::enable_shared_from_this<State> {
  State(config::ConfigStore& s, GatewayOperations& o, Random& r, std::string u)
      : store(s), operations(o), random(r), user(std::move(u)), editor(s.current()->schema()) {}

  config::ConfigStore& store;
  GatewayOperations& operations;
  Random& random;
  const std::string user;
  Editor editor;
  std::optional<Transaction> staged;
  std::string meanwhile;                     // what others committed, for the answer of a commit that was not done
  config::WordSplitter pending;
  std::function<void(std::string)> answer;   // to the question that was asked
  std::function<Reply(bool)> needless;       // to one that wasn't
  Done done;                                // of the line that runs
  std::optional<Script> script;
  std::optional<Filter> filter;             // of the line that runs
  std::string_view verb;                    // likewise; empty: no command was recognised
  bool secret = false;                      // likewise
  std::uint64_t given_up = 0;               // counts: what began before does not come back

  void finish(Reply reply) {
    if (!done) return;
    if (filter && reply.ok() && !reply.more) reply.output = filter->apply(reply.output);
    filter.reset();
    reply.error = one_line(std::move(reply.error));
    reply.secret = secret || (reply.more && pending.words().open);
    if (script && !reply.ok()) {
      const bool told = script->failed(verb, pending.words().words, reply.error, editor);
      reply.error = told ? fmt::format("line {}: {}", script->line(), reply.error) : std::string();
    } else if (script && prints(verb) && editor.at_top() && !reply.more) {
      script->carried_out();
    }
    std::exchange(done, nullptr)(std::move(reply));
  }
  void fail(std::string error) { finish({std::exchange(meanwhile, {}), std::move(error), false, false}); }
  void print(std::string output) { finish({std::move(output), {}, false, false}); }

  const config::ConfigTree& tree() const { return staged ? staged->tree() : *store.current(); }

  std::vector<Verb> verbs() const {
    std::vector<Verb> out;
    for (const auto& c : editor.commands()) out.push_back({c.name, c.help});
    out.insert(out.end(), {kShow, kGet, kTree});
    if (editor.at_top()) out.insert(out.end(), std::begin(kAtTopOnly), std::end(kAtTopOnly));
    return out;
  }
  Result<std::string_view> verb_of(const std::string& word) const;

  void line(std::string_view text);
  void dispatch(const std::vector<std::string>& words);
  /// Before a command that is not of the editor: what the text has staged is put in force. False: the line is done with.
  bool settle_script();
  void look(const std::vector<std::string>& words);
  void edit(const std::vector<std::string>& words);
  void edited(Editor::Outcome outcome, const Editor& before, const std::vector<std::string>& words);
  /// Everything staged; the notices.
  Result<std::string> commit();
  Reply judge_script();
  /// Replaces the password at this place by its hash, elsewhere than on the loop, and goes on.
  void hash(std::vector<std::string> words, std::size_t at);
  void run_command(const std::vector<std::string>& words);
  std::vector<Candidate> help(std::string_view line) const;
};

Result<std::string_view> CliSession::State::verb_of(const std::string& word) const {
  const auto all = verbs();
  std::vector<std::string_view> names;
  for (const auto& v : all) names.push_back(v.name);
  const auto at = config::match_word(word, names);
  if (at) return names[*at];
  if (at.error().code == ErrorCode::kConflict) return postern::fail(at.error());
  return postern::fail(ErrorCode::kNotFound,
                       fmt::format("unknown command {}; allowed: {} (? explains them)",
                                   config::quoted(std::string_view(word).substr(0, 80)),
                                   join({names.begin(), names.end()}, ", ")));
}

void CliSession::State::line(std::string_view text) {
  verb = {};
  secret = answer || pending.words().open;
  if (answer) {
    const auto continuation = std::exchange(answer, nullptr);
    verb = "execute";
    return continuation(std::string(text));
  }
  if (const auto reply = std::exchange(needless, nullptr)) {
    if (const auto yes = read_yes_or_no(text)) return finish(reply(*yes));
  }
  if (!pending.words().open) {
    pending.clear();
    const auto trimmed = trim(text);
    if (trimmed.empty() || trimmed.front() == '#') return finish({});
    if (trimmed.back() == '?' && !config::split_words(trimmed).open) {
      auto found = help(trimmed.substr(0, trimmed.size() - 1));
      if (found.empty()) return fail("nothing can stand here");
      return print(format_help(found));
    }
    const auto first = config::split_words(trimmed.substr(0, trimmed.find_first_of(" \t|")));
    if (const auto named = first.words.empty() ? Result<std::string_view>(std::string_view()) : verb_of(first.words[0]);
        named && prints(*named)) {
      auto parts = split_filter(text);
      if (!parts) {
        verb = *named;
        return fail(parts.error().message);
      }
      text = parts->command;
      filter = std::move(parts->filter);
    }
  }
  if (pending.size() + text.size() > kMaxLine) {
    pending.clear();
    return fail(fmt::format("the command is longer than {} KiB", kMaxLine >> 10));
  }
  pending.feed(text);
  if (pending.words().open) return finish({{}, {}, true, false});
  secret = secret || holds_secret(editor, pending.words().words);
  dispatch(pending.words().words);
}

void CliSession::State::dispatch(const std::vector<std::string>& words) {
  if (words.empty() || (script && script->skips(words, editor))) return finish({});
  // Nothing of the editor begins so: what looks at what is staged is run here.
  if (!editor.at_top() && !script && words[0].size() >= 4 && std::string_view("diagnose").starts_with(words[0])) {
    verb = "diagnose";
    return run_command(words);
  }
  const auto named = verb_of(words[0]);
  if (!named) return fail(named.error().message);
  verb = *named;
  if (verb == "exit" || verb == "quit") return finish({{}, {}, false, true});
  if (prints(verb)) {
    if (script && editor.at_top() && !settle_script()) return;
    return verb == "execute" || verb == "diagnose" ? run_command(words) : look(words);
  }
  if (const auto clear = editor.clear_secret(words)) {
    const auto good = editor.check_secret(words);
    return good ? hash(words, *clear) : fail(good.error().message);
  }
  edit(words);
}

bool CliSession::State::settle_script() {
  if (script->wrong()) {
    script->not_run(verb == "execute");
    verb = {};
    finish({});
    return false;
  }
  if (staged) {
    auto notices = commit();
    if (!notices) {
      fail(fmt::format("{}before this command: {}", script->blame(notices.error().message), notices.error().message));
      return false;
    }
  }
  script->committed();
  return true;
}

void CliSession::State::look(const std::vector<std::string>& words) {
  const ShowPlace place = {tree(), editor, operations};
  auto shown = verb == "show" ? show(place, words) : verb == "get" ? get(place, words) : show_tree(place, words);
  return shown ? print(std::move(*shown)) : fail(shown.error().message);
}

void CliSession::State::hash(std::vector<std::string> words, std::size_t at) {
  const auto hashed = std::make_shared<std::string>();
  const std::string clear = words[at];
  operations.offload(
      [hashed, clear, salt = config::draw_salt(random)] { *hashed = config::hash_password(clear, salt); },
      [self = weak_from_this(), began = given_up, hashed, words = std::move(words), at]() mutable {
        const auto s = self.lock();
        if (!s || s->given_up != began) return;
        if (hashed->empty()) return s->fail(config::hashing_failed().message);
        words[at] = *hashed;
        s->edit(words);
      });
}

Result<std::string> CliSession::State::commit() {
  if (auto told = tell_meanwhile(store, *staged, editor, script.has_value())) {
    meanwhile = std::move(told->output);
    return postern::fail(ErrorCode::kConflict, std::move(told->error));
  }
  const auto before = store.current();
  if (const auto status = store.commit(*staged, {user, "cli"}); !status) return postern::fail(status.error());
  editor.leave_all();
  staged.reset();
  std::string said;
  for (const auto& notice : commit_notices(*before, *store.current(), operations)) {
    said += "Notice: " + one_line(notice) + '\n';
  }
  return said;
}

void CliSession::State::edit(const std::vector<std::string>& words) {
  if (!staged) staged.emplace(store.begin());
  const Editor before = editor;
  const auto outcome = editor.run(*staged, words);
  if (!outcome) {
    if (editor.at_top() && !script) staged.reset();
    return fail(outcome.error().message);
  }
  if (script) return edited(*outcome, before, words);
  if (*outcome == Editor::Outcome::kAbort) staged.reset();
  if (*outcome != Editor::Outcome::kCommit) return finish({});
  auto notices = commit();
  if (!notices && !meanwhile.empty()) return fail(notices.error().message);
  if (!notices) return fail(notices.error().message + " (nothing was committed: mend it and end, or abort)");
  print(std::move(*notices));
}

void CliSession::State::edited(Editor::Outcome outcome, const Editor& before, const std::vector<std::string>& words) {
  if (outcome == Editor::Outcome::kCommit) editor.leave_all();
  script->moved(verb, before, editor, words);
  if (outcome == Editor::Outcome::kAbort) {
    // Only this block goes: those before it are done again.
    staged.emplace(store.begin());
    for (const auto& done_before : script->complete_blocks()) {
      const auto again = editor.run(*staged, done_before);
      if (again && *again == Editor::Outcome::kCommit) editor.leave_all();
    }
    editor.leave_all();
  }
  finish({});
}

Reply CliSession::State::judge_script() {
  Reply reply;
  if (std::exchange(answer, nullptr)) {
    reply.faults.push_back(fmt::format(
        "line {}: the command waits for an answer and has done nothing yet; it is taken from the line behind it",
        script->line()));
  } else if (pending.words().open) {
    reply.faults.push_back(fmt::format("line {}: the quote is never closed", script->line()));
  } else if (!editor.at_top()) {
    reply.faults.push_back(fmt::format("line {}: the text ends inside {} (end is missing)", script->last_line(),
                                       config::describe(editor.path())));
  }
  if (staged) {
    for (auto& fault : script->unknown_names(staged->tree())) reply.faults.push_back(std::move(fault));
  }
  for (auto& fault : reply.faults) fault = one_line(fault);
  script->count_wrong(reply.faults.size());
  if (staged && !script->wrong()) {
    if (auto notices = commit()) {
      reply.output = std::move(*notices);
    } else {
      const auto& error = notices.error().message;
      reply.output = std::exchange(meanwhile, {});
      reply.faults.push_back(script->blame(error) + error);
      script->count_wrong(1);
    }
  }
  if (script->wrong()) reply.error = script->verdict();
  for (auto& fault : reply.faults) fault = one_line(fault);
  editor.leave_all();
  staged.reset();
  pending.clear();
  needless = nullptr;
  script.reset();
  return reply;
}

void CliSession::State::run_command(const std::vector<std::string>& words) {
  std::vector<std::string_view> phrases;
  for (const auto& c : all_commands()) phrases.push_back(c.words);
  const auto match = config::match_phrase(phrases, words, 0);
  if (!match) return fail(match.error().message);
  const Command& command = all_commands()[match->first];
  if (!editor.at_top() && !command.while_staged) {
    return fail(fmt::format("\"{}\" can't be run inside config; end takes what is staged, abort gives it up", command.words));
  }
  std::vector<std::string> arguments(words.begin() + static_cast<std::ptrdiff_t>(match->second), words.end());
  if (arguments.size() < command.required_arguments() || arguments.size() > command.arguments.size()) {
    std::string usage = command.words;
    for (const auto& a : command.arguments) usage += ' ' + a.word;
    return fail("usage: " + usage);
  }
  // Nothing, once the session is gone or the command was given up.
  const auto self = [weak = weak_from_this(), began = given_up] {
    auto s = weak.lock();
    if (s && s->given_up != began) s.reset();
    return s;
  };
  CommandContext context{
      store, operations, random, std::move(arguments),
      [self](Reply reply) {
        if (const auto s = self()) s->finish(std::move(reply));
      },
      [self](std::string output, std::string question, std::function<void(std::string)> continuation) {
        const auto s = self();
        if (!s) return;
        s->answer = std::move(continuation);
        s->finish({output + question, {}, true, false});
      },
      [self](std::function<Reply(bool)> reply) {
        if (const auto s = self()) s->needless = std::move(reply);
      },
      [self] { return self() != nullptr; }, user,
      [self]() -> Result<config::Snapshot> {
        const auto s = self();
        if (!s || !s->staged) return s ? s->store.current() : Result<config::Snapshot>(postern::fail(ErrorCode::kUnavailable, "the session is gone"));
        if (auto valid = s->staged->validate(); !valid) return postern::fail(valid.error());
        return std::make_shared<const config::ConfigTree>(s->staged->tree());
      }};
  command.run(context);
}

std::vector<Candidate> CliSession::State::help(std::string_view text) const {
  std::string line(text);
  auto words = config::split_words(line);
  if (words.open) {  // a name that was begun with a quote
    for (const char quote : {'"', '\''}) {
      words = config::split_words(line + quote);
      if (!words.open) break;
    }
    if (words.open) return {};
    words.ends_in_space = false;
  }
  if (words.ends_in_space) words.words.emplace_back();
  const auto bar = std::find(words.words.begin(), words.words.end(), "|");
  if (bar != words.words.end()) {
    const auto named = verb_of(words.words[0]);
    if (named && prints(*named)) return filter_candidates({bar + 1, words.words.end()});
  }
  const auto all = verbs();
  return candidates({tree(), editor, operations, all}, words.words);
}

CliSession::CliSession(config::ConfigStore& store, GatewayOperations& operations, Random& random, std::string user)
    : state_(std::make_shared<State>(store, operations, random, std::move(user))) {}
CliSession::~CliSession() = default;

void CliSession::feed(std::string_view line, Done done) {
  if (state_->done) return done({{}, "the command before still runs", false, false});
  state_->done = std::move(done);
  const auto alive = state_;  // `done` may destroy the session
  if (line.size() > kMaxLine) {
    return alive->fail(fmt::format("the line is longer than {} KiB", kMaxLine >> 10));
  }
  alive->line(line);
}

void CliSession::feed_script(std::string_view line, Done done) {
  auto& s = *state_;
  if (!s.done) {
    if (!s.script) s.script.emplace();
    s.script->next_line(!s.pending.words().open && !s.answer);
    if (s.script->stopped()) return done({});
    if (s.script->last_line() == 1) line = config::without_mark(line);
  }
  feed(line, std::move(done));
}

void CliSession::end_script(Done done) {
  if (state_->done) return done({{}, "the command before still runs", false, false});
  if (!state_->script) state_->script.emplace();
  done(state_->judge_script());
}

void CliSession::cancel() {
  const auto alive = state_;
  ++alive->given_up;
  alive->answer = nullptr;
  alive->needless = nullptr;
  alive->pending.clear();
  alive->fail("given up; what it had begun may still take effect");
}

std::vector<Candidate> CliSession::help(std::string_view line) const {
  if (state_->pending.words().open || state_->answer) return {};
  return state_->help(line);
}

std::string CliSession::greeting() const {
  std::string out;
  for (const auto& part : state_->operations.health()) {
    if (part.state == PartHealth::State::kFailed) out += fmt::format("{}: FAILED: {}\n", part.part, one_line(part.text));
  }
  return out;
}

std::string CliSession::prompt() const {
  if (state_->pending.words().open || state_->answer) return "> ";
  std::string name = state_->store.current()->single("system global").text("hostname");
  if (name.empty()) name = state_->operations.system_status().hostname;
  const auto& levels = state_->editor.levels();
  if (levels.empty()) return name + " # ";
  const auto& level = levels.back();
  const std::string& table = level.table->name;
  const auto space = table.rfind(' ');
  return fmt::format("{} ({}) # ", name, level.in_object && !level.key.empty() ? level.key
                                         : space == table.npos ? table : table.substr(space + 1));
}

bool CliSession::has_staged_changes() const { return state_->staged && state_->staged->changed(); }

bool CliSession::pages() const { return state_->store.current()->single("system console").text("output") == "more"; }

}  // namespace postern::gateway::cli
