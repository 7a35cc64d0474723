#include "tessera/io/remote_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tessera/base/error.h"
#include "tessera/io/byte_source.h"

namespace tessera::io::detail {
namespace {

// A request takes as long as some hundred kilobytes do: a header is fetched with what follows it, and longer reading fetches ever more at once.
constexpr std::int64_t first_ahead = std::int64_t{64} << 10, most_ahead = expected_bytes;
constexpr std::int64_t most_kept = std::int64_t{12} << 20;

}  // namespace

RemoteFile::RemoteFile(const std::string& url) : name_{url}, address_{web_address(url)}, direct_{address_}, ahead_{first_ahead} {
  auto answer = web_get(address_, std::pair{std::int64_t{0}, first_ahead - 1}, first_ahead, name_);
  if (answer.status == 416 && answer.total > 0) throw DataError{fmt::format("{}: the server refuses the first bytes of a file of {} (status 416)", name_, grouped(answer.total))};
  identity_ = {answer.status == 416 ? 0 : answer.status == 200 ? static_cast<std::int64_t>(answer.body.size()) : answer.total, answer.etag, answer.modified};
  if (answer.status == 206 && (answer.first != 0 || identity_.bytes < 0 || static_cast<std::int64_t>(answer.body.size()) != std::min(first_ahead, identity_.bytes)))
    throw DataError{fmt::format("{}: the server sent other bytes than were asked for (its Content-Range does not fit); serve the file by one that knows byte ranges, or download it", name_)};
  if (const auto known = remember(url, identity_); known != identity_) throw DataError{fmt::format("{}: changed on the server while the run read it ({}, before {}); run again", name_, identity_.stamp(), known.stamp())};
  if (!address_.s3 && answer.url != address_.url) direct_.url = answer.url;
  if (answer.status != 416) keep(0, std::move(answer.body));
}

const RemoteFile::Piece* RemoteFile::piece_at(std::int64_t offset) const {
  for (auto p = pieces_.rbegin(); p != pieces_.rend(); ++p)
    if (offset >= p->offset && offset < p->end()) return &*p;
  return nullptr;
}

void RemoteFile::keep(std::int64_t offset, std::vector<std::byte> bytes) {
  kept_bytes_ += static_cast<std::int64_t>(bytes.size());
  last_end_ = offset + static_cast<std::int64_t>(bytes.size());
  pieces_.push_back({offset, std::move(bytes)});
  while (pieces_.size() > 1 && kept_bytes_ > most_kept) {
    kept_bytes_ -= static_cast<std::int64_t>(pieces_.front().bytes.size());
    pieces_.pop_front();
  }
}

/// Redirects lead to addresses that may be good for a short time only: the first address is asked when such a one fails.
WebAnswer RemoteFile::ask(std::int64_t from, std::int64_t to) {
  const std::pair range{from, to - 1};
  if (direct_.url == address_.url) return web_get(address_, range, 0, name_);
  try {
    return web_get(direct_, range, 0, name_);
  } catch (const DataError&) {
    direct_ = address_;
    auto answer = web_get(address_, range, 0, name_);
    direct_.url = answer.url;
    return answer;
  }
}

void RemoteFile::fetch(std::int64_t from, std::int64_t to) {
  auto answer = ask(from, to);
  const RemoteIdentity now{answer.total, answer.etag, answer.modified};
  if (answer.status == 416 || now != identity_) throw DataError{fmt::format("{}: changed on the server while it was read ({}, before {}); run again", name_, now.stamp(), identity_.stamp())};
  if (answer.first != from || static_cast<std::int64_t>(answer.body.size()) != to - from)
    throw DataError{fmt::format("{}: the server sent {} bytes from {}; {} from {} were asked for", name_, grouped(static_cast<std::int64_t>(answer.body.size())), grouped(answer.first), grouped(to - from), grouped(from))};
  keep(from, std::move(answer.body));
}

void RemoteFile::read(std::int64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const Piece* piece = piece_at(offset);
    if (!piece) {
      ahead_ = offset == last_end_ ? std::min(2 * ahead_, most_ahead) : first_ahead;
      std::int64_t to = std::min(size(), offset + std::clamp(static_cast<std::int64_t>(out.size()), ahead_, most_ahead));
      for (const auto& p : pieces_)
        if (p.offset > offset) to = std::min(to, p.offset);
      fetch(offset, to);
      piece = &pieces_.back();
    }
    const auto n = static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(out.size()), piece->end() - offset));
    std::memcpy(out.data(), piece->bytes.data() + (offset - piece->offset), n);
    offset += static_cast<std::int64_t>(n);
    out = out.subspan(n);
  }
}

void RemoteFile::expect(std::int64_t offset, std::int64_t count) {
  std::int64_t to = std::min(size(), offset + std::min(count, most_ahead));
  while (offset < to)
    if (const Piece* p = piece_at(offset)) offset = p->end();
    else break;
  while (offset < to)
    if (const Piece* p = piece_at(to - 1)) to = p->offset;
    else break;
  if (offset < to) fetch(offset, to);
}

}  // namespace tessera::io::detail

namespace tessera::io {

RemoteIdentity remote_identity(const std::string& url) {
  const auto known = detail::remembered(url);
  return known ? *known : detail::RemoteFile{url}.identity();
}

}  // namespace tessera::io
