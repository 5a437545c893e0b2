// file beyond existence, running-process beyond names, application: what is in files and what runs.
#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

const std::string kDigestA(64, 'a');
const std::string kDigestB(64, 'b');

TEST(File, ItsDigestIsOneOfThoseAllowed) {
  const auto rule = make("file", {{"paths", List{"/etc/x"}}, {"sha256", List{std::string(64, 'A'), kDigestB}}});
  const auto facts = [](Fact fact) { return facts_of({{"file.sha256:/etc/x", std::move(fact)}}); };
  expect(*rule, facts(known(kDigestA)), kMatch, "file_content_allowed");
  expect(*rule, facts(known(kDigestB)), kMatch, "file_content_allowed");
  expect(*rule, facts(known(std::string(64, 'c'))), kNoMatch, "file_content_differs");
  expect(*rule, facts(text("")), kNoMatch, "file_missing");
  expect_unknowns(*rule, {}, "file.sha256:/etc/x", known(true));
  expect(*rule, facts(known(std::string(64, 'A'))), kMatch, "file_content_allowed");
  for (const std::string& none : {std::string("abc"), std::string(64, 'x'), kDigestA + "0"})
    expect(*rule, facts(known(none)), kUnknown, "malformed");  // nor is it another's
  EXPECT_EQ(rule->describe(), "/etc/x has an allowed SHA-256");
  EXPECT_EQ(refusal("file", {{"paths", List{"/etc/x"}}, {"sha256", List{"abc"}}}),
            "sha256[0]: \"abc\" must be a SHA-256 digest: 64 hex digits, as sha256sum prints it");
}

TEST(File, ALineMatches) {
  const auto rule = make("file", {{"paths", List{"/etc/ssh/sshd_config"}}, {"regex", "^PermitRootLogin\\s+no"}});
  const std::string key = keys::file_matches("/etc/ssh/sshd_config", "^PermitRootLogin\\s+no");
  expect(*rule, facts_of({{key, known(true)}}), kMatch, "file_line_matches");
  expect(*rule, facts_of({{key, known(false)}}), kNoMatch, "file_no_line_matches");
  expect_unknowns(*rule, {}, key, text("yes"));
  EXPECT_EQ(rule->describe(), "a line of /etc/ssh/sshd_config matches ^PermitRootLogin\\s+no");
}

TEST(File, PatternsAreBounded) {
  const auto why = [](std::string regex) {
    return refusal("file", {{"paths", List{"/etc/x"}}, {"regex", std::move(regex)}});
  };
  EXPECT_EQ(why("a{1000}"), "");
  EXPECT_EQ(why("a{1001}"),
            "regex: \"a{1001}\" must be a regular expression in RE2's syntax that stays small (repetitions up to 1000, "
            "few of "
            "them nested): invalid repetition size: {1001}");
  EXPECT_NE(why("((((a{30}){30}){30}){30}){30}"), "");
  EXPECT_NE(why("(?i)(\\pL{900}){1}"), "");
  EXPECT_EQ(why("((a?){200}){4}a{200}b"),
            "regex: \"((a?){200}){4}a{200}b\" takes 3413 steps for each byte, allowed are 1200: repeat less often, and less of "
            "what is repeated (. and \\pL are many steps, [a-z] is one)");
  EXPECT_NE(why("(?i)a.{0,400}z"), "");
  EXPECT_EQ(why("a[ab]{1000}c"), "");
  EXPECT_EQ(why("^PermitRootLogin[ \\t]+(no|prohibit-password)\\b.{0,100}$"), "");
  EXPECT_NE(why("("), "");
  EXPECT_NE(why("(?<=a)b"), "");
  EXPECT_EQ(why(std::string(256, '(')), "regex: \"" + std::string(80, '(') + "…\" has 256 bytes, allowed are 255");
  EXPECT_NE(why(std::string(255, '(')), "");
  EXPECT_EQ(why(std::string(255, '*')).substr(0, 7), "regex: ");
  const std::string path = "/" + std::string(300, 'p');
  EXPECT_EQ(refusal("file", {{"paths", List{path}}, {"regex", std::string(255, 'a')}}),
            "paths[0]: \"" + path.substr(0, 80) + "…\" and the regex together are 62 bytes too long; shorten one");
}

