#include "tessera/io/remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <pugixml.hpp>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/remote_http.h"

namespace tessera::io {
namespace {

std::mutex identities_mutex;
std::map<std::string, RemoteIdentity, std::less<>> identities;  // of all URLs that were opened

constexpr std::int64_t list_bytes = std::int64_t{32} << 20;
constexpr int most_lists = 1000;  // of 1000 keys each

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool has_scheme(std::string_view name, std::string_view scheme) { return name.size() > scheme.size() && text::lower(name.substr(0, scheme.size())) == scheme; }

bool unreserved(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~'; }

/// Every byte that stands for itself in no place of a URL, and those `also` lists, as %XX.
std::string encoded(std::string_view text, std::string_view kept) {
  std::string out;
  for (const char c : text)
    if (unreserved(c) || kept.find(c) != std::string_view::npos) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

/// Letters that a URL may hold as they are; '%' too: what is encoded already stays so.
constexpr std::string_view url_letters = "%:/?#[]@!$&'()*+,;=";

struct S3Name {
  std::string bucket, key;
};

S3Name s3_name(const std::string& url) {
  const auto slash = url.find('/', 5);
  S3Name name{url.substr(5, slash - 5), slash == std::string::npos ? "" : url.substr(slash + 1)};
  const bool good = !name.bucket.empty() && std::ranges::all_of(name.bucket, [](char c) { return unreserved(c); });
  if (!good) throw UsageError{fmt::format("{}: no name of a bucket; expected s3://bucket/key", url)};
  return name;
}

/// Address of a bucket: below the endpoint that is given, else of Amazon; '/' behind it.
detail::WebAddress bucket_address(const std::string& bucket) {
  detail::WebAddress address;
  address.s3 = true;
  address.sign = !environment("AWS_ACCESS_KEY_ID").empty() && !environment("AWS_SECRET_ACCESS_KEY").empty();
  std::string endpoint = environment("AWS_ENDPOINT_URL_S3");
  if (endpoint.empty()) endpoint = environment("AWS_ENDPOINT_URL");
  if (!endpoint.empty()) {
    if (!has_scheme(endpoint, "http://") && !has_scheme(endpoint, "https://")) throw UsageError{fmt::format("AWS_ENDPOINT_URL = {}: expected http://HOST or https://HOST", endpoint)};
    while (endpoint.ends_with('/')) endpoint.pop_back();
    address.url = fmt::format("{}/{}/", endpoint, bucket);
    return address;
  }
  std::string region = environment("AWS_REGION");
  if (region.empty()) region = environment("AWS_DEFAULT_REGION");
  if (region.empty()) region = "us-east-1";
  // A name with points is none that the server's certificate covers.
  address.url = bucket.find('.') == std::string::npos ? fmt::format("https://{}.s3.{}.amazonaws.com/", bucket, region) : fmt::format("https://s3.{}.amazonaws.com/{}/", region, bucket);
  return address;
}

std::string text_of(const detail::WebAnswer& answer) { return {reinterpret_cast<const char*>(answer.body.data()), answer.body.size()}; }

std::vector<std::string> list_s3(const std::string& folder) {
  const auto name = s3_name(folder);
  std::vector<std::string> found;
  std::string token;
  for (int i = 0; i < most_lists; ++i) {
    const auto answer = detail::web_get(detail::s3_list_address(folder, token), {}, list_bytes, folder);
    const auto body = text_of(answer);
    pugi::xml_document document;
    const auto root = document.load_buffer(body.data(), body.size()) ? document.child("ListBucketResult") : pugi::xml_node{};
    if (!root) throw DataError{fmt::format("{}: the answer is no list of keys", folder)};
    for (const auto& entry : root.children("Contents"))
      if (const std::string key = entry.child_value("Key"); key.size() > name.key.size()) found.push_back(fmt::format("s3://{}/{}", name.bucket, key));
    token = root.child_value("NextContinuationToken");
    if (std::string_view{root.child_value("IsTruncated")} != "true" || token.empty()) return found;
  }
  throw DataError{fmt::format("{}: more than a million keys; name a longer prefix", folder)};
}

/// The files that a page links to and that lie right below the folder, as the pages do that web servers show for folders.
std::vector<std::string> list_page(const std::string& folder) {
  const auto answer = detail::web_get(detail::web_address(folder), {}, list_bytes, folder);
  const auto body = text_of(answer);
  const auto host_end = folder.find('/', folder.find("://") + 3);
  std::vector<std::string> found;
  const auto lower = text::lower(body);
  for (std::size_t at = 0; (at = lower.find("href=", at)) != std::string::npos;) {
    at += 5;
    if (at >= body.size() || (body[at] != '"' && body[at] != '\'')) continue;
    const auto end = body.find(body[at], at + 1);
    if (end == std::string::npos) break;
    std::string link = body.substr(at + 1, end - at - 1);
    link.resize(std::min(link.size(), link.find_first_of("?#")));
    if (link.starts_with("./")) link.erase(0, 2);
    if (link.starts_with(folder)) link.erase(0, folder.size());
    else if (link.starts_with('/') && folder.substr(host_end) == link.substr(0, std::min(link.size(), folder.size() - host_end))) link.erase(0, folder.size() - host_end);
    if (!link.empty() && link.find('/') == std::string::npos && link.find(':') == std::string::npos) found.push_back(folder + link);
  }
  return found;
}

}  // namespace

bool is_url(std::string_view name) { return has_scheme(name, "http://") || has_scheme(name, "https://") || has_scheme(name, "s3://"); }
bool is_url_folder(std::string_view name) { return is_url(name) && name.ends_with('/'); }

int remote_connections() {
  const auto asked = text::to_integer(environment("TESSERA_REMOTE_CONNECTIONS"));
  return asked && *asked >= 1 && *asked <= 256 ? static_cast<int>(*asked) : 16;
}

std::string RemoteIdentity::stamp() const { return fmt::format("{} bytes, ETag {}, {}", bytes, etag.empty() ? "none" : etag, modified.empty() ? "no date" : modified); }

std::string describe(const RemoteTraffic& t) {
  return fmt::format("fetched {} of {} ({} file{}) in {} requests{}", text::format_bytes(static_cast<double>(t.fetched_bytes)), text::format_bytes(static_cast<double>(t.file_bytes)), t.files, t.files == 1 ? "" : "s", t.requests,
                     t.tries_again > 0 ? fmt::format(", {} of them again", t.tries_again) : "");
}

std::vector<std::string> list_remote(const std::string& folder) {
  if (!is_url_folder(folder)) throw UsageError{fmt::format("{}: a folder on a server is a URL that ends with '/'", folder)};
  auto found = has_scheme(folder, "s3://") ? list_s3(folder) : list_page(folder);
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

namespace detail {

WebAddress web_address(const std::string& url) {
  if (std::ranges::any_of(url, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; })) throw UsageError{fmt::format("{}: a URL with control characters", encoded(url, url_letters))};
  if (has_scheme(url, "s3://")) {
    const auto name = s3_name(url);
    auto address = bucket_address(name.bucket);
    address.url += encoded(name.key, "/");
    return address;
  }
  const auto from = url.find("://") + 3;
  const auto host = url.substr(from, url.find_first_of("/?#", from) - from);
  if (host.empty()) throw UsageError{fmt::format("{}: a URL without a host", url)};
  if (host.find('@') != std::string::npos) throw UsageError{fmt::format("{}://…@{}: a name and password in a URL would stand in every record; put them in ~/.netrc", url.substr(0, from - 3), host.substr(host.rfind('@') + 1))};
  return {encoded(url.substr(0, url.find('#')), url_letters), false, false};
}

WebAddress s3_list_address(const std::string& folder, const std::string& token) {
  const auto name = s3_name(folder);
  auto address = bucket_address(name.bucket);
  // In the order that signatures want.
  address.url += fmt::format("?{}delimiter=%2F&list-type=2&prefix={}", token.empty() ? "" : "continuation-token=" + encoded(token, "") + "&", encoded(name.key, ""));
  return address;
}

RemoteIdentity remember(const std::string& url, const RemoteIdentity& identity) {
  const std::lock_guard lock{identities_mutex};
  return identities.try_emplace(url, identity).first->second;
}

std::optional<RemoteIdentity> remembered(const std::string& url) {
  const std::lock_guard lock{identities_mutex};
  const auto found = identities.find(url);
  return found == identities.end() ? std::nullopt : std::optional{found->second};
}

void add_remembered(RemoteTraffic& traffic) {
  const std::lock_guard lock{identities_mutex};
  for (const auto& [url, identity] : identities) ++traffic.files, traffic.file_bytes += identity.bytes;
}

}  // namespace detail
}  // namespace tessera::io
