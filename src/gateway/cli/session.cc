#include "gateway/cli/session.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/notices.h"
#include "gateway/cli/one_line.h"
#include "gateway/cli/show.h"
#include "gateway/config/editor.h"
#include "gateway/config/secret.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {

using config::Editor;
using config::Transaction;

namespace {

struct TopCommand {
  std::string_view name;
  std::string_view help;
};
// `config` comes from the editor.
constexpr TopCommand kShow = {"show", "Print the configuration, as it can be typed."};
constexpr TopCommand kGet = {"get", "Print values, the gateway's own ones included."};
constexpr TopCommand kAtTopOnly[] = {{"execute", "Do something once."},
                                     {"diagnose", "Look into the gateway."},
                                     {"exit", "End the session."},
                                     {"quit", "End the session."}};

/// What the first words of tables and commands have in common.
std::string_view group_help(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kGroups[] = {
      {"system", "The gateway itself, its administrators and interfaces."},
      {"certificate", "Certificates and keys."},
      {"endpoint-control", "Connectors to endpoint management servers."},
      {"firewall", "Addresses, access proxies and policies."},
      {"service", "Services for policies."},
      {"schedule", "When policies hold."},
      {"log", "What is logged."},
      {"fctems", "Endpoint management servers."},
      {"api-user", "Programs that use the REST API."},
      {"endpoint", "Endpoints and the servers that know them."},
      {"ec-shm", "Endpoint records in shared memory."},
      {"record", "Every endpoint record that this gateway holds."},
      {"ztna", "Access proxies."},
      {"json", "What is told to an EMS."},
      {"lls-comm", "What the fabric connectors know."},
      {"send", "Ask them."},
      {"wad", "What access proxies decide by."},
      {"dev", "Endpoints."},
      {"query-by", "Look one up."},
      {"dynamic", "Addresses of tags."},
      {"test", "The gateway's parts."},
      {"application", "A part of the gateway."},
  };
  for (const auto& [name, help] : kGroups) {
    if (name == word) return help;
  }
  return {};
}

}  // namespace

struct CliSession::State : std::enable_shared_from_this<State> {
  State(config::ConfigStore& s, GatewayOperations& o, Random& r)
      : store(s), operations(o), random(r), editor(s.current()->schema()) {}

  config::ConfigStore& store;
  GatewayOperations& operations;
  Random& random;
  Editor editor;
  std::optional<Transaction> staged;
  config::WordSplitter pending;
  std::function<void(std::string)> answer;   // to the question that was asked
  std::function<Reply(bool)> needless;       // to one that wasn't
  Done done;                                // of the line that runs

  void finish(Reply reply) {
    if (!done) return;
    reply.error = one_line(std::move(reply.error));
    std::exchange(done, nullptr)(std::move(reply));
  }
  void fail(std::string error) { finish({{}, std::move(error), false, false}); }
  void print(std::string output) { finish({std::move(output), {}, false, false}); }

  const config::ConfigTree& tree() const { return staged ? staged->tree() : *store.current(); }

  std::vector<TopCommand> commands() const {
    std::vector<TopCommand> out;
    for (const auto& c : editor.commands()) out.push_back({c.name, c.help});
    out.push_back(kShow);
    out.push_back(kGet);
    if (editor.at_top()) out.insert(out.end(), std::begin(kAtTopOnly), std::end(kAtTopOnly));
    return out;
  }

  void line(std::string_view text);
  void dispatch(const std::vector<std::string>& words);
  void edit(const std::vector<std::string>& words);
  /// Replaces the password at this place by its hash, elsewhere than on the loop, and goes on.
  void hash(std::vector<std::string> words, std::size_t at);
  void run_command(const std::vector<std::string>& words);
  std::vector<Candidate> candidates(const std::vector<std::string>& words) const;
  std::vector<Candidate> editor_candidates(std::string_view command, const std::vector<std::string>& words) const;
};

