#include "gateway/shell/background_write.h"

#include <future>
#include <utility>

#include "base/file.h"

namespace postern::gateway {

struct BackgroundWrite::Job {
  Done done;
  Status status = fail(ErrorCode::kInternal, "the file was not written");
  std::promise<void> written;
};

void BackgroundWrite::begin(std::filesystem::path path, std::string bytes, Done done) {
  job_ = std::make_shared<Job>();
  job_->done = std::move(done);
  loop_.offload(
      [job = job_, path = std::move(path), bytes = std::move(bytes)] {
        // Whoever waits must not do so in vain.
        struct Told {
          Job& job;
          ~Told() { job.written.set_value(); }
        } told{*job};
        job->status = write_file_atomic(path, bytes);
      },
      [this, job = job_, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) end(job);
      });
}

void BackgroundWrite::wait() {
  if (!job_) return;
  const auto job = job_;
  job->written.get_future().wait();
  end(job);
}

void BackgroundWrite::end(const std::shared_ptr<Job>& job) {
  if (job_ != job) return;  // it was waited for
  job_.reset();
  job->done(job->status);
}

}  // namespace postern::gateway
