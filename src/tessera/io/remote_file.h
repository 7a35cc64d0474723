/// io/remote_file.h — one remote file: the ranges that were fetched last are kept in memory. For one thread at a time. Internal to io.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "tessera/io/remote_http.h"

namespace tessera::io::detail {

class RemoteFile {
 public:
  /// Fetches its beginning. Throws as web_get() does.
  explicit RemoteFile(const std::string& url);
  std::int64_t size() const { return identity_.bytes; }
  const RemoteIdentity& identity() const { return identity_; }
  /// Fills `out` from `offset`, which with it must lie in the file. What follows in the file is fetched along, more of it the longer the file is read on.
  void read(std::int64_t offset, std::span<std::byte> out);
  /// These bytes will be read soon: what is missing of them is fetched at once, as far as it is kept.
  void expect(std::int64_t offset, std::int64_t count);

 private:
  struct Piece {
    std::int64_t offset = 0;
    std::vector<std::byte> bytes;
    std::int64_t end() const { return offset + static_cast<std::int64_t>(bytes.size()); }
  };
  const Piece* piece_at(std::int64_t offset) const;
  void fetch(std::int64_t from, std::int64_t to);
  WebAnswer ask(std::int64_t from, std::int64_t to);
  void keep(std::int64_t offset, std::vector<std::byte> bytes);

  std::string name_;
  WebAddress address_, direct_;  // direct_: behind the redirects
  RemoteIdentity identity_;
  std::deque<Piece> pieces_;     // the newest last
  std::int64_t kept_bytes_ = 0, ahead_ = 0, last_end_ = -1;
};

}  // namespace tessera::io::detail
