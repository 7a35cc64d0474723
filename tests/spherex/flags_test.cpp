#include "tessera/spherex/flags.h"

#include "spherex/spectral_file.h"
#include "tessera/spherex/channels.h"

namespace tessera::spherex {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::uint64_t bits(std::initializer_list<int> numbers) {
  std::uint64_t all = 0;
  for (const int n : numbers) all |= std::uint64_t{1} << n;
  return all;
}

TEST(SpherexFlags, SetsAreThoseOfTheDocuments) {
  EXPECT_EQ(fit_ignored(), bits({2, 6, 9, 10, 11, 15, 17, 26, 27, 28, 29}));
  EXPECT_EQ(background_masked(), fit_ignored() | bits({0, 1, 19, 21}));
  EXPECT_EQ(mosaic_dropped(), bits({0, 2, 6, 7, 9, 10, 11, 14, 15, 17, 20, 22, 23, 24, 25, 26, 27, 28, 29}));
  EXPECT_EQ(mosaic_reported(), bits({1, 19, 21}));
}

TEST(SpherexFlags, ANumberIsDecodedToNames) {
  EXPECT_THAT(decode(4297064449), ElementsAre("TRANSIENT", "SOURCE", "CONTAINS_BAD_PIXEL"));  // 2^32 + 2^21 + 1
  EXPECT_THAT(decode(std::uint64_t{1} << 40), ElementsAre("bit_40"));
  EXPECT_THAT(decode(0), ElementsAre());
  EXPECT_THAT(refusal<UsageError>([] { flag_mask("HOTT"); }), HasSubstr("no flag 'HOTT'; known: TRANSIENT"));
}

TEST(SpherexFlags, CardsMoveBits) {
  Header h;
  h.set("MP_HOT", std::int64_t{20});
  const auto moved = FlagNumbers::from_header(h, "f");
  EXPECT_EQ(moved.standard(1u << 20), bits({10}));
  EXPECT_EQ(moved.standard(1u << 10), 0u);  // HOT's own place has no meaning in this plane
  EXPECT_EQ(moved.standard(1u << 21 | 1u << 20), bits({10, 21}));

  Header mskn;
  mskn.set("MSKN0001", std::string{"OUTLIER"}), mskn.set("MSKM0001", std::int64_t{1 << 10});
  mskn.set("MSKN0002", std::string{"HOT"}), mskn.set("MSKM0002", std::int64_t{1 << 19});
  mskn.set("MSKN0003", std::string{"NOVELTY"}), mskn.set("MSKM0003", std::int64_t{1 << 30});
  const auto exchanged = FlagNumbers::from_header(mskn, "f");
  EXPECT_EQ(exchanged.standard(1u << 10), bits({19}));
  EXPECT_EQ(exchanged.standard(1u << 19), bits({10}));
  EXPECT_EQ(exchanged.standard(1u << 30), 0u);
  EXPECT_THAT(exchanged.unknown(), ElementsAre("NOVELTY"));
  EXPECT_FALSE(exchanged.is_standard());
}

TEST(SpherexFlags, ContradictoryCardsAreRefused) {
  Header twice;
  twice.set("MP_HOT", std::int64_t{3}), twice.set("MP_COLD", std::int64_t{3});
  EXPECT_THAT(refusal<DataError>([&] { FlagNumbers::from_header(twice, "a.fits[FLAGS]"); }), HasSubstr("a.fits[FLAGS]: bit 3 is named twice"));
  Header wide;
  wide.set("MP_HOT", std::int64_t{32});
  EXPECT_THAT(refusal<DataError>([&] { FlagNumbers::from_header(wide, "a.fits[FLAGS]"); }), HasSubstr("MP_HOT = 32; expected the number of a bit"));
}

TEST(SpherexChannels, AreGaplessOnEachDetectorAndOverlapBetweenThem) {
  const auto& table = ChannelTable::builtin();
  ASSERT_EQ(table.channels().size(), 102u);
  for (int d = 1; d <= detectors; ++d) {
    const auto of = table.of(d);
    for (std::size_t i = 0; i < of.size(); ++i) {
      EXPECT_EQ(of[i].channel, 17 * (d - 1) + static_cast<int>(i) + 1);
      EXPECT_NEAR(of[i].width_um, of[i].centre_um / of[i].resolving_power, 1e-4);
      EXPECT_EQ(of[i].min_um, i > 0 ? of[i - 1].max_um : of[i].min_um);
      EXPECT_EQ(table.channel_at(d, of[i].centre_um)->channel, of[i].channel);
    }
    EXPECT_FALSE(table.channel_at(d, of.back().max_um));
  }
  EXPECT_EQ(table.channel_at(1, 1.105)->channel, 17);
  EXPECT_EQ(table.channel_at(2, 1.105)->channel, 18);
  EXPECT_THAT(refusal<UsageError>([&] { table.of(7); }), HasSubstr("detector 7; expected 1 to 6"));
}

TEST(SpherexChannels, TheProductIsRead) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "spectral_channels_spx_cal-sch-v1-2025-150.fits";
  const auto write = [&](int rows) {
    std::filesystem::remove(path);
    io::FitsWriter writer{path};
    writer.add_empty({});
    writer.close();
    append_table(path, "SPECTRAL_CHANNELS", rows, {{"DETECTOR", 1}, {"SUBCHAN", 1}, {"WAVELENGTH", 1}, {"WL_MIN", 1}, {"WL_MAX", 1}, {"R", 1}}, [&](RawHdu& h) {
      for (int i = 0; i < rows; ++i) {
        const auto& c = ChannelTable::builtin().channels()[static_cast<std::size_t>(i)];
        for (const double v : {1. * c.detector, 1. * c.strip, c.centre_um + .001, c.min_um, c.max_um, c.resolving_power}) h.put(static_cast<float>(v));
      }
    });
  };
  write(102);
  EXPECT_NEAR(ChannelTable::read(path).channel(40).centre_um, ChannelTable::builtin().channel(40).centre_um + .001, 1e-6);
  write(101);
  EXPECT_THAT(refusal<DataError>([&] { ChannelTable::read(path); }), HasSubstr("lacks rows"));
}

}  // namespace
}  // namespace tessera::spherex
