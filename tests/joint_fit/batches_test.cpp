#include "tessera/joint_fit/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <unistd.h>

namespace tessera::joint_fit {
namespace {

/// Images of 300², each shifted a little, that all see 400 sources.
struct Field {
  Field() {
    std::mt19937 random{7};
    std::uniform_real_distribution<double> place{5, 290};
    for (int k = 0; k < 4; ++k) {
      images.emplace_back().value = Image<float>{300, 300};
      images.back().psf = &psf;
    }
    for (int i = 0; i < 400; ++i) {
      Source& s = sources.emplace_back();
      s.ref_x = place(random), s.ref_y = place(random), s.flux = 10;
      for (int k = 0; k < 4; ++k) s.sights.push_back({.frame = k, .x = s.ref_x + k, .y = s.ref_y - k});
      blocks.emplace_back().own = {i};
      todo.push_back(static_cast<std::size_t>(i));
    }
    options.fit.window = 9;
  }
  psf::PsfModel psf = psf::PsfModel::analytic({.fwhm_pix = 2});
  std::vector<FitImage> images;
  std::vector<Source> sources;
  std::vector<Block> blocks;
  std::vector<std::size_t> todo;
  BlockOptions options;
};

TEST(Batches, HoldEveryBlockOnceAndStayBelowTheirBytes) {
  const Field f;
  for (const std::int64_t bytes : {200'000, 2'000'000, 100'000'000}) {
    const auto batches = batches_of(f.images, f.sources, f.blocks, f.todo, f.options, bytes);
    std::vector<std::size_t> seen;
    std::int64_t all = 0;
    for (const auto& batch : batches) {
      seen.insert(seen.end(), batch.begin(), batch.end());
      std::int64_t pixels = 0;
      for (const Box& box : windows_of(f.images, f.sources, f.blocks, batch, f.options)) pixels += box.area();
      EXPECT_LE(17 * pixels, bytes);
      all += pixels;
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, f.todo);
    EXPECT_LT(all, 4 * 300 * 300 * 3) << "pixels are read again and again";
    EXPECT_EQ(batches.size() == 1, bytes == 100'000'000);
  }
}

TEST(Batches, ABlockLargerThanTheBytesIsABatchOfItsOwn) {
  const Field f;
  EXPECT_EQ(batches_of(f.images, f.sources, f.blocks, f.todo, f.options, 1).size(), f.blocks.size());
}

TEST(Batches, BlocksFarApartAreNotReadWithAllThatLiesBetween) {
  const Field f;
  std::vector<std::size_t> todo;
  for (std::size_t b = 0; b < f.blocks.size(); b += 40) todo.push_back(b);
  std::int64_t pixels = 0;
  for (const auto& batch : batches_of(f.images, f.sources, f.blocks, todo, f.options, 100'000'000))
    for (const Box& box : windows_of(f.images, f.sources, f.blocks, batch, f.options)) pixels += box.area();
  EXPECT_LT(pixels, 4 * 300 * 300 / 2);
}

TEST(StoredImage, GivesWindowsAsMemoryDoes) {
  std::mt19937 random{2};
  std::normal_distribution<float> normal;
  FitImage image;
  image.value = Image<float>{37, 21}, image.variance = Image<float>{37, 21}, image.good = Image<std::uint8_t>{37, 21}, image.photons = Image<float>{Box{0, 0, 37, 21}, 0.25F};
  for (int y = 0; y < 21; ++y)
    for (int x = 0; x < 37; ++x)
      if ((x + y) % 5) image.good(x, y) = 1, image.value(x, y) = normal(random), image.variance(x, y) = 0.1F + std::abs(normal(random));
  instrument::FrameFile file;
  file.width = 37, file.height = 21;
  FitImage on_disk = image.window(image.box());
  image.file = on_disk.file = &file;
  const auto path = std::filesystem::temp_directory_path() / ("tessera-stored-" + std::to_string(::getpid()));
  on_disk.store(std::make_shared<const run::ScratchFile>(path, "pixels"), 1000);
  std::filesystem::remove(path);
  EXPECT_TRUE(on_disk.value.empty());
  EXPECT_EQ(on_disk.box(), image.box());
  for (const Box part : {Box{0, 0, 37, 21}, Box{3, 7, 20, 9}, Box{36, 20, 37, 21}}) {
    const FitImage a = image.window(part), b = on_disk.window(part);
    ASSERT_EQ(a.box(), part);
    ASSERT_EQ(b.box(), part);
    EXPECT_TRUE(std::ranges::equal(a.value.pixels(), b.value.pixels()));
    EXPECT_TRUE(std::ranges::equal(a.variance.pixels(), b.variance.pixels()));
    EXPECT_TRUE(std::ranges::equal(a.good.pixels(), b.good.pixels()));
    EXPECT_TRUE(std::ranges::equal(a.photons.pixels(), b.photons.pixels()));
  }
}

}  // namespace
}  // namespace tessera::joint_fit
