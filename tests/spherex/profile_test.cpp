/// The generic verbs see a spectral image through profiles/spherex.toml.
#include "instrument/support.h"
#include "spherex/spectral_file.h"
#include "tessera/spherex/flags.h"

namespace tessera::spherex {
namespace {

TEST(SpherexProfile, ASpectralImageIsKnownAndItsFatalBitsAreThoseThatMosaicsDrop) {
  const TemporaryFolder folder;
  const auto frame = instrument::open(write_frame(folder.path() / "level2_a_spx_l2b-v1-2025-001.fits"));
  EXPECT_EQ(frame.profile->name, "spherex");
  EXPECT_EQ(frame.fatal_bits, mosaic_dropped());
  ASSERT_TRUE(frame.uncertainty);
}

TEST(SpherexProfile, PairedCardsMoveFatalBits) {
  const TemporaryFolder folder;
  const auto frame = instrument::open(write_frame(folder.path() / "a.fits", {.rice_flags = true, .mskn = true}));
  // HOT is bit 3 there; OUTLIER, which is not fatal, is bit 10.
  EXPECT_EQ(frame.fatal_bits, (mosaic_dropped() & ~(std::uint64_t{1} << 10)) | std::uint64_t{1} << 3);
}

}  // namespace
}  // namespace tessera::spherex
