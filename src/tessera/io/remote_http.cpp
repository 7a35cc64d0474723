#include "tessera/io/remote_http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/byte_source.h"

namespace tessera::io {
namespace {

std::atomic<const std::atomic<int>*> interrupt{nullptr};
std::atomic<std::int64_t> requests{0}, tries_again{0}, fetched_bytes{0};

int signal_number() {
  const auto* at = interrupt.load();
  return at ? at->load() : 0;
}

}  // namespace

void interrupt_remote_with(const std::atomic<int>* signal) { interrupt = signal; }

namespace detail {
namespace {

constexpr int most_tries = 5;
constexpr std::int64_t error_body_bytes = 8192;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Seconds without a byte after which a transfer is given up.
long stall_seconds() {
  const auto asked = text::to_integer(environment("TESSERA_REMOTE_TIMEOUT"));
  return asked && *asked >= 1 && *asked <= 3600 ? static_cast<long>(*asked) : 30;
}

/// A handle holds the connections it made: those that are done wait here for the next request.
class Handles {
 public:
  Handles() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~Handles() {
    for (CURL* h : free_) curl_easy_cleanup(h);
  }
  CURL* take() {
    {
      const std::lock_guard lock{mutex_};
      if (!free_.empty()) {
        CURL* h = free_.back();
        free_.pop_back();
        return h;
      }
    }
    CURL* h = curl_easy_init();
    if (!h) throw SystemError{"libcurl cannot make a handle; out of memory"};
    return h;
  }
  void give(CURL* h) {
    const std::lock_guard lock{mutex_};
    free_.push_back(h);
  }

 private:
  std::mutex mutex_;
  std::vector<CURL*> free_;
};

struct Lease {
  Handles& from;
  CURL* handle;
  explicit Lease(Handles& h) : from{h}, handle{h.take()} {}
  ~Lease() { from.give(handle); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
};

Handles& handles() {
  static Handles all;
  return all;
}

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// What comes in while a request runs.
struct Transfer {
  CURL* handle = nullptr;
  WebAnswer answer;
  std::string retry_after, region, error_body;
  std::int64_t whole_limit = 0, length = -1;
  bool ranged = false, no_ranges = false;

  long status() const {
    long code = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
};

/// "bytes 0-99/1234", "bytes */1234".
void read_content_range(std::string_view value, WebAnswer& answer) {
  const auto slash = value.find('/');
  if (!value.starts_with("bytes ") || slash == std::string_view::npos) return;
  answer.total = text::to_integer(value.substr(slash + 1)).value_or(-1);
  answer.first = text::to_integer(value.substr(6, value.find('-') - 6)).value_or(-1);
}

extern "C" std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  const std::string_view line{bytes, size * count};
  if (line.starts_with("HTTP/")) {  // of the next answer: redirects and 100 have headers too
    t.answer = {}, t.length = -1, t.retry_after.clear(), t.region.clear();
    return line.size();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  const std::string key = text::lower(line.substr(0, colon)), value{text::trim(line.substr(colon + 1))};
  if (key == "content-range") read_content_range(value, t.answer);
  else if (key == "content-length") t.length = text::to_integer(value).value_or(-1);
  else if (key == "etag") t.answer.etag = value;
  else if (key == "last-modified") t.answer.modified = value;
  else if (key == "content-type") t.answer.content_type = value;
  else if (key == "retry-after") t.retry_after = value;
  else if (key == "x-amz-bucket-region") t.region = value;
  return line.size();
}

extern "C" std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  const std::size_t n = size * count;
  fetched_bytes += static_cast<std::int64_t>(n);
  const long status = t.status();
  if (status >= 300 && status < 400 && status != 304) return n;
  if (status != 200 && status != 206) {
    if (static_cast<std::int64_t>(t.error_body.size()) < error_body_bytes) t.error_body.append(bytes, n);
    return n;
  }
  const auto after = static_cast<std::int64_t>(t.answer.body.size() + n);
  if (status == 200 && t.ranged && (t.length > t.whole_limit || after > t.whole_limit)) {
    t.no_ranges = true;
    return 0;
  }
  if (!t.ranged && after > t.whole_limit) return 0;
  const auto* first = reinterpret_cast<const std::byte*>(bytes);
  t.answer.body.insert(t.answer.body.end(), first, first + n);
  return n;
}

extern "C" int look_for_interrupt(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return signal_number() != 0; }

/// Waits, but not longer than until Ctrl-C.
void pause(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
    if (const int signal = signal_number()) throw Interrupted{signal};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

HeaderList sign(CURL* h) {
  std::string region = environment("AWS_REGION");
  if (region.empty()) region = environment("AWS_DEFAULT_REGION");
  if (region.empty()) region = "us-east-1";
  curl_easy_setopt(h, CURLOPT_AWS_SIGV4, fmt::format("aws:amz:{}:s3", region).c_str());
  curl_easy_setopt(h, CURLOPT_USERPWD, fmt::format("{}:{}", environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY")).c_str());
  curl_slist* list = curl_slist_append(nullptr, "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");  // of no body
  if (const auto token = environment("AWS_SESSION_TOKEN"); !token.empty()) list = curl_slist_append(list, ("x-amz-security-token: " + token).c_str());
  return {list, &curl_slist_free_all};
}

HeaderList prepare(CURL* h, const WebAddress& address, std::optional<std::pair<std::int64_t, std::int64_t>> range, Transfer& t, char* words) {
  curl_easy_reset(h);  // options, not connections
  curl_easy_setopt(h, CURLOPT_URL, address.url.c_str());
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, address.s3 ? 0L : 1L);
  curl_easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_USERAGENT, "tessera");
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, std::min(15L, stall_seconds()));
  curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, stall_seconds());
  curl_easy_setopt(h, CURLOPT_NETRC, static_cast<long>(address.s3 ? CURL_NETRC_IGNORED : CURL_NETRC_OPTIONAL));
  curl_easy_setopt(h, CURLOPT_ERRORBUFFER, words);
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, &t);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &t);
  curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, look_for_interrupt);
  if (range) curl_easy_setopt(h, CURLOPT_RANGE, fmt::format("{}-{}", range->first, range->second).c_str());
  // The program curl looks at these, its library does not.
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (const auto bundle = environment(name); !bundle.empty()) {
      curl_easy_setopt(h, CURLOPT_CAINFO, bundle.c_str());
      break;
    }
  if (const auto folder = environment("SSL_CERT_DIR"); !folder.empty()) curl_easy_setopt(h, CURLOPT_CAPATH, folder.c_str());
  if (!address.sign) return {nullptr, &curl_slist_free_all};
  auto headers = sign(h);
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers.get());
  return headers;
}

