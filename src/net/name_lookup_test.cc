#include "net/name_lookup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>

namespace postern::net {
namespace {

using Found = Result<std::vector<IpAddress>>;

/// Name servers that answer when they are told to. What threads touch lives as long as they do.
class NameServers {
 public:
  ~NameServers() { release_all(); }
  HostLookup lookup() {
    return [s = state_](const std::string& name) -> Found {
      std::unique_lock lock(s->mutex);
      ++s->asked[name];
      s->changed.notify_all();
      s->changed.wait(lock, [&] { return !s->silent.contains(name); });
      if (name.starts_with("no-")) return fail(ErrorCode::kNotFound, "no such name");
      return std::vector<IpAddress>{*IpAddress::parse("10.0.0.5")};
    };
  }
  void silence(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    state_->silent.insert(name);
  }
  void release(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    state_->silent.erase(name);
    state_->changed.notify_all();
  }
  void release_all() {
    const std::lock_guard lock(state_->mutex);
    state_->silent.clear();
    state_->changed.notify_all();
  }
  void wait_asked(const std::string& name) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->asked[name] > 0; });
  }
  int asked(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    return state_->asked[name];
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::string> silent;
    std::map<std::string, int> asked;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class NameLookupTest : public testing::Test {
 protected:
  void make(NameLookupLimits limits = {}) { names_ = NameLookup::create(loop_, servers_.lookup(), limits); }
  /// Asks; what is heard goes to `heard_`, in that order.
  void ask(const std::string& name) {
    handles_.push_back(names_->find(name, [this, name](const Found& found) {
      heard_.emplace_back(name, found ? "ok" : std::string(error_code_name(found.error().code)));
      if (heard_.size() >= wanted_) loop_.stop();
    }));
  }
  void run_until(std::size_t heard) {
    wanted_ = heard;
    if (heard_.size() < wanted_) loop_.run();
  }
  using Heard = std::vector<std::pair<std::string, std::string>>;
  NameServers servers_;
  Loop loop_;
  std::unique_ptr<NameLookup> names_;
  std::vector<Handle> handles_;
  Heard heard_;
  std::size_t wanted_ = 0;
};

TEST_F(NameLookupTest, OneLookUpPerNameThatOthersJoin) {
  make();
  servers_.silence("db.example");
  for (int i = 0; i < 3; ++i) ask("db.example");
  ask("other.example");
  run_until(1);
  EXPECT_EQ(heard_, (Heard{{"other.example", "ok"}}));  // not behind the silent one
  servers_.wait_asked("db.example");
  ask("db.example");
  servers_.release("db.example");
  run_until(5);
  EXPECT_EQ(servers_.asked("db.example"), 1);
  ask("db.example");
  run_until(6);
  EXPECT_EQ(servers_.asked("db.example"), 2);  // what was found is not kept
}

TEST_F(NameLookupTest, ALookUpHasALimitAndWhoComesLaterIsToldAtOnce) {
  NameLookupLimits limits;
  limits.limit = std::chrono::milliseconds(1);
  limits.keep_failures = std::chrono::hours(1);
  make(limits);
  servers_.silence("db.example");
  ask("db.example");
  run_until(1);
  ask("db.example");
  run_until(2);
  EXPECT_EQ(heard_, (Heard{{"db.example", "deadline_exceeded"}, {"db.example", "deadline_exceeded"}}));
  EXPECT_LE(servers_.asked("db.example"), 1);
}

TEST_F(NameLookupTest, OnlySoManyAtOnceAndOnlySoManyWait) {
  NameLookupLimits limits;
  limits.at_once = 1;
  limits.waiting_names = 1;
  limits.waiting_for_one = 2;
  limits.limit = std::chrono::hours(1);
  make(limits);
  servers_.silence("a.example");
  ask("a.example");
  loop_.post([this] { loop_.post([this] { loop_.stop(); }); });  // it gets its thread
  loop_.run();
  servers_.wait_asked("a.example");
  ask("a.example");
  ask("b.example");
  ask("a.example");  // the third
  ask("c.example");  // the second that waits
  run_until(2);
  std::sort(heard_.begin(), heard_.end());
  EXPECT_EQ(heard_, (Heard{{"a.example", "resource_exhausted"}, {"c.example", "resource_exhausted"}}));
  EXPECT_EQ(servers_.asked("b.example"), 0);
  servers_.release("a.example");
  run_until(5);
  EXPECT_EQ(servers_.asked("b.example"), 1);
  EXPECT_EQ(heard_.back(), (std::pair<std::string, std::string>{"b.example", "ok"}));
  EXPECT_EQ(servers_.asked("c.example"), 0);
}

TEST_F(NameLookupTest, ANameThatWasNotFoundIsNotAskedForAgainForAWhile) {
  for (const auto keep : {std::chrono::milliseconds(3'600'000), std::chrono::milliseconds(0)}) {
    NameLookupLimits limits;
    limits.keep_failures = keep;
    make(limits);
    heard_.clear();
    const int before = servers_.asked("no-such.example");
    ask("no-such.example");
    run_until(1);
    if (keep.count() == 0) {  // what was kept is forgotten by a timer
      const auto pause = loop_.after(std::chrono::milliseconds(1), [this] { loop_.stop(); });
      loop_.run();
    }
    ask("no-such.example");
    run_until(2);
    EXPECT_EQ(heard_, (Heard{{"no-such.example", "not_found"}, {"no-such.example", "not_found"}}));
    EXPECT_EQ(servers_.asked("no-such.example") - before, keep.count() == 0 ? 2 : 1);
  }
}

TEST_F(NameLookupTest, WhoGivesUpHearsNothing) {
  make();
  servers_.silence("a.example");
  ask("a.example");
  ask("a.example");
  handles_.erase(handles_.begin());
  servers_.release("a.example");
  ask("b.example");
  run_until(2);
  std::sort(heard_.begin(), heard_.end());
  EXPECT_EQ(heard_, (Heard{{"a.example", "ok"}, {"b.example", "ok"}}));
  servers_.silence("c.example");
  ask("c.example");
  loop_.post([this] { loop_.post([this] { loop_.stop(); }); });
  loop_.run();
  servers_.wait_asked("c.example");
  names_.reset();  // while a thread has it
  servers_.release_all();
  loop_.post([this] { loop_.stop(); });
  loop_.run();
  EXPECT_EQ(heard_.size(), 2u);
}

}  // namespace
}  // namespace postern::net
