/// Profiles of the source tree, options, and short ways to open what a test wrote.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "base/temporary_folder.h"
#include "places.h"
#include "fits_maker.h"
#include "tessera/base/error.h"
#include "tessera/instrument/frame_file.h"

#define REQUIRE_SHARED_DATA()                        \
  if (!fs::exists(test::shared_data())) {            \
    std::puts("skipped: no shared data");            \
    GTEST_SKIP() << "no shared data";                \
  }

namespace fs = std::filesystem;

namespace tessera::instrument {

inline const ProfileSet& profiles() {
  static const ProfileSet set = ProfileSet::load({test::source_folder() / "profiles"});
  return set;
}

inline FrameFile open(const fs::path& image, const InputOptions& options = {}) { return open_frame({image, {}, {}, -1}, options, profiles()); }

inline std::vector<FrameFile> open_all(const std::vector<std::string>& arguments, const InputOptions& options = {}) {
  std::vector<std::string> notes;
  std::vector<FrameFile> frames;
  for (const auto& names : expand_inputs(arguments, options, profiles(), notes)) frames.push_back(open_frame(names, options, profiles()));
  return frames;
}

inline long good_pixels(const Frame& frame) {
  long n = 0;
  for (const auto g : frame.good.pixels()) n += g;
  return n;
}

/// The message of the error that `f` must throw.
template <class Expected, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Expected& e) {
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another exception: " << e.what();
    return {};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace tessera::instrument
