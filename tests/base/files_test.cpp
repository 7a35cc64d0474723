#include "tessera/base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"

namespace tessera::files {
namespace {

using ::testing::HasSubstr;

template <class E, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
}

TEST(Files, ReadBackWhatWasWritten) {
  const TemporaryFolder folder;
  std::string content(300000, 'x');
  content[5] = '\0';
  content[100000] = '\n';
  for (const char* name : {"plain.txt", "with blank [1](+).txt", "Größe é.txt"}) {
    write_atomic(folder / name, content);
    EXPECT_EQ(read(folder / name), content) << name;
  }
  write_atomic(folder / "plain.txt", "");
  EXPECT_EQ(read(folder / "plain.txt"), "");
  EXPECT_EQ(entries(folder.path()), 3u) << "no temporary file stays";
}

TEST(Files, NameWhatCannotBeReadAndWhy) {
  const TemporaryFolder folder;
  const auto absent = message_of<DataError>([&] { read(folder / "absent.toml"); });
  EXPECT_THAT(absent, HasSubstr("absent.toml"));
  EXPECT_THAT(absent, HasSubstr("No such file"));
  EXPECT_THAT(message_of<DataError>([&] { read(folder.path()); }), HasSubstr("directory"));
  EXPECT_THAT(message_of<DataError>([&] { sha256_file(folder / "absent"); }), HasSubstr("absent"));
}

TEST(Files, LongerThanTheLimitAreRefused) {
  const TemporaryFolder folder;
  write_atomic(folder / "f", std::string(1000, 'a'));
  EXPECT_EQ(read(folder / "f", 1000).size(), 1000u);
  EXPECT_THAT(message_of<DataError>([&] { read(folder / "f", 999); }), HasSubstr("999"));
}

TEST(Files, WithTheLongestLegalNameAreWritten) {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  write_atomic(folder / name, "content");
  EXPECT_EQ(read(folder / name), "content");
  EXPECT_EQ(temporary_name(folder / name).parent_path(), folder.path());
}

TEST(Files, IntoAMissingFolderAreASystemError) {
  const TemporaryFolder folder;
  const auto message = message_of<SystemError>([&] { write_atomic(folder / "none/out.json", "x"); });
  EXPECT_THAT(message, HasSubstr("none/out.json"));
}

TEST(Files, OntoAFolderLeaveNoTemporaryFileBehind) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "taken");
  EXPECT_THROW(write_atomic(folder / "taken", "x"), SystemError);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, KeepTheirOldContentWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  write_atomic(folder / "f", "old");
  // A limit on file size fails a write as a full disk does, without needing one.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    write_atomic(folder / "f", std::string(5000, 'n'));
  } catch (const SystemError& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("cannot write"));
  EXPECT_EQ(read(folder / "f"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, CommitOfAMissingTemporaryFileIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THROW(commit(folder / "never-written", folder / "f"), SystemError);
  EXPECT_FALSE(fs::exists(folder / "f"));
}

TEST(Sha256, MeetsThePublishedVectors) {
  // FIPS 180-4 examples.
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const TemporaryFolder folder;
  const std::string content(1000003, 'a');
  write_atomic(folder / "f", content);
  EXPECT_EQ(sha256_file(folder / "f"), sha256(content));
}

TEST(Errors, CarryTheirExitCodeAndKind) {
  EXPECT_EQ(DataError{"x"}.exit_code(), 1);
  EXPECT_EQ(UsageError{"x"}.exit_code(), 2);
  EXPECT_EQ(SystemError{"x"}.exit_code(), 3);
  EXPECT_EQ(Interrupted{SIGINT}.exit_code(), 130);
  EXPECT_EQ(Interrupted{SIGTERM}.exit_code(), 143);
  EXPECT_STREQ(DataError{"x"}.kind(), "data");
  EXPECT_STREQ(UsageError{"x"}.kind(), "usage");
  EXPECT_STREQ(SystemError{"x"}.kind(), "resource");
  EXPECT_STREQ(Interrupted{SIGINT}.kind(), "interrupted");
}

}  // namespace
}  // namespace tessera::files
