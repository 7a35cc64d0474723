#include <fstream>

#include "instrument/file_names_fixture.h"

namespace tessera::instrument {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Names, GlobsAreSortedBytewise) {
  for (const char* n : {"b.fits", "a.fits", "B.fits", "\u00e4.fits", "a10.fits", "a2.fits", ".hidden.fits", "c.txt"}) put(n);
  EXPECT_THAT(expanded({path("*.fits")}), ElementsAre("B.fits", "a.fits", "a10.fits", "a2.fits", "b.fits", "\u00e4.fits"));
  EXPECT_THAT(expanded({path("a[0-9]*.fits")}), ElementsAre("a10.fits", "a2.fits"));
  EXPECT_THAT(expanded({path("?.fits")}), testing::Contains("a.fits"));
}

TEST_F(Names, GlobsReachThroughFoldersComponentByComponent) {
  put("x1/f.fits"), put("x2/f.fits"), put("y/f.fits"), put("x1/deep/f.fits");
  EXPECT_THAT(expanded({path("x*/f.fits")}), ElementsAre("x1/f.fits", "x2/f.fits"));
}

TEST_F(Names, AFileThatExistsIsItselfWhateverItsName) {
  put("a[1](x)+2 *.fits"), put("a1.fits"), put("@odd.fits"), put("stra\u00dfe.fits");
  EXPECT_THAT(expanded({path("a[1](x)+2 *.fits")}), ElementsAre("a[1](x)+2 *.fits"));
  EXPECT_THAT(expanded({path("a[1].fits")}), ElementsAre("a1.fits"));
  EXPECT_THAT(expanded({path("@odd.fits"), path("stra\u00dfe.fits")}), ElementsAre("@odd.fits", "stra\u00dfe.fits"));
}

TEST_F(Names, WhatIsNotThereIsSaidWithTheNearestName) {
  put("frame_01.fits");
  EXPECT_THAT(message_of<DataError>([&] { expanded({path("frame_1.fits")}); }), AllOf(HasSubstr("no such file"), HasSubstr("did you mean 'frame_01.fits'?")));
  EXPECT_THAT(message_of<DataError>([&] { expanded({path("q*.fits")}); }), HasSubstr("no file fits this pattern"));
  EXPECT_THAT(message_of<DataError>([&] { expanded({path("nofolder/a.fits")}); }), HasSubstr("there is no folder"));
  EXPECT_THROW(expanded({}), UsageError);
  EXPECT_THROW(expanded({""}), UsageError);
}

TEST_F(Names, ListsHoldOneNameALineWithRemarks) {
  put("l/a.fits"), put("l/b #1.fits"), put("l/sub/c.fits");
  write("l/list.txt", "# frames\n\na.fits  # the first\r\n  sub/*.fits\n@more.txt\n");
  write("l/more.txt", "b #1.fits\n");
  EXPECT_THAT(message_of<DataError>([&] { expanded({"@" + path("l/list.txt")}); }), HasSubstr("more.txt:1: "));  // " #" begins a remark
  write("l/more.txt", path("l/sub/c.fits") + "\na.fits\n");
  EXPECT_THAT(expanded({"@" + path("l/list.txt")}), ElementsAre("l/a.fits", "l/sub/c.fits"));
  EXPECT_THAT(notes.back(), HasSubstr("2 inputs were named twice"));
}

TEST_F(Names, BadListsAreRefusedWithNameAndLine) {
  write("empty.txt", "# nothing\n");
  write("bad.txt", "\nmissing.fits\n");
  write("loop.txt", "@loop.txt\n");
  put("image.fits");
  EXPECT_THAT(message_of<DataError>([&] { expanded({"@" + path("none.txt")}); }), HasSubstr("no such list"));
  EXPECT_THAT(message_of<DataError>([&] { expanded({"@" + path("empty.txt")}); }), HasSubstr("names no file"));
  EXPECT_THAT(message_of<DataError>([&] { expanded({"@" + path("bad.txt")}); }), AllOf(HasSubstr("bad.txt:2:"), HasSubstr("missing.fits")));
  EXPECT_THAT(message_of<DataError>([&] { expanded({"@" + path("loop.txt")}); }), HasSubstr("more than 8 deep"));
  EXPECT_THAT(message_of<DataError>([&] { expanded({"@" + path("image.fits")}); }), HasSubstr("not a list"));
  options.images = path("image.fits");
  EXPECT_THAT(message_of<DataError>([&] { expanded({}); }), HasSubstr("not a list"));
}

