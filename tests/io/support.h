/// tests/io/support.h — folders, shared data and outside programs for the tests of io.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "places.h"

namespace tessera::io::test {

namespace fs = std::filesystem;

/// A folder of its own for one test, removed at the end.
class Scratch {
 public:
  Scratch() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / ("tessera-io-" + std::to_string(::getpid()) + "-" + info->name());
    fs::create_directories(folder_);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path operator/(const std::string& name) const { return folder_ / name; }
  const fs::path& folder() const { return folder_; }
  std::size_t files() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder_}, fs::directory_iterator{})); }

 private:
  fs::path folder_;
};

using tessera::test::shared_data;

#define SKIP_WITHOUT_SHARED_DATA() \
  if (!std::filesystem::exists(tessera::io::test::shared_data())) GTEST_SKIP() << "skipped: no shared data"

inline void write_file(const fs::path& path, std::string_view content) {
  std::ofstream{path, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
}

inline std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

/// Runs a shell command; its output goes to `log`.
inline int run(const std::string& command, const fs::path& log) { return std::system((command + " >" + quoted(log) + " 2>&1").c_str()); }
inline bool have(const std::string& program) { return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0; }
inline bool have_astropy() {
  static const bool found = std::system("/usr/bin/python3 -c 'import astropy' >/dev/null 2>&1") == 0;
  return found;
}

/// The one-line message of the exception `f` throws; fails the test when it throws none of type E.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    const std::string text = e.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another exception: " << e.what();
    return {};
  }
  ADD_FAILURE() << "no exception";
  return {};
}

/// An 80-column card with a number, a word or a quoted string.
inline std::string card(const std::string& key, const std::string& value) {
  std::string out = key;
  out.resize(8, ' ');
  out += "= " + (value.front() == '\'' ? value : std::string(value.size() < 20 ? 20 - value.size() : 0, ' ') + value);
  out.resize(80, ' ');
  return out;
}

/// A header of cards with END, padded to blocks.
inline std::string header_block(const std::string& cards) {
  std::string out = cards + "END";
  out.resize((out.size() + 2879) / 2880 * 2880, ' ');
  return out;
}

inline std::string padded_data(std::string bytes) {
  bytes.resize((bytes.size() + 2879) / 2880 * 2880, '\0');
  return bytes;
}

}  // namespace tessera::io::test
