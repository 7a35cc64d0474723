/// parallel/pool.h — work sharing in a fixed order of results, and a budget of bytes.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tessera::parallel {

/// Set by signal handlers; checked between pieces of work.
std::atomic<int>& interrupt_signal();
/// Throws Interrupted when a signal has come.
void check_interrupt();

class Pool {
 public:
  explicit Pool(int threads);  ///< 0: as many as the machine has processors
  int threads() const { return threads_; }
  /// Calls work(i) for i = 0 … count−1, taken in this order by the threads. The first exception (lowest i among those
  /// thrown) is rethrown after the running calls have ended; no new ones start. check_interrupt() before each.
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) const;
  /// The same, and done(i) is called for i = 0, 1, 2 … in this order, by one thread at a time, as results become ready.
  /// At most `ahead` pieces are worked on beyond the last one done.
  void for_each_ordered(std::int64_t count, std::int64_t ahead, const std::function<void(std::int64_t)>& work,
                        const std::function<void(std::int64_t)>& done) const;

 private:
  int threads_;
};

/// Bytes that may be in use at once. acquire() waits until they are free; a request larger than the whole is SystemError.
/// Whoever holds bytes must not wait for a piece of work that has still to acquire its own.
class Budget {
 public:
  explicit Budget(std::int64_t bytes) : total_{bytes}, free_{bytes} {}
  std::int64_t total() const { return total_; }
  void acquire(std::int64_t bytes, const char* what);
  void release(std::int64_t bytes);

 private:
  std::int64_t total_, free_;
  std::mutex mutex_;
  std::condition_variable freed_;
};

/// Processors this process may run on (its affinity mask), at least 1.
int available_processors();
/// Bytes of physical memory of this machine (or of the cgroup's limit when lower).
std::int64_t physical_memory();
/// Largest resident size this process has had, bytes.
std::int64_t peak_resident();
/// Gives whole pages of freed memory back to the system, which the allocator would keep: between stages, as what one has freed in small pieces is no use to
/// the next one's large ones, and counts as resident.
void release_freed_memory();
/// User + system CPU seconds of this process.
double cpu_seconds();

}  // namespace tessera::parallel
