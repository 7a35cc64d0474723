/// io/remote_http.h — one HTTP request with its repetitions, and what S3 makes of a name. Internal to io.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/io/remote.h"

namespace tessera::io::detail {

/// A URL as it is sent.
struct WebAddress {
  std::string url;     ///< http or https, encoded
  bool s3 = false;     ///< named s3://…: no redirects, errors are XML
  bool sign = false;
};
/// Throws UsageError: user and password in it (they would stand in every record), no host, letters that no URL has.
WebAddress web_address(const std::string& url);
/// The address that lists keys of a prefix; `token` from the answer before, "" at first.
WebAddress s3_list_address(const std::string& folder, const std::string& token);

struct WebAnswer {
  long status = 0;
  std::vector<std::byte> body;
  std::int64_t first = -1, total = -1;  ///< Content-Range; −1 when absent
  std::string etag, modified, content_type;
  std::string url;                      ///< that answered, behind all redirects
};

/// Bytes [first, last] of a file, or all of it without a range. A server that ignores the range is taken at its word when the file is no longer than `whole_limit`, else the transfer
/// is broken off and DataError says so. 416 is an answer too. Answers that may be better another time (408, 429, 5xx, broken and stalled transfers) are asked for again, with pauses.
/// `name`: how messages call the file. Throws DataError (refused, not there, no ranges), SystemError (no server, no answer, TLS), Interrupted.
WebAnswer web_get(const WebAddress& address, std::optional<std::pair<std::int64_t, std::int64_t>> range, std::int64_t whole_limit, const std::string& name);

/// Counts a file as opened; returns the identity it had first.
RemoteIdentity remember(const std::string& url, const RemoteIdentity& identity);
std::optional<RemoteIdentity> remembered(const std::string& url);
void add_remembered(RemoteTraffic& traffic);  ///< number of files and their bytes

}  // namespace tessera::io::detail
