#include "tessera/extraction/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>

#include "tessera/base/text.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::extraction {
namespace {

constexpr std::size_t bits = 32;
constexpr double least_core = 0.75;  // pixels: the pixel that a source lies in is one of them

struct Counts {
  std::array<std::int32_t, bits> of{};
  std::int32_t saturated = 0;
};

std::uint32_t saturation_bits(const instrument::FrameFile& file) {
  std::uint32_t all = 0;
  for (const auto& bit : file.mask_bits)
    if (text::lower(bit.name).find("satur") != std::string::npos) all |= 1U << static_cast<unsigned>(bit.bit);
  return all;
}

/// `counts`: by the place of a source in `sources`. They are whole numbers, so that frames may be added in any order.
void count_on(const joint_fit::FitImage& image, std::size_t number, std::span<const joint_fit::Source> sources, const joint_fit::SourceLists& lists, int window, std::vector<Counts>& counts, std::mutex& mutex) {
  const auto mask = instrument::read_mask(*image.file, image.file->box());
  const std::uint32_t saturation = saturation_bits(*image.file);
  const double core = std::max(least_core, 0.5 * image.psf->tables().front().fwhm_pix());
  lists.for_sights(number, [&](const joint_fit::Source& source, const photometry::Sight& sight) {
    const auto now = joint_fit::moved(sight, source.u, source.v);
    const int cx = static_cast<int>(std::lround(now.x)), cy = static_cast<int>(std::lround(now.y));
    const int half_x = source.side_x(window) / 2, half_y = source.side_y(window) / 2;
    const Box box = intersection(mask.box(), {cx - half_x, cy - half_y, cx + half_x + 1, cy + half_y + 1});
    Counts here;
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const std::uint32_t m = mask(x, y);
        if (m == 0) continue;
        for (std::size_t b = 0; b < bits; ++b) here.of[b] += static_cast<std::int32_t>(m >> b & 1U);
        if ((m & saturation) != 0 && std::hypot(x - now.x, y - now.y) <= core) ++here.saturated;
      }
    for (const auto& [x, y] : image.saturated)
      if (box.contains(x, y) && (mask(x, y) & saturation) == 0 && std::hypot(x - now.x, y - now.y) <= core) ++here.saturated;
    const std::scoped_lock lock{mutex};
    Counts& all = counts[static_cast<std::size_t>(&source - sources.data())];
    for (std::size_t b = 0; b < bits; ++b) all.of[b] += here.of[b];
    all.saturated += here.saturated;
  });
}

}  // namespace

catalog::ColumnSet count_flags(std::span<const joint_fit::FitImage> images, std::span<const joint_fit::Source> sources, int window, run::Context& context) {
  std::vector<Counts> counts(sources.size());
  const joint_fit::SourceLists lists{images.size(), sources};
  std::mutex mutex;
  context.stage("counting flags", static_cast<std::int64_t>(images.size()));
  context.pool().for_each(static_cast<std::int64_t>(images.size()), [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    count_on(images[i], i, sources, lists, window, counts, mutex);
    context.step();
  });
  catalog::ColumnSet columns;
  const auto put = [&](const std::string& name, auto value) {
    std::vector<std::int64_t> v;
    for (const Counts& c : counts) v.push_back(value(c));
    columns.wholes(name, std::move(v));
  };
  put("flags", [](const Counts& c) {
    std::int64_t all = 0;
    for (std::size_t b = 0; b < bits; ++b)
      if (c.of[b] > 0) all |= std::int64_t{1} << b;
    return all;
  });
  put("saturated", [](const Counts& c) { return c.saturated; });
  for (std::size_t b = 0; b < bits; ++b)
    if (std::ranges::any_of(counts, [b](const Counts& c) { return c.of[b] > 0; })) put(fmt::format("flag_{}", b), [b](const Counts& c) { return c.of[b]; });
  return columns;
}

}  // namespace tessera::extraction
