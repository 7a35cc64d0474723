/// run/remote_files.h — what runs do about files on servers: wait for many at once, and say what was fetched.
#pragma once
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tessera/io/remote.h"
#include "tessera/parallel/pool.h"
#include "tessera/run/context.h"

namespace tessera::run {

/// The context's pool for reading headers and small windows of `files` (names or paths); where one is a URL a wider pool, as its threads mostly wait.
template <class Files>
parallel::Pool reading_pool(Context& context, const Files& files) {
  const bool remote = std::ranges::any_of(files, [](const auto& f) { return io::is_url(std::string{f}); });
  return remote ? parallel::Pool{std::max(context.pool().threads(), io::remote_connections())} : context.pool();
}

/// A line for the log, and numbers for run.json: remote_files, remote_bytes, fetched_bytes, requests, requests_again. Nothing when no server was asked.
void tell_traffic(Context& context, std::vector<std::pair<std::string, double>>& results);

}  // namespace tessera::run
