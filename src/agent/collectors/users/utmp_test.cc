#include "agent/collectors/users/utmp.h"

#include <gtest/gtest.h>
#include <utmp.h>

#include <cstring>

namespace postern::agent {
namespace {

std::string record(short type, const char* user, const char* line, int at) {
  utmp entry{};
  entry.ut_type = type;
  std::strncpy(entry.ut_user, user, sizeof entry.ut_user);
  std::strncpy(entry.ut_line, line, sizeof entry.ut_line);
  entry.ut_tv.tv_sec = at;
  return std::string(reinterpret_cast<const char*>(&entry), sizeof entry);
}

TEST(Logins, ArePeoplesSessionsOnly) {
  const auto logins = parse_logins(record(BOOT_TIME, "reboot", "~", 1) + record(USER_PROCESS, "root", "tty1", 2) +
                                   record(DEAD_PROCESS, "old", "pts/9", 3) + record(USER_PROCESS, "alice", "pts/0", 9) +
                                   record(USER_PROCESS, "root", "pts/1", 4) + record(USER_PROCESS, "", "pts/2", 99));
  ASSERT_EQ(logins.size(), 3u);
  EXPECT_EQ(logins[1].line, "pts/0");
  EXPECT_EQ(users_of(logins), (std::vector<std::string>{"root", "alice"}));
  EXPECT_EQ(last_user(logins), "alice");
}

TEST(Logins, TornAndForeignRecordsAreSkipped) {
  const auto one = record(USER_PROCESS, "alice", "pts/0", 1);
  EXPECT_EQ(parse_logins(one + one.substr(0, 100)).size(), 1u);
  EXPECT_TRUE(parse_logins("too short").empty());
  EXPECT_TRUE(parse_logins(std::string(sizeof(utmp) * 3, '\xff')).empty());
  EXPECT_EQ(last_user({}), "");
  // A name that fills its field has no end mark.
  EXPECT_EQ(parse_logins(record(USER_PROCESS, std::string(64, 'n').c_str(), "l", 1)).at(0).user,
            std::string(UT_NAMESIZE, 'n'));
}

TEST(Logins, SayWhetherAStartOfTheMachineIsAmongThem) {
  EXPECT_EQ(start_recorded_at(""), std::nullopt);
  EXPECT_EQ(start_recorded_at(record(USER_PROCESS, "alice", "pts/0", 9)), std::nullopt);
  EXPECT_EQ(start_recorded_at(record(BOOT_TIME, "reboot", "~", 5) + record(RUN_LVL, "runlevel", "~", 7) +
                              record(USER_PROCESS, "alice", "pts/0", 9)),
            7);
  EXPECT_EQ(newest_record_at(record(BOOT_TIME, "reboot", "~", 5) + record(USER_PROCESS, "alice", "pts/0", 9)), 9);
  EXPECT_EQ(newest_record_at(std::string(sizeof(utmp), '\0')), std::nullopt);
}

TEST(Logins, OfTheSameSecondTheLaterRecordCounts) {
  EXPECT_EQ(last_user(parse_logins(record(USER_PROCESS, "a", "1", 5) + record(USER_PROCESS, "b", "2", 5))), "b");
}

}  // namespace
}  // namespace postern::agent
