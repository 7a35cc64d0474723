#include "tessera/io/remote.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/io/remote_http.h"

namespace tessera::io {
namespace {

using detail::s3_list_address;
using detail::web_address;

/// Variables of S3 as a test wants them, and as they were behind it.
class S3Addresses : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < std::size(names); ++i) {
      if (const char* value = std::getenv(names[i])) before_[i] = value;
      ::unsetenv(names[i]);
    }
  }
  void TearDown() override {
    for (std::size_t i = 0; i < std::size(names); ++i) before_[i] ? ::setenv(names[i], before_[i]->c_str(), 1) : ::unsetenv(names[i]);
  }

 private:
  static constexpr const char* names[] = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};
  std::optional<std::string> before_[std::size(names)];
};

TEST(Remote, KnowsUrlsByTheirScheme) {
  EXPECT_TRUE(is_url("http://host/a.fits") && is_url("HTTPS://host/a.fits") && is_url("s3://bucket/key"));
  EXPECT_FALSE(is_url("a.fits") || is_url("http:/a.fits") || is_url("file:///a.fits") || is_url("./http://a") || is_url("s3://"));
  EXPECT_TRUE(is_url_folder("https://host/level2/"));
  EXPECT_FALSE(is_url_folder("https://host/level2") || is_url_folder("level2/"));
}

TEST(Remote, SendsUrlsAsTheyStandAndEncodesWhatNoUrlHolds) {
  EXPECT_EQ(web_address("https://host:81/a%20b/c+d.fits?x=1&y=%2F").url, "https://host:81/a%20b/c+d.fits?x=1&y=%2F");
  EXPECT_EQ(web_address("http://host/a b.fits#IMAGE").url, "http://host/a%20b.fits");
  EXPECT_THROW(web_address("http:///a.fits"), UsageError);
  EXPECT_THROW(web_address("http://host/a\r\nX: y"), UsageError);
}

TEST(Remote, RefusesPasswordsInUrlsWithoutRepeatingThem) {
  try {
    web_address("https://me:secret@host/a.fits");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_THAT(e.what(), testing::AllOf(testing::HasSubstr("host"), testing::HasSubstr(".netrc"), testing::Not(testing::HasSubstr("secret"))));
  }
}

TEST_F(S3Addresses, AreThoseOfAmazonOrOfAnEndpoint) {
  EXPECT_EQ(web_address("s3://bucket/a/b.fits").url, "https://bucket.s3.us-east-1.amazonaws.com/a/b.fits");
  ::setenv("AWS_REGION", "eu-west-1", 1);
  EXPECT_EQ(web_address("s3://my.bucket/a").url, "https://s3.eu-west-1.amazonaws.com/my.bucket/a");
  ::setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000/", 1);
  const auto address = web_address("s3://bucket/a b/c+%20=.fits");
  EXPECT_EQ(address.url, "http://127.0.0.1:9000/bucket/a%20b/c%2B%2520%3D.fits");
  EXPECT_TRUE(address.s3 && !address.sign);
  ::setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000", 1);
  EXPECT_THROW(web_address("s3://bucket/a"), UsageError);
  EXPECT_THROW(web_address("s3:///a"), UsageError);
}

TEST_F(S3Addresses, AreSignedWithBothKeys) {
  ::setenv("AWS_ACCESS_KEY_ID", "id", 1);
  EXPECT_FALSE(web_address("s3://bucket/a").sign);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  EXPECT_TRUE(web_address("s3://bucket/a").sign);
  EXPECT_FALSE(web_address("https://host/a").sign);
}

TEST_F(S3Addresses, ListKeysInTheOrderThatSignaturesWant) {
  EXPECT_EQ(s3_list_address("s3://bucket/a b/", "").url, "https://bucket.s3.us-east-1.amazonaws.com/?delimiter=%2F&list-type=2&prefix=a%20b%2F");
  EXPECT_EQ(s3_list_address("s3://bucket/", "t/=").url, "https://bucket.s3.us-east-1.amazonaws.com/?continuation-token=t%2F%3D&delimiter=%2F&list-type=2&prefix=");
}

TEST(Remote, SaysWhatWasFetched) {
  EXPECT_EQ(describe({13, 0, 1 << 20, 1, 70 << 20}), "fetched 1.0 MiB of 70.0 MiB (1 file) in 13 requests");
  EXPECT_EQ(describe({13, 2, 1 << 20, 2, 70 << 20}), "fetched 1.0 MiB of 70.0 MiB (2 files) in 13 requests, 2 of them again");
}

}  // namespace
}  // namespace tessera::io
