/// io/remote.h — files on HTTP(S) and S3, of which only the ranges that are read are fetched. Whoever opens a FITS file by its name may give such a URL.
///
/// S3: s3://bucket/key; the environment names region, endpoint and credentials as for other S3 programs (AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID …);
/// without credentials requests are not signed. Proxies and certificates: as libcurl takes them from the environment.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::io {

/// Whether a name is a URL that is read here: http://, https://, s3://.
bool is_url(std::string_view name);
/// Whether it names a folder: a URL that ends with '/'.
bool is_url_folder(std::string_view name);

/// What tells one content of a URL from another.
struct RemoteIdentity {
  std::int64_t bytes = 0;
  std::string etag, modified;  ///< as the server sends them; "" when it does not
  std::string stamp() const;
  bool operator==(const RemoteIdentity&) const = default;
};
/// As it was when the URL was first opened in this process; a URL that was not is asked for now. Throws DataError (not there, refused), SystemError (no server).
RemoteIdentity remote_identity(const std::string& url);

/// What was asked of servers since the process began.
struct RemoteTraffic {
  std::int64_t requests = 0;       ///< each try and each redirect counts
  std::int64_t tries_again = 0;    ///< of these, after an answer that failed
  std::int64_t fetched_bytes = 0;  ///< bodies of answers
  std::int64_t files = 0, file_bytes = 0;  ///< different files that were opened, and how long they are
};
RemoteTraffic remote_traffic();
/// "fetched 1.2 MiB of 71.0 MiB (1 file) in 13 requests".
std::string describe(const RemoteTraffic& traffic);

/// URLs of the files right below a folder (a URL that ends with '/'), sorted bytewise: the keys of a prefix on S3, the links of the page a web server shows for a folder.
/// Throws DataError when there is no such list, SystemError.
std::vector<std::string> list_remote(const std::string& folder);

/// How many files on servers are worth reading at once: a file costs a dozen waits for answers and little else. TESSERA_REMOTE_CONNECTIONS (1 to 256), else 16.
int remote_connections();

/// While the number is not 0, transfers and waits end with Interrupted. It must live as long as the process.
void interrupt_remote_with(const std::atomic<int>* signal);

}  // namespace tessera::io