TEST(File, ModifiedOrNotWithinDays) {
  const auto fresh = make("file", {{"paths", List{"/etc/x"}}, {"modified_within_days", std::int64_t{7}}});
  const auto old = make("file", {{"paths", List{"/etc/x"}}, {"not_modified_within_days", std::int64_t{7}}});
  const auto facts = [](Fact fact) { return facts_of({{"file.modified_at:/etc/x", std::move(fact)}}); };
  expect(*fresh, facts(ago(7 * kDay)), kMatch, "file_modified_recently");
  expect(*fresh, facts(ago(7 * kDay + Millis(1))), kNoMatch, "file_not_modified_recently");
  expect(*old, facts(ago(7 * kDay)), kNoMatch, "file_modified_recently");
  expect(*old, facts(ago(7 * kDay + Millis(1))), kMatch, "file_not_modified_recently");
  for (const auto* rule : {&*fresh, &*old}) {
    expect(*rule, facts(known(std::int64_t{0})), kNoMatch, "file_missing");
    expect(*rule, facts(ago(-2 * kDay)), kUnknown, "time_in_future");
    expect_until(*rule, facts(ago(6 * kDay)), kNow.wall + kDay + Millis(1));
    expect_unknowns(*rule, {}, "file.modified_at:/etc/x", known(true));
  }
  for (const auto* rule : {fresh.get(), old.get()}) expect(*rule, facts(known(std::int64_t{-1})), kUnknown, "before_1970");
  EXPECT_EQ(fresh->describe(), "/etc/x was modified within the last 7 days");
  EXPECT_EQ(old->describe(), "/etc/x was not modified within the last 7 days");
  EXPECT_EQ(
      refusal("file", {{"paths", List{"/etc/x"}},
                       {"modified_within_days", std::int64_t{7}},
                       {"not_modified_within_days", std::int64_t{7}}}),
      "not_modified_within_days: 7 leaves no time at which a file could have been modified that was so within 7 days; "
      "it must be less than modified_within_days");
}

TEST(File, DemandsOfSeveralFilesJoin) {
  const Parameters parameters{{"paths", List{"/a", "/b"}}, {"sha256", List{kDigestA}}, {"regex", "x"}};
  const auto all = make("file", parameters);
  Parameters with_any = parameters;
  with_any["match"] = "any";
  const auto any = make("file", with_any);
  FactMap facts = facts_of({{"file.sha256:/a", known(kDigestA)},
                            {keys::file_matches("/a", "x"), known(true)},
                            {"file.sha256:/b", known(kDigestA)},
                            {keys::file_matches("/b", "x"), known(false)}});
  expect(*all, facts, kNoMatch, "file_no_line_matches");
  expect(*any, facts, kMatch, "file_content_allowed");
  expect_parts_agree(*all, facts);
  expect_parts_agree(*any, facts);
}

TEST(RunningProcess, ByPathDigestAndSigner) {
  const auto path = make("running-process", {{"processes", List{"/usr/sbin/sshd"}}});
  EXPECT_EQ(path->keys(), (List{"process.running:/usr/sbin/sshd"}));
  const auto digest = make("running-process", {{"processes", List{"clamd"}}, {"sha256", List{kDigestA, kDigestB}}});
  const auto facts = [](Fact fact) { return facts_of({{"process.sha256:clamd", std::move(fact)}}); };
  expect(*digest, facts(texts({kDigestA})), kMatch, "process_content_allowed");
  expect(*digest, facts(texts({kDigestA, std::string(64, 'c')})), kNoMatch, "process_content_differs");
  expect(*digest, facts(texts({})), kNoMatch, "process_not_running");
  expect_unknowns(*digest, {}, "process.sha256:clamd", text("a"));
  EXPECT_EQ(digest->describe(), "clamd is running, and only with an allowed SHA-256");

  const auto signer = make("running-process", {{"processes", List{"MsMpEng.exe"}}, {"signer", "Microsoft Corporation"}},
                           OsFamily::kWindows);
  expect(*signer, facts_of({{"process.signers:MsMpEng.exe", texts({"Microsoft Corporation"})}}), kMatch,
         "process_signer_allowed");
  expect(*signer, facts_of({{"process.signers:MsMpEng.exe", texts({"Microsoft Corporation", ""})}}), kNoMatch,
         "process_signer_differs");
  expect_unknowns(*signer, {}, "process.signers:MsMpEng.exe", text("Microsoft Corporation"));
  EXPECT_EQ(refusal("running-process", {{"processes", List{"a"}}, {"signer", "x"}}),
            "signer: \"x\" can't be asked of Linux, whose programs carry no signature; give sha256");
}

