#include "gateway/health/checker.h"

#include <deque>
#include <map>
#include <set>
#include <thread>

#include "gateway/health/prober.h"

namespace postern::gateway::health {

/// Lives until its thread and everything that it has posted have ended.
class Checker::Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(net::Loop& home, Timing timing, Found found) : home_(home), timing_(timing), found_(std::move(found)) {}

  void start() {
    thread_ = std::thread([this] {
      prober_ = std::make_unique<Prober>(loop_, random_);
      loop_.run();
      queue_.clear();
      servers_.clear();
      prober_.reset();
    });
  }

  void stop() {
    found_ = nullptr;
    loop_.stop();
    thread_.join();
  }

  void use(std::vector<Check> checks) {
    loop_.post([this, checks = std::move(checks)] {
      const std::set<Check> wanted(checks.begin(), checks.end());
      std::erase_if(servers_, [&](const auto& s) { return !wanted.contains(s.first); });
      for (const auto& check : wanted) {
        auto& timer = servers_.try_emplace(check).first->second;
        if (timer) continue;
        timer = loop_.every(timing_.interval, [this, check] { queue(check); });
        queue(check);
      }
    });
  }

 private:
  void queue(const Check& check) {
    if (!waiting_.insert(check).second) return;  // it is at it, or waits for its turn
    queue_.push_back(check);
    next();
  }

  void next() {
    while (asking_ < kAtOnce && !queue_.empty()) {
      const auto check = std::move(queue_.front());
      queue_.pop_front();
      if (!servers_.contains(check)) {
        waiting_.erase(check);
        continue;
      }
      ++asking_;
      prober_->ask(check, timing_.timeout, [this, check](Finding finding) {
        --asking_;
        waiting_.erase(check);
        if (servers_.contains(check)) tell(check, std::move(finding));
        next();
      });
    }
  }

  void tell(const Check& check, Finding finding) {
    home_.post([self = shared_from_this(), check, finding = std::move(finding)]() mutable {
      if (self->found_) self->found_(check, std::move(finding));
    });
  }

  net::Loop& home_;
  const Timing timing_;
  Found found_;  // thread: home's
  net::Loop loop_;
  SystemRandom random_;
  std::thread thread_;
  std::unique_ptr<Prober> prober_;
  std::map<Check, net::Handle> servers_;
  std::set<Check> waiting_;
  std::deque<Check> queue_;
  std::size_t asking_ = 0;
};

Checker::Checker(net::Loop& loop, Timing timing, Found found)
    : worker_(std::make_shared<Worker>(loop, timing, std::move(found))) {
  worker_->start();
}

Checker::~Checker() { worker_->stop(); }

void Checker::use(std::vector<Check> checks) { worker_->use(std::move(checks)); }

}  // namespace postern::gateway::health
