#include "tessera/spherex/wavelength_ranges.h"

#include <gmock/gmock.h>

#include "tessera/base/error.h"

namespace tessera::spherex {
namespace {

using testing::HasSubstr;

std::string refusal(const char* range) {
  try {
    parse_wavelengths({range}, "section.option");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(WavelengthRanges, AreReadWithBothEndsIncluded) {
  const auto ranges = parse_wavelengths({"0.9-1.1", " 2.0 - 2.4"}, "section.option");
  ASSERT_EQ(ranges, (WavelengthRanges{{0.9, 1.1}, {2.0, 2.4}}));
  EXPECT_TRUE(reaches_into(ranges, 1.1, 1.1));
  EXPECT_TRUE(reaches_into(ranges, 1.0, 3.0));
  EXPECT_FALSE(reaches_into(ranges, 1.2, 1.9));
  EXPECT_TRUE(reaches_into({}, 1.2, 1.9));
}

TEST(WavelengthRanges, WhatIsNoRangeIsRefusedByItsKey) {
  for (const char* no : {"", "1", "1.1,1.5", "a-b", "1-2-3", "1-"}) EXPECT_THAT(refusal(no), HasSubstr("is no range")) << no;
  EXPECT_THAT(refusal("2-1"), HasSubstr("section.option: the range 2-1 is empty"));
  EXPECT_THAT(refusal("8-9"), HasSubstr("no detector sees"));
  EXPECT_THAT(refusal("-2-0.5"), HasSubstr("no detector sees"));
}

}  // namespace
}  // namespace tessera::spherex
