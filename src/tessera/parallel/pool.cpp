#include "tessera/parallel/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <system_error>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::parallel {
namespace {

/// The first exception by index. Work is handed out in index order, so the lowest index that throws has always
/// been started when a higher one throws: which exception wins does not depend on timing among those thrown.
class FirstFailure {
 public:
  bool any() const { return error_ != nullptr; }
  void note(std::int64_t index, std::exception_ptr error) {
    if (error_ && index >= index_) return;
    index_ = index;
    error_ = std::move(error);
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::int64_t index_ = 0;
  std::exception_ptr error_;
};

/// Shared state of one ordered loop. All members are guarded by `mutex`.
class OrderedLoop {
 public:
  OrderedLoop(std::int64_t count, std::int64_t ahead, const std::function<void(std::int64_t)>& work,
              const std::function<void(std::int64_t)>& done)
      : count_{count}, ahead_{ahead}, work_{work}, done_{done}, ready_(static_cast<std::size_t>(std::min(count, ahead)), false) {}

  /// What each thread does until nothing is left for it.
  void run() {
    std::unique_lock lock{mutex_};
    for (;;) {
      if (!finishing_ && next_done_ < next_ && is_ready(next_done_)) {
        finish_one(lock);
      } else if (may_start()) {
        start_one(lock);
      } else if (failure_.any() || next_done_ == count_ || (next_ == count_ && finishing_)) {
        // With everything handed out, whoever is in done() goes on with what becomes ready meanwhile; but pieces
        // still being worked on are finished by the threads that work on them.
        return;
      } else {
        changed_.wait(lock);
      }
    }
  }

  void rethrow() const { failure_.rethrow(); }

 private:
  bool is_ready(std::int64_t i) const { return !failure_.any() && ready_[slot(i)]; }
  std::size_t slot(std::int64_t i) const { return static_cast<std::size_t>(i % static_cast<std::int64_t>(ready_.size())); }
  bool may_start() const { return !failure_.any() && next_ < count_ && next_ - next_done_ < ahead_; }

  /// Runs `call` without the lock; false when it threw.
  template <class Call>
  bool guarded(std::unique_lock<std::mutex>& lock, std::int64_t i, const Call& call) {
    std::exception_ptr error;
    lock.unlock();
    try {
      call();
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error) failure_.note(i, std::move(error));
    return !error;
  }

  void start_one(std::unique_lock<std::mutex>& lock) {
    const std::int64_t i = next_++;
    const bool fine = guarded(lock, i, [&] {
      check_interrupt();
      work_(i);
    });
    if (fine) ready_[slot(i)] = true;
    changed_.notify_all();
  }

  void finish_one(std::unique_lock<std::mutex>& lock) {
    finishing_ = true;
    const std::int64_t i = next_done_;
    const bool fine = guarded(lock, i, [&] { done_(i); });
    finishing_ = false;
    if (fine) {
      ready_[slot(i)] = false;
      ++next_done_;
    }
    changed_.notify_all();
  }

  const std::int64_t count_, ahead_;
  const std::function<void(std::int64_t)>& work_;
  const std::function<void(std::int64_t)>& done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> ready_;      // ring: worked on, waiting for done()
  std::int64_t next_ = 0;        // first piece nobody has taken
  std::int64_t next_done_ = 0;   // first piece done() has not ended for
  bool finishing_ = false;       // one thread is inside done()
  FirstFailure failure_;
};

/// Runs `body` on `threads` threads, the calling one among them, and waits for all.
template <class Body>
void on_threads(int threads, const Body& body) {
  std::vector<std::jthread> others;
  others.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) others.emplace_back(body);
  } catch (const std::system_error&) {
    // The system grants no more threads: those that run do all the work.
  }
  body();
}

}  // namespace

std::atomic<int>& interrupt_signal() {
  static std::atomic<int> signal{0};
  static_assert(std::atomic<int>::is_always_lock_free, "signal handlers write to it");
  return signal;
}

void check_interrupt() {
  if (const int signal = interrupt_signal().load(std::memory_order_relaxed)) throw Interrupted{signal};
}

Pool::Pool(int threads) : threads_{threads} {
  if (threads < 0) throw UsageError{fmt::format("number of threads is {}; give 1 or more, or 0 for one per processor", threads)};
  if (threads_ == 0) threads_ = available_processors();
}

void Pool::for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) const {
  if (count <= 0) return;
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  FirstFailure failure;
  on_threads(static_cast<int>(std::min<std::int64_t>(threads_, count)), [&] {
    while (!stop.load(std::memory_order_relaxed)) {
      const std::int64_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= count) return;
      try {
        check_interrupt();
        work(i);
      } catch (...) {
        stop = true;
        const std::lock_guard lock{mutex};
        failure.note(i, std::current_exception());
      }
    }
  });
  failure.rethrow();
}

void Pool::for_each_ordered(std::int64_t count, std::int64_t ahead, const std::function<void(std::int64_t)>& work,
                            const std::function<void(std::int64_t)>& done) const {
  if (count <= 0) return;
  OrderedLoop loop{count, std::max<std::int64_t>(1, ahead), work, done};
  on_threads(static_cast<int>(std::min<std::int64_t>(threads_, count)), [&] { loop.run(); });
  loop.rethrow();
}

void Budget::acquire(std::int64_t bytes, const char* what) {
  if (bytes > total_) {
    throw SystemError{fmt::format("{} needs {}, the memory ceiling is {}; raise --memory", what,
                                  text::format_bytes(static_cast<double>(bytes)), text::format_bytes(static_cast<double>(total_)))};
  }
  std::unique_lock lock{mutex_};
  freed_.wait(lock, [&] { return bytes <= free_; });
  free_ -= bytes;
}

void Budget::release(std::int64_t bytes) {
  {
    const std::lock_guard lock{mutex_};
    free_ += bytes;
  }
  freed_.notify_all();
}

}  // namespace tessera::parallel
