#include "tessera/instrument/profile.h"

#include <cstdlib>
#include <fstream>

#include "instrument/support.h"

namespace tessera::instrument {
namespace {

using testing::HasSubstr;

Profile parse(const std::string& toml) { return parse_profile(toml, "p.toml"); }
std::string refusal(const std::string& toml) {
  return message_of<UsageError>([&] { parse(toml); });
}

const std::string head = "schema = 1\nname = \"x\"\n";

TEST(Profile, EveryProfileOfTheSourceTreeReads) {
  std::vector<std::string> names;
  for (const auto& p : profiles().all()) names.push_back(p.name);
  EXPECT_THAT(names, testing::IsSupersetOf({"spitzer-irac", "spitzer-mips", "hst-acs", "jwst", "decam-cutout", "swarp-like", "generic", "lsst-exposure"}));
}

TEST(Profile, TheIracPatternIsTheOneUsedForTheseData) {
  std::uint32_t fatal = 0;
  for (const auto& b : profiles().named("spitzer-irac").mask_bits)
    if (b.fatal) fatal |= 1u << b.bit;
  EXPECT_EQ(fatal, 32520u);
}

TEST(Profile, AnUnknownKeyIsRefusedWithItsLineAndTheNearestOne) {
  EXPECT_THAT(refusal(head + "[planes]\nprimry = \"*\"\n"), HasSubstr("p.toml:4: unknown key 'primry' in planes; did you mean 'primary'?"));
  EXPECT_THAT(refusal(head + "colour = 3\n"), HasSubstr("p.toml:3: unknown key 'colour'"));
  EXPECT_THAT(refusal(head + "[cards]\nexposre = \"EXPTIME\"\n"), HasSubstr("did you mean 'exposure'?"));
  EXPECT_THAT(refusal(head + "[[mask_bits]]\nbit = 1\nname = \"a\"\nfatl = true\n"), HasSubstr("p.toml:6: unknown key 'fatl' in mask_bits"));
}

TEST(Profile, WrongValuesAreRefusedWithTheirLine) {
  EXPECT_THAT(refusal("schema = 2\nname = \"x\"\n"), HasSubstr("p.toml:1: 'schema' must be a whole number from 1 to 1"));
  EXPECT_THAT(refusal("name = \"x\"\n"), HasSubstr("'schema = 1' is missing"));
  EXPECT_THAT(refusal("schema = 1\n"), HasSubstr("'name' is missing"));
  EXPECT_THAT(refusal("schema = 1\nname = x\n"), HasSubstr("p.toml:2: not valid TOML"));
  EXPECT_THAT(refusal(head + "title = 4\n"), HasSubstr("p.toml:3: 'title' must be a text"));
  EXPECT_THAT(refusal(head + "[[mask_bits]]\nbit = 32\nname = \"a\"\n"), HasSubstr("p.toml:4: 'bit' must be a whole number from 0 to 31"));
  EXPECT_THAT(refusal(head + "[[mask_bits]]\nbit = 1\nname = \"a\"\n[[mask_bits]]\nbit = 1\nname = \"b\"\n"), HasSubstr("there twice"));
  EXPECT_THAT(refusal(head + "[[mask_bits]]\nbit = 1\nname = \"12\"\n"), HasSubstr("not a number"));
  EXPECT_THAT(refusal(head + "[planes.uncertainty]\nhdu = \"ERR\"\n"), HasSubstr("needs 'kind'"));
  EXPECT_THAT(refusal(head + "[planes.uncertainty]\nhdu = \"ERR\"\nkind = \"rms\"\n"), HasSubstr("p.toml:5: 'kind' is 'rms'; known: sigma, variance, weight, inverse_variance"));
  EXPECT_THAT(refusal(head + "[planes.uncertainty]\nhdu = [\"A\", \"B\"]\nkind = \"sigma\"\n"), HasSubstr("add up only when"));
  EXPECT_THAT(refusal(head + "[planes.mask]\ncompanion = [\"a\"]\n"), HasSubstr("pair"));
  EXPECT_THAT(refusal(head + "[planes]\nrequired = \"mask\"\n"), HasSubstr("no planes.mask"));
  EXPECT_THAT(refusal(head + "[defaults]\nmethod = \"area\"\n"), HasSubstr("section.option"));
}

TEST(Profile, CompanionsFollowFromTheName) {
  const auto& irac = profiles().named("spitzer-irac");
  const auto sigma = irac.companions(irac.uncertainty[0], "a b/X_cbcd.fits");
  ASSERT_FALSE(sigma.empty());
  EXPECT_EQ(sigma.front(), "a b/X_cbunc.fits");
  EXPECT_EQ(irac.companions(irac.uncertainty[0], "d/X_cbcd.fits.gz").front(), "d/X_cbunc.fits.gz");
  EXPECT_TRUE(irac.companions(irac.uncertainty[0], "d/X_cbcd.fits.old").empty());
  const auto& decam = profiles().named("decam-cutout");
  EXPECT_EQ(decam.companions(decam.mask[0], "d/c4d_1_ooi_r_ls9.N12.fits").front(), "d/c4d_1_ood_r_ls9.N12.fits");
}

TEST(Profile, TheFolderOfTheSourceTreeOrOfTheEnvironmentIsUsed) {
  TemporaryFolder folder;
  setenv("XDG_CONFIG_HOME", folder.path().c_str(), 1);
  unsetenv("TESSERA_PROFILES");
  ASSERT_EQ(ProfileSet::default_folders().size(), 1u);
  EXPECT_TRUE(fs::exists(ProfileSet::default_folders()[0] / "generic.toml"));
  fs::create_directories(folder / "tessera/profiles");
  EXPECT_EQ(ProfileSet::default_folders().size(), 2u);
  setenv("TESSERA_PROFILES", (folder / "none").c_str(), 1);
  EXPECT_THAT(message_of<UsageError>([] { ProfileSet::load(ProfileSet::default_folders()); }), HasSubstr("none"));
  unsetenv("TESSERA_PROFILES");
  unsetenv("XDG_CONFIG_HOME");
}

struct Folders : testing::Test {
  TemporaryFolder folder;
  fs::path write(const std::string& sub, const std::string& name, const std::string& toml) {
    fs::create_directories(folder / sub);
    std::ofstream{folder / sub / name} << toml;
    return folder / sub;
  }
};

TEST_F(Folders, AUsersProfileReplacesOneOfItsName) {
  write("a", "g.toml", head + "title = \"first\"\n");
  write("b", "other.toml", head + "title = \"second\"\n");
  const auto set = ProfileSet::load({folder / "a", folder / "b"});
  ASSERT_EQ(set.all().size(), 1u);
  EXPECT_EQ(set.named("x").title, "second");
}

TEST_F(Folders, TwoProfilesOfOneNameInOneFolderAreRefused) {
  write("a", "1.toml", head);
  write("a", "2.toml", head);
  EXPECT_THAT(message_of<UsageError>([&] { ProfileSet::load({folder / "a"}); }), testing::AllOf(HasSubstr("1.toml"), HasSubstr("2.toml")));
}

TEST_F(Folders, TwoEqualMatchesAreAnErrorThatListsBoth) {
  write("a", "1.toml", "schema = 1\nname = \"one\"\npriority = 5\n[match]\nTELESCOP = \"K*\"\n");
  write("a", "2.toml", "schema = 1\nname = \"two\"\npriority = 5\n[match]\nTELESCOP = \"*CK\"\n");
  write("a", "3.toml", "schema = 1\nname = \"low\"\n");
  const auto set = ProfileSet::load({folder / "a"});
  auto frame = test::sky_image(4, 4, 1);
  frame.text("TELESCOP", "Keck");
  test::write_fits(folder / "f.fits", {frame});
  const std::string message = message_of<DataError>([&] { set.match(io::FitsFile{folder / "f.fits"}); });
  EXPECT_THAT(message, testing::AllOf(HasSubstr("'one'"), HasSubstr("'two'"), HasSubstr("f.fits")));
  auto other = test::sky_image(4, 4, 1);
  other.text("TELESCOP", "Kitt");
  test::write_fits(folder / "k.fits", {other});
  EXPECT_EQ(set.match(io::FitsFile{folder / "k.fits"}).name, "one");
  test::write_fits(folder / "n.fits", {test::sky_image(4, 4, 1)});
  EXPECT_EQ(set.match(io::FitsFile{folder / "n.fits"}).name, "low");
}

TEST(Bits, AreReadAsNumberHexOrNames) {
  const auto& irac = profiles().named("spitzer-irac");
  EXPECT_EQ(parse_bits("32520", irac), 32520u);
  EXPECT_EQ(parse_bits("0x7F08", irac), 32520u);
  EXPECT_EQ(parse_bits("radhit,latent", irac), 0x600u);
  EXPECT_EQ(parse_bits(" Radhit , 8 ", irac), 0x208u);
  EXPECT_EQ(parse_bits("none", irac), 0u);
  EXPECT_EQ(parse_bits("4294967295", irac), 0xffffffffu);
  EXPECT_EQ(parse_bits("reference_pixel", profiles().named("jwst")), 0x80000000u);
}

TEST(Bits, UnknownOnesAreRefusedWithTheNamesThereAre) {
  const auto& irac = profiles().named("spitzer-irac");
  EXPECT_THAT(message_of<UsageError>([&] { parse_bits("radhits", irac); }), HasSubstr("did you mean 'radhit'?"));
  EXPECT_THAT(message_of<UsageError>([&] { parse_bits("zzzzzzzzzz", irac); }), testing::AllOf(HasSubstr("there are: "), HasSubstr("latent")));
  for (const char* bad : {"-1", "4294967296", "0x", "0x1FFFFFFFF", "0xZ", "3.5", ""}) EXPECT_THROW(parse_bits(bad, irac), UsageError) << bad;
  EXPECT_THAT(message_of<UsageError>([&] { parse_bits("hot", profiles().named("generic")); }), HasSubstr("names no bits"));
}

}  // namespace
}  // namespace tessera::instrument
