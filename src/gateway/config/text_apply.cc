#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/editor.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

constexpr std::size_t kMaxCommand = 1u << 20;  // holds the longest list of the longest names, all in quotes

/// Is `word` the command, or short for it?
bool is_short_for(std::string_view word, std::string_view command, std::size_t least) {
  return word.size() >= least && command.starts_with(word);
}

/// Reads a text line by line into a transaction, and goes on behind what is wrong as long as it is let.
class TextReader {
 public:
  TextReader(Transaction& t, std::size_t most) : transaction_(t), editor_(t.tree().schema()), most_(most) {}

  std::vector<WrongLine> wrong;

  void read(std::string_view text) {
    std::size_t number = 0;
    for (const auto line : split(without_mark(text), '\n')) {
      if (wrong.size() >= most_) return;
      take(line, ++number);
    }
    if (wrong.size() >= most_) return;
    if (command_.words().open) return tell(began_, "the quote is never closed");
    if (!editor_.at_top()) {
      tell(number, fmt::format("the text ends inside {} (end is missing)", describe(editor_.path())));
    }
  }

  void validate() {
    if (wrong.size() >= most_) return;
    for (const auto& problem : transaction_.problems(most_)) {
      const std::string object = describe(problem.path);
      if (told_.contains(object)) continue;
      auto at = lines_.find(object + '\n' + problem.attribute);
      if (at == lines_.end()) at = lines_.find(object);
      tell(at == lines_.end() ? 0 : at->second, problem.error.message);
      if (wrong.size() >= most_) break;
    }
    std::stable_sort(wrong.begin(), wrong.end(), [](const WrongLine& a, const WrongLine& b) { return a.line < b.line; });
  }

 private:
  void tell(std::size_t line, std::string_view message) { wrong.push_back({line, one_line(message)}); }

  void take(std::string_view line, std::size_t number) {
    if (!command_.words().open) {
      command_.clear();
      const auto trimmed = trim(line);
      if (trimmed.empty() || trimmed.front() == '#') return;
      began_ = number;
    }
    command_.feed(line);
    if (command_.size() > kMaxCommand) {
      command_.clear();
      return tell(began_, fmt::format("the command is longer than {} KiB", kMaxCommand >> 10));
    }
    if (!command_.words().open && !command_.words().words.empty()) run(command_.words().words);
  }

  void run(const std::vector<std::string>& words) {
    if (skipped_ && !skip(words[0])) return;
    const auto outcome = editor_.run(transaction_, words);
    if (!outcome) return failed(words[0], outcome.error());
    if (*outcome == Editor::Outcome::kCommit) editor_.leave_all();
    if (*outcome == Editor::Outcome::kAbort) return tell(began_, "abort has no place in a file");
    // Where what validation finds stands.
    if (!editor_.in_object()) return;
    const std::string object = describe(editor_.path());
    if (is_short_for(words[0], "edit", 2) || is_short_for(words[0], "config", 1)) lines_.try_emplace(object, began_);
    if (words.size() > 1) lines_[object + '\n' + words[1]] = began_;
  }

  void failed(std::string_view word, const Error& error) {
    tell(began_, error.message);
    if (is_short_for(word, "config", 1)) skipped_ = Skipped{"end", 0};
    if (is_short_for(word, "edit", 2)) skipped_ = Skipped{"next", 0};
    const bool end = is_short_for(word, "end", 2);
    if (!editor_.in_object() || (!end && !is_short_for(word, "next", 1))) return;
    told_.insert(describe(editor_.path()));
    editor_.leave(end);
  }

  /// What stands inside something that is wrong is not read. True: this word belongs to what is around it.
  bool skip(std::string_view word) {
    if (is_short_for(word, "config", 1)) {
      ++skipped_->depth;
    } else if (is_short_for(word, "end", 2)) {
      if (skipped_->depth > 0) {
        --skipped_->depth;
      } else {
        // The end of the table in which an entry was passed over is that of the table.
        return std::exchange(skipped_, std::nullopt)->until == "next";
      }
    } else if (skipped_->depth == 0 && skipped_->until == "next" && is_short_for(word, "next", 1)) {
      skipped_.reset();
    }
    return false;
  }

  struct Skipped {
    std::string_view until;
    std::size_t depth;
  };

  Transaction& transaction_;
  Editor editor_;
  const std::size_t most_;
  WordSplitter command_;
  std::size_t began_ = 0;
  std::optional<Skipped> skipped_;
  std::map<std::string, std::size_t> lines_;  // of objects, and of their attributes
  std::set<std::string> told_;                // objects whose own error is told
};

bool too_large(std::string_view text) { return text.size() > kMaxConfigText; }
std::string size_told() { return fmt::format("the configuration is larger than {} MiB", kMaxConfigText >> 20); }

}  // namespace

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.substr(text.starts_with(kMark) ? kMark.size() : 0);
}

Status apply_text(Transaction& transaction, std::string_view text) {
  if (too_large(text)) return fail(ErrorCode::kResourceExhausted, size_told());
  TextReader reader(transaction, 1);
  reader.read(text);
  if (reader.wrong.empty()) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("line {}: {}", reader.wrong[0].line, reader.wrong[0].message));
}

std::vector<WrongLine> apply_text_and_validate(Transaction& transaction, std::string_view text, std::size_t most) {
  if (too_large(text)) return {{0, size_told()}};
  TextReader reader(transaction, most);
  reader.read(text);
  reader.validate();
  return std::move(reader.wrong);
}

}  // namespace postern::gateway::config