TEST_F(Names, AFolderWithoutACamerasNamesGivesEveryImageButCompanions) {
  put("a.fits"), put("a.weight.fits"), put("b.FIT"), put("c.fits.gz"), put("readme.txt");
  EXPECT_THAT(expanded({folder.path().string()}), ElementsAre("a.fits", "b.FIT", "c.fits.gz"));
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("1 uncertainty and mask files"));
}

TEST_F(Names, AnEmptyFolderSaysWhatWasLookedFor) {
  put("sub/a.fits");
  fs::create_directory(folder / "empty");
  EXPECT_THAT(message_of<DataError>([&] { expanded({path("empty")}); }), AllOf(HasSubstr("empty"), HasSubstr(".fits")));
  EXPECT_THAT(message_of<DataError>([&] { expanded({folder.path().string()}); }), HasSubstr("its folders sub hold some"));
}

TEST_F(Names, OneVersionOfAFrameIsTakenAndTheCorrectedOneFirst) {
  for (const char* n : {"X_1_bcd.fits", "X_1_cbcd.fits", "X_1_bunc.fits", "X_1_cbunc.fits", "X_1_bimsk.fits", "X_2_bcd.fits", "X_2_bunc.fits", "X_2_bimsk.fits"}) put_irac(n);
  EXPECT_THAT(expanded({path("*.fits")}), ElementsAre("X_1_cbcd.fits", "X_2_bcd.fits"));
  EXPECT_THAT(notes, ElementsAre(HasSubstr("5 uncertainty and mask files"), HasSubstr("1 less processed version")));
  EXPECT_THAT(expanded({folder.path().string()}), ElementsAre("X_1_cbcd.fits"));
  EXPECT_THAT(notes.back(), HasSubstr("1 of 8 files taken (*_cbcd.fits), 7 left aside"));
}

TEST_F(Names, ParallelListsAreKeptInOrder) {
  for (const char* n : {"b.fits", "a.fits", "sb.fits", "sa.fits", "mb.fits", "ma.fits"}) put(n);
  write("i.txt", "b.fits\na.fits\n"), write("s.txt", "sb.fits\nsa.fits\n"), write("d.txt", "mb.fits\nma.fits\n");
  options.images = path("i.txt"), options.sigmas = path("s.txt"), options.masks = path("d.txt");
  const auto names = expand_inputs({}, options, profiles(), notes);
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names[0].image.filename(), "b.fits");
  EXPECT_EQ(names[0].sigma.filename(), "sb.fits");
  EXPECT_EQ(names[1].mask.filename(), "ma.fits");
  const auto f = open_frame(names[0], options, profiles());
  EXPECT_EQ(f.uncertainty->path.filename(), "sb.fits");
  EXPECT_EQ(f.mask->path.filename(), "mb.fits");
}

TEST_F(Names, ListsOfUnequalLengthAreRefused) {
  for (const char* n : {"b.fits", "a.fits", "s.fits"}) put(n);
  write("i.txt", "b.fits\na.fits\n"), write("s.txt", "s.fits\n");
  options.images = path("i.txt"), options.sigmas = path("s.txt");
  EXPECT_THAT(message_of<UsageError>([&] { expanded({}); }), AllOf(HasSubstr("-S names 1 files"), HasSubstr("2 images")));
  EXPECT_THAT(message_of<UsageError>([&] { expanded({path("a.fits")}); }), HasSubstr("both by -I"));
}

TEST_F(Names, AnUnreadableFileIsLeftForTheFrameToTell) {
  write("bad.fits", "nothing");
  EXPECT_THAT(expanded({path("bad.fits")}), ElementsAre("bad.fits"));
}

TEST(InputOptionsTest, AreDeclaredWithTheirMopexNames) {
  param::Schema<InputOptions> schema;
  describe(schema);
  const auto fields = std::move(schema).fields();
  ASSERT_EQ(fields.size(), 17u);
  EXPECT_EQ(fields[0].letter, 'I');
  EXPECT_EQ(fields[1].letter, 'S');
  EXPECT_EQ(fields[2].letter, 'd');
  EXPECT_EQ(fields[3].letter, 'R');
  EXPECT_EQ(fields[4].letter, 'M');
  EXPECT_EQ(fields[6].aliases.at(0).key, "DCE_Status_Mask_Fatal_BitPattern");
}

}  // namespace
}  // namespace tessera::instrument