void CliSession::State::line(std::string_view text) {
  if (answer) {
    const auto continuation = std::exchange(answer, nullptr);
    return continuation(std::string(text));
  }
  if (const auto reply = std::exchange(needless, nullptr)) {
    if (const auto yes = read_yes_or_no(text)) return finish(reply(*yes));
  }
  if (!pending.words().open) {
    pending.clear();
    const auto trimmed = trim(text);
    if (trimmed.empty() || trimmed.front() == '#') return finish({});
    if (trimmed.back() == '?') {
      const auto before = trimmed.substr(0, trimmed.size() - 1);
      const auto words = config::split_words(before);
      if (!words.open) {
        std::vector<std::string> known = words.words;
        if (words.ends_in_space) known.emplace_back();
        auto found = candidates(known);
        if (found.empty()) return fail("nothing can stand here");
        return print(format_help(found));
      }
    }
  }
  if (pending.size() + text.size() > kMaxLine) {
    pending.clear();
    return fail(fmt::format("the command is longer than {} KiB", kMaxLine >> 10));
  }
  pending.feed(text);
  if (pending.words().open) return finish({{}, {}, true, false});
  dispatch(pending.words().words);
}

void CliSession::State::dispatch(const std::vector<std::string>& words) {
  if (words.empty()) return finish({});
  const auto all = commands();
  std::vector<std::string_view> names;
  for (const auto& c : all) names.push_back(c.name);
  const auto at = config::match_word(words[0], names);
  if (!at) {
    return fail(at.error().code == ErrorCode::kConflict
                    ? at.error().message
                    : fmt::format("unknown command {}; allowed: {} (? explains them)",
                                  config::quoted(std::string_view(words[0]).substr(0, 80)),
                                  join({names.begin(), names.end()}, ", ")));
  }
  const std::string_view command = names[*at];
  if (command == "show" || command == "get") {
    const ShowPlace place = {tree(), editor, operations};
    auto shown = command == "show" ? show(place, words) : get(place, words);
    return shown ? print(std::move(*shown)) : fail(shown.error().message);
  }
  if (command == "exit" || command == "quit") return finish({{}, {}, false, true});
  if (command == "execute" || command == "diagnose") return run_command(words);
  if (const auto secret = editor.clear_secret(words)) {
    const auto good = editor.check_secret(words);
    return good ? hash(words, *secret) : fail(good.error().message);
  }
  edit(words);
}

void CliSession::State::hash(std::vector<std::string> words, std::size_t at) {
  const auto hashed = std::make_shared<std::string>();
  const std::string clear = words[at];
  operations.offload(
      [hashed, clear, salt = config::draw_salt(random)] { *hashed = config::hash_password(clear, salt); },
      [self = weak_from_this(), hashed, words = std::move(words), at]() mutable {
        const auto s = self.lock();
        if (!s) return;
        if (hashed->empty()) return s->fail(config::hashing_failed().message);
        words[at] = *hashed;
        s->edit(words);
      });
}

void CliSession::State::edit(const std::vector<std::string>& words) {
  if (!staged) staged.emplace(store.begin());
  const auto outcome = editor.run(*staged, words);
  if (!outcome) {
    if (editor.at_top()) staged.reset();
    return fail(outcome.error().message);
  }
  if (*outcome == Editor::Outcome::kAbort) staged.reset();
  std::string said;
  if (*outcome == Editor::Outcome::kCommit) {
    const auto before = store.current();
    if (const auto status = store.commit(*staged); !status) {
      return fail(status.error().message + " (nothing was committed: mend it and end, or abort)");
    }
    editor.leave_all();
    staged.reset();
    for (const auto& notice : commit_notices(*before, *store.current(), operations)) {
      said += "Notice: " + one_line(notice) + '\n';
    }
  }
  print(std::move(said));
}