TEST(RunningProcess, DigestsOfSeveral) {
  const auto rule =
      make("running-process", {{"processes", List{"a", "b"}}, {"sha256", List{kDigestA}}, {"match", "any"}});
  const auto facts = facts_of({{"process.sha256:a", texts({})}, {"process.sha256:b", texts({kDigestA})}});
  expect(*rule, facts, kMatch, "process_content_allowed");
  expect_parts_agree(*rule, facts);
}

TEST(Application, RunsWithAVersion) {
  const auto rule = make("application", {{"name", "firefox"}, {"op", ">="}, {"version", "115.9"}});
  const auto facts = [](Fact fact) { return facts_of({{"process.versions:firefox", std::move(fact)}}); };
  expect(*rule, facts(texts({"115.9.1esr"})), kMatch, "application_version_matches");
  expect(*rule, facts(texts({"115.8.0"})), kNoMatch, "application_version_differs");
  expect(*rule, facts(texts({"116.0", "115.8.0"})), kNoMatch, "application_version_differs");  // the oldest counts
  expect(*rule, facts(texts({})), kNoMatch, "process_not_running");
  expect(*rule, facts(texts({"116.0", "nightly"})), kUnknown, "version_not_comparable");
  expect(*rule, facts(texts({"115.8", "nightly"})), kNoMatch, "application_version_differs");
  expect_unknowns(*rule, {}, "process.versions:firefox", text("116"));
  EXPECT_EQ(rule->describe(), "firefox is running with a version >= 115.9");
  const auto old = make("application", {{"name", "firefox"}, {"op", "<"}, {"version", "115.9"}});
  expect(*old, facts(texts({"116.0", "115.8.0"})), kMatch, "application_version_matches");
  expect(*old, facts(texts({"116.0"})), kNoMatch, "application_version_differs");
  expect(*old, facts(texts({"116.0", "nightly"})), kUnknown, "version_not_comparable");
}

TEST(Application, RunsSigned) {
  const auto plain = make("application", {{"name", "firefox"}});
  expect(*plain, facts_of({{"process.versions:firefox", texts({""})}}), kMatch, "application_running");
  EXPECT_EQ(plain->describe(), "firefox is running");
  const auto rule =
      make("application", {{"name", "Safari"}, {"op", ">"}, {"version", "16"}, {"signer", "Apple"}}, OsFamily::kMacos);
  const auto facts = [](const char* version, const char* signer) {
    return facts_of({{"process.versions:Safari", texts({version})}, {"process.signers:Safari", texts({signer})}});
  };
  expect(*rule, facts("17.1", "Apple"), kMatch, "application_version_matches");
  expect(*rule, facts("17.1", "Mallory"), kNoMatch, "process_signer_differs");
  expect(*rule, facts("16", "Apple"), kNoMatch, "application_version_differs");
  expect_unknowns(*rule, facts("17.1", "Apple"), "process.signers:Safari", text("Apple"));
  expect_parts_agree(*rule, facts("17.1", "Mallory"));
  EXPECT_EQ(refusal("application", {{"name", "firefox"}, {"op", ">"}}),
            "version: is missing; a comparison needs op and version");
  EXPECT_EQ(refusal("application", {{"name", "firefox"}, {"op", ">"}, {"version", "x"}}),
            "version: \"x\" must be numbers separated by dots, such as 124 or 124.0.6367");
  EXPECT_EQ(refusal("application", {{"name", "bin/x"}}).substr(0, 13), "name: \"bin/x\"");
}

}  // namespace
}  // namespace postern::posture