bool passing(long status) { return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505); }

/// How often a failure of the transfer itself is worth a try.
int tries_for(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return 2;
    case CURLE_COULDNT_CONNECT: return 3;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return most_tries;
    default: return 1;
  }
}

std::string host_of(const std::string& url) {
  const auto from = url.find("://") + 3;
  return url.substr(from, url.find_first_of("/?#", from) - from);
}

std::string times(int tries) { return tries == 1 ? "" : fmt::format(", {} times", tries); }

[[noreturn]] void fail_transfer(CURLcode code, const Transfer& t, const std::string& words, const std::string& url, const std::string& name, int tries) {
  const auto host = host_of(url);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: throw SystemError{fmt::format("{}: no host of the name {}; check the address and the network", name, host)};
    case CURLE_COULDNT_RESOLVE_PROXY: throw SystemError{fmt::format("{}: no host of the proxy's name; check http_proxy, https_proxy and all_proxy", name)};
    case CURLE_COULDNT_CONNECT: throw SystemError{fmt::format("{}: nobody answers at {} ({})", name, host, words)};
    case CURLE_OPERATION_TIMEDOUT: throw SystemError{fmt::format("{}: {} did not go on sending for {} s{}; try later, or allow more with TESSERA_REMOTE_TIMEOUT=SECONDS", name, host, stall_seconds(), times(tries))};
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR: throw SystemError{fmt::format("{}: the answer of {} was cut short{}: {} bytes found, {} expected; try again later", name, host, times(tries), grouped(static_cast<std::int64_t>(t.answer.body.size())), t.length < 0 ? "more" : grouped(t.length))};
    case CURLE_TOO_MANY_REDIRECTS: throw DataError{fmt::format("{}: more than 10 redirects", name)};
    case CURLE_UNSUPPORTED_PROTOCOL: throw DataError{fmt::format("{}: led to something else than http and https ({})", name, words)};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM: throw SystemError{fmt::format("{}: no secure connection with {}: {}; CURL_CA_BUNDLE or SSL_CERT_FILE names other certificates to trust", name, host, words)};
    default: throw SystemError{fmt::format("{}: {} ({})", name, words, curl_easy_strerror(code))};
  }
}