void CliSession::State::run_command(const std::vector<std::string>& words) {
  std::vector<std::string_view> phrases;
  for (const auto& c : all_commands()) phrases.push_back(c.words);
  const auto match = config::match_phrase(phrases, words, 0);
  if (!match) return fail(match.error().message);
  const Command& command = all_commands()[match->first];
  std::vector<std::string> arguments(words.begin() + static_cast<std::ptrdiff_t>(match->second), words.end());
  if (arguments.size() < command.required_arguments() || arguments.size() > command.arguments.size()) {
    std::string usage = command.words;
    for (const auto& a : command.arguments) usage += ' ' + a.word;
    return fail("usage: " + usage);
  }
  const std::weak_ptr<State> self = weak_from_this();
  CommandContext context{
      store, operations, random, std::move(arguments),
      [self](Reply reply) {
        if (const auto s = self.lock()) s->finish(std::move(reply));
      },
      [self](std::string output, std::string question, std::function<void(std::string)> continuation) {
        const auto s = self.lock();
        if (!s) return;
        s->answer = std::move(continuation);
        s->finish({output + question, {}, true, false});
      },
      [self](std::function<Reply(bool)> reply) {
        if (const auto s = self.lock()) s->needless = std::move(reply);
      },
      [self] { return !self.expired(); }};
  command.run(context);
}

std::vector<Candidate> CliSession::State::editor_candidates(std::string_view command,
                                                            const std::vector<std::string>& words) const {
  std::vector<Candidate> out;
  const auto& levels = editor.levels();
  const auto keys = [&](const config::Table& table, const config::ObjectPath& path) {
    const config::ObjectPath above(path.begin(), path.end() - 1);
    const config::Object* parent = above.empty() ? &tree().root() : tree().find(above);
    if (!parent) return;
    if (const auto it = parent->tables.find(table.name); it != parent->tables.end()) {
      for (const auto& o : it->second) out.push_back({config::quote_word(o.key), table.key.help});
    }
  };
  if (levels.empty()) return out;
  const config::Table& table = *levels.back().table;
  if (command == "edit" || command == "delete" || command == "rename" || command == "move") {
    if (words.size() == 2) {
      keys(table, editor.path());
      if (command == "edit") out.push_back({"<" + table.key.name + ">", table.key.help + " " + table.key.allowed()});
    } else if (words.size() == 3 && command == "rename") {
      out.push_back({"to", "The new name follows."});
    } else if (words.size() == 3 && command == "move") {
      out = {{"before", "The other entry follows."}, {"after", "The other entry follows."}};
    } else if (words.size() == 4 && command == "move") {
      keys(table, editor.path());
    }
    return out;
  }
  const bool values = command == "set" || command == "append" || command == "unselect";
  if (!values && command != "unset") return out;
  if (words.size() == 2) {
    for (const auto& a : table.attributes) {
      if (!a.read_only) out.push_back({a.name, a.help});
    }
    return out;
  }
  std::vector<std::string_view> names;
  for (const auto& a : table.attributes) names.push_back(a.name);
  const auto at = config::match_word(words[1], names);
  if (!values || !at || (words.size() > 3 && !table.attributes[*at].many)) return out;
  const auto& attribute = table.attributes[*at];
  for (const auto& o : attribute.options) out.push_back({o.name, o.help});
  for (const auto& target : attribute.references) {
    for (const auto& entry : tree().entries(target)) {
      out.push_back({config::quote_word(entry.key()), target});
    }
  }
  if (attribute.type == config::Type::kTag) {
    for (const auto& tag : operations.dynamic_addresses()) out.push_back({config::quote_word(tag.name), tag.tag});
  }
  if (attribute.options.empty()) out.push_back({"<value>", attribute.allowed()});
  return out;
}

