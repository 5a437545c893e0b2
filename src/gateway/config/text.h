#pragma once
// The configuration as text, and back: `config … edit … set … next … end`.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/tree.h"

namespace postern::gateway::config {

/// Words of a command line. Quotes "…" hold spaces, line breaks and, behind a backslash, \" and \\; '…' holds anything.
struct Words {
  std::vector<std::string> words;
  bool open = false;            ///< A quote is not closed yet: the command goes on in the next line.
  bool ends_in_space = true;    ///< The last word is complete (or there is none).
};
Words split_words(std::string_view line);

/// The same, line by line: as long as `words().open`, the next line belongs to the same command.
class WordSplitter {
 public:
  void feed(std::string_view line);
  const Words& words() const { return words_; }
  std::size_t size() const { return size_; }  ///< Bytes fed.
  void clear() { *this = {}; }

 private:
  Words words_;
  std::string word_;
  bool in_word_ = false;
  char quote_ = 0;
  std::size_t size_ = 0;
};
/// The word as it must be typed: quoted unless it is plain.
std::string quote_word(std::string_view word);
/// Always with quotes, as `show` prints texts.
std::string quoted(std::string_view word);

enum class ShowMode { kChanged, kFull };

/// The words behind `set <attribute>` as `show` prints them.
std::string shown_words(const Attribute& attribute, const Value& value);

/// The whole configuration, as kept in the file and printed by `show`.
std::string print_tree(const ConfigTree& tree, ShowMode mode = ShowMode::kChanged);
/// One table of it, or with a key one entry, as `show firewall vip [name]` prints it. The last step's key may be empty:
/// the whole table.
std::string print_table(const ConfigTree& tree, const ObjectPath& path, ShowMode mode);

/// The text without the byte order mark (U+FEFF) that some editors put in front of it.
std::string_view without_mark(std::string_view text);

/// Applies a whole text to the transaction. Errors: kInvalidArgument, "line 7: …"; the transaction is then half
/// changed: drop it. Bounded: at most `kMaxConfigText` bytes, nesting by the schema's depth.
inline constexpr std::size_t kMaxConfigText = 16u << 20;
Status apply_text(Transaction& transaction, std::string_view text);

/// The same, to the end, and validated: everything that is wrong, in the order of its lines, but no more than `most`.
/// What a wrong `config` or `edit` brackets is passed over. Empty: nothing is wrong.
struct WrongLine {
  std::size_t line = 0;  ///< From 1 on; 0: of no line, but of the whole.
  std::string message;
};
std::vector<WrongLine> apply_text_and_validate(Transaction& transaction, std::string_view text, std::size_t most = 100);

}  // namespace postern::gateway::config
