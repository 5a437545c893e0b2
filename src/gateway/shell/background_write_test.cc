#include "gateway/shell/background_write.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"

namespace postern::gateway {
namespace {

class BackgroundWriteTest : public testing::Test {
 protected:
  BackgroundWriteTest() {
    char name[] = "/tmp/postern-background-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  ~BackgroundWriteTest() override { std::filesystem::remove_all(dir_); }
  std::string content() const {
    const auto text = read_file(dir_ / "file", 1u << 20);
    return text ? *text : "";
  }
  net::Loop loop_;
  std::filesystem::path dir_;
};

TEST_F(BackgroundWriteTest, TellsOnTheLoop) {
  BackgroundWrite file(loop_);
  Status told = fail(ErrorCode::kInternal, "not told");
  file.begin(dir_ / "file", "one", [&](const Status& status) {
    EXPECT_FALSE(file.busy()) << "the next one can begin";
    told = status;
    loop_.stop();
  });
  EXPECT_TRUE(file.busy());
  loop_.run();
  EXPECT_TRUE(told);
  EXPECT_EQ(content(), "one");
}

TEST_F(BackgroundWriteTest, WhoWaitsIsToldAtOnceAndOnce) {
  BackgroundWrite file(loop_);
  int told = 0;
  file.begin(dir_ / "file", "two", [&](const Status& status) { told += status ? 1 : 100; });
  file.wait();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(content(), "two");
  file.wait();
  file.begin(dir_ / "file", "three", [&](const Status&) {
    ++told;
    loop_.stop();
  });
  loop_.run();
  EXPECT_EQ(told, 2);
  EXPECT_EQ(content(), "three");
}

TEST_F(BackgroundWriteTest, AnErrorIsTold) {
  BackgroundWrite file(loop_);
  Status told;
  file.begin(dir_ / "no such" / "file", "four", [&](const Status& status) { told = status; });
  file.wait();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kNotFound);
}

TEST_F(BackgroundWriteTest, NobodyIsToldWhoIsGone) {
  {
    BackgroundWrite file(loop_);
    file.begin(dir_ / "file", "five", [](const Status&) { ADD_FAILURE(); });
  }
  loop_.offload([] {}, [this] { loop_.stop(); });
  loop_.run();
}

}  // namespace
}  // namespace postern::gateway
