#pragma once
// For tests of postern apply and its kin: a program lab whose EMS has one tag, Compliant, and says what would become of
// files.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/program_lab.h"

namespace postern::cli {

/// What the EMS has: the built-in tag, then Compliant.
extern const char kTags[];
/// Compliant in YAML, as it is and otherwise.
extern const char kSame[];
extern const char kChanged[];

/// What becomes of a tag: laptop7 gains it; 7 lose it, among them laptop7, and of 1 it becomes unknown.
extern const char kHarmless[];
extern const char kHarmful[];
/// Of those that refer to it: laptop7 loses Other.
extern const char kOtherLoses[];
/// Two sessions of laptop7 are cut; of two gateways nobody knows.
extern const char kCut[];

class Apply : public testing::Test {
 protected:
  /// The EMS would make New of any file.
  Apply();
  /// What the EMS says would become of the tags, and becomes. `effect` is that of each tag that is created or changed.
  void would(boost::json::array created, boost::json::array changed, boost::json::array unchanged = {},
             boost::json::array removed = {}, const char* effect = kHarmless, const char* referring = "[]",
             const char* cut = R"({"total":0,"endpoints":[],"not_answered":[]})");
  /// Returns the exit code.
  int apply(std::string_view yaml, std::vector<std::string> more = {});
  /// What it was asked to save, in order.
  std::vector<boost::json::value> saves() const;
  std::size_t saved() const { return saves().size(); }

  ProgramLab lab_;
};

}  // namespace postern::cli