/// Code and message in the XML of S3, " (NoSuchKey: …)".
std::string s3_reason(const std::string& body) {
  const auto between = [&](const std::string& tag) {
    const auto from = body.find("<" + tag + ">"), to = body.find("</" + tag + ">");
    return from == std::string::npos || to == std::string::npos || to < from ? std::string{} : body.substr(from + tag.size() + 2, to - from - tag.size() - 2);
  };
  const auto code = between("Code"), message = between("Message");
  return code.empty() ? "" : fmt::format(" ({}{}{})", code, message.empty() ? "" : ": ", message);
}

[[noreturn]] void fail_status(const Transfer& t, long status, const WebAddress& address, const std::string& name, int tries) {
  const auto reason = address.s3 ? s3_reason(t.error_body) : std::string{};
  if (passing(status)) throw SystemError{fmt::format("{}: {} answered with status {}{}{}; try again later", name, host_of(address.url), status, reason, times(tries))};
  if (address.s3 && !t.region.empty() && (status == 301 || status == 307 || status == 400)) throw UsageError{fmt::format("{}: the bucket lies in region {}; set AWS_REGION={}", name, t.region, t.region)};
  if (status == 404 || status == 410) throw DataError{fmt::format("{}: no such file on the server (status {}){}", name, status, reason)};
  if (address.s3 && (status == 401 || status == 403))
    throw DataError{fmt::format("{}: refused by the server (status {}){}; {}", name, status, reason, address.sign ? "check the credentials, or unset AWS_ACCESS_KEY_ID for public buckets" : "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY if the bucket is not public, and check the key")};
  if (status == 401 || status == 403) throw DataError{fmt::format("{}: refused by the server (status {}); names and passwords are taken from ~/.netrc", name, status)};
  throw DataError{fmt::format("{}: the server answered with status {}{}; 200 or 206 was expected", name, status, reason)};
}

std::chrono::milliseconds wait_before(int tries, const Transfer& t) {
  // Half a second, one, two, four; less for who has less patience.
  auto time = std::min(std::chrono::milliseconds{250 << tries}, std::chrono::milliseconds{200 * stall_seconds()});
  if (const auto asked = text::to_integer(t.retry_after); asked && *asked >= 0) time = std::max(time, std::chrono::milliseconds{1000 * std::min<std::int64_t>(*asked, 60)});
  return time;
}

}  // namespace

WebAnswer web_get(const WebAddress& address, std::optional<std::pair<std::int64_t, std::int64_t>> range, std::int64_t whole_limit, const std::string& name) {
  Lease lease{handles()};
  for (int tries = 1;; ++tries) {
    Transfer t;
    t.handle = lease.handle, t.whole_limit = whole_limit, t.ranged = range.has_value();
    char words[CURL_ERROR_SIZE] = "";
    const auto headers = prepare(lease.handle, address, range, t, words);
    const CURLcode code = curl_easy_perform(lease.handle);
    long redirects = 0;
    curl_easy_getinfo(lease.handle, CURLINFO_REDIRECT_COUNT, &redirects);
    requests += 1 + redirects;
    tries_again += tries > 1;
    if (const int signal = signal_number()) throw Interrupted{signal};
    const long status = t.status();
    if (t.no_ranges) throw DataError{fmt::format("{}: {} sends whole files only, no ranges of bytes; download the file, or serve it by one that knows byte ranges", name, host_of(address.url))};
    if (code == CURLE_WRITE_ERROR) throw DataError{fmt::format("{}: the answer is longer than the {} bytes expected of such a file", name, grouped(whole_limit))};
    if (code == CURLE_OK && (status == 200 || status == 206 || status == 416)) {
      t.answer.status = status;
      char* last = nullptr;
      curl_easy_getinfo(lease.handle, CURLINFO_EFFECTIVE_URL, &last);
      t.answer.url = last ? last : address.url;
      return std::move(t.answer);
    }
    const bool again = code == CURLE_OK ? passing(status) && tries < most_tries : tries < tries_for(code);
    if (!again && code == CURLE_OK) fail_status(t, status, address, name, tries);
    if (!again) fail_transfer(code, t, words[0] ? words : curl_easy_strerror(code), address.url, name, tries);
    pause(wait_before(tries, t));
  }
}

}  // namespace detail

RemoteTraffic remote_traffic() {
  RemoteTraffic traffic;
  traffic.requests = requests, traffic.tries_again = tries_again, traffic.fetched_bytes = fetched_bytes;
  detail::add_remembered(traffic);
  return traffic;
}

}  // namespace tessera::io