std::vector<Candidate> CliSession::State::candidates(const std::vector<std::string>& words) const {
  std::vector<Candidate> out;
  const std::string& partial = words.back();
  const auto all = commands();
  if (words.size() == 1) {
    for (const auto& c : all) out.push_back({std::string(c.name), std::string(c.help)});
  } else {
    std::vector<std::string_view> names;
    for (const auto& c : all) names.push_back(c.name);
    const auto at = config::match_word(words[0], names);
    if (!at) return out;
    const std::string_view command = names[*at];
    // Names of several words: those whose first words fit, then their next word.
    const auto phrase = [&](std::string_view name, std::string_view help, std::size_t first) {
      const auto parts = split(name, ' ');
      const std::size_t depth = words.size() - 1 - first;
      if (depth >= parts.size()) return;
      for (std::size_t i = 0; i < depth; ++i) {
        if (!parts[i].starts_with(words[first + i])) return;
      }
      const std::string word(parts[depth]);
      const bool last = depth + 1 == parts.size();
      for (auto& c : out) {
        if (c.word == word) {
          if (last) c.help = std::string(help);
          return;
        }
      }
      out.push_back({word, std::string(last ? help : group_help(word))});
    };
    if (command == "config") {
      for (const auto& t : editor.tables()) phrase(t.name, t.help, 1);
    } else if (command == "show" || command == "get") {
      std::size_t first = 1;
      if (command == "show") {
        phrase("full-configuration", "Defaults included.", 1);
        const std::string_view full = "full-configuration";
        if (words.size() > 2 && full.starts_with(words[1]) && words[1].size() > 1) first = 2;
      } else if (editor.at_top()) {
        phrase("system status", "Version, serial number and name of this gateway.", 1);
      }
      if (editor.at_top()) {
        for (const auto& t : tree().schema().root().tables) phrase(t.name, t.help, first);
        std::vector<std::string_view> tables;
        for (const auto& t : tree().schema().root().tables) tables.push_back(t.name);
        const std::vector<std::string> known(words.begin(), words.end() - 1);
        if (const auto match = config::match_phrase(tables, known, first);
            match && first + match->second == known.size()) {
          for (const auto& e : tree().entries(tables[match->first])) {
            if (!e.key().empty()) out.push_back({config::quote_word(e.key()), e.table().key.help});
          }
        }
      }
    } else if (command == "execute" || command == "diagnose") {
      for (const auto& c : all_commands()) phrase(c.words, c.help, 0);
      std::vector<std::string_view> phrases;
      for (const auto& c : all_commands()) phrases.push_back(c.words);
      const std::vector<std::string> known(words.begin(), words.end() - 1);
      if (const auto match = config::match_phrase(phrases, known, 0)) {
        const auto& arguments = all_commands()[match->first].arguments;
        const std::size_t position = known.size() - match->second;
        if (position < arguments.size()) return {arguments[position]};
      }
    } else {
      out = editor_candidates(command, words);
    }
  }
  std::erase_if(out, [&](const Candidate& c) {
    const bool placeholder = c.word.starts_with('<') || c.word.starts_with('[');
    return placeholder ? false : !c.word.starts_with(partial) && !c.word.starts_with('"' + partial);
  });
  return out;
}

CliSession::CliSession(config::ConfigStore& store, GatewayOperations& operations, Random& random)
    : state_(std::make_shared<State>(store, operations, random)) {}
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

std::vector<Candidate> CliSession::help(std::string_view line) const {
  const auto words = config::split_words(line);
  if (words.open || state_->pending.words().open || state_->answer) return {};
  std::vector<std::string> known = words.words;
  if (words.ends_in_space) known.emplace_back();
  return state_->candidates(known);
}

std::string CliSession::prompt() const {
  if (state_->pending.words().open) return "> ";
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

std::string format_help(const std::vector<Candidate>& candidates) {
  std::size_t width = 0;
  for (const auto& c : candidates) width = std::max(width, std::min<std::size_t>(c.word.size(), 40));
  std::string out;
  for (const auto& c : candidates) {
    out += c.help.empty() ? c.word : fmt::format("{:<{}}  {}", c.word, width, c.help);
    out += '\n';
  }
  return out;
}

}  // namespace postern::gateway::cli
