#pragma once
// Elements of sets, cut into transactions of bounded size: whenever any program listens to what changes in nftables, the
// kernel takes 8 KiB for each element of a transaction, all at once. Pure.
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::gateway::firewall {

/// "delete element inet t s { a, b }" with its end; nothing for no elements.
std::string element_command(std::string_view verb, std::string_view table, std::string_view set,
                            const std::vector<std::string>& elements);

/// What an element is about.
struct Subject {
  enum class Kind { kAddress, kMac, kInterface };
  Kind kind = Kind::kAddress;
  std::string_view address;  ///< Of kAddress: as it is written.
};
Subject subject_of(std::string_view set, std::string_view element);

class Pieces {
 public:
  /// `limit`: elements of a transaction; a group that is larger stays in one.
  Pieces(std::string table, std::size_t limit) : table_(std::move(table)), limit_(limit) {}
  void remove(const std::string& set, const std::string& element) { changes_[set].first.push_back(element), ++count_; }
  void add(const std::string& set, const std::string& element) { changes_[set].second.push_back(element), ++count_; }
  /// What was said since the last call belongs together.
  void end_group();
  /// What follows comes in another transaction.
  void cut();
  /// A transaction of its own, as it is.
  void put(std::string commands);
  std::size_t done() const { return done_.size(); }  ///< How many transactions there are, without what isn't `cut` yet.
  std::vector<std::string> take();

 private:
  std::string table_;
  std::size_t limit_;
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>> changes_;  // by set: gone, new
  std::size_t count_ = 0;
  std::vector<std::string> done_;
};

}  // namespace postern::gateway::firewall
