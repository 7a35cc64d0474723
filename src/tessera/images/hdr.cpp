#include "tessera/images/hdr.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/fits.h"

namespace tessera::images {
namespace {

namespace fs = std::filesystem;

constexpr double one_length = 1.05;

/// Each plane of a frame must be the only image of its file: the rest of a file could not be carried over.
void refuse_several_images(const instrument::FrameFile& frame) {
  for (const auto* plane : {&frame.image, frame.uncertainty ? &*frame.uncertainty : nullptr, frame.mask ? &*frame.mask : nullptr}) {
    if (!plane) continue;
    if (io::FitsFile{plane->path}.hdus().size() == 1) continue;
    throw DataError{fmt::format("{}: has several HDUs; hdr takes frames whose image, uncertainty and mask are files of one image each (as Spitzer's are)", plane->path.string())};
  }
}

/// A frame's planes as they are in its files, and what is good and saturated of it.
struct Raw {
  Image<float> value, uncertainty;
  Image<std::uint32_t> mask;
  Image<std::uint8_t> good, saturated;
};

Raw read_raw(const instrument::FrameFile& frame, const HdrOptions& options) {
  Raw raw;
  raw.value = io::FitsFile{frame.image.path}.read_float(frame.image.hdu);
  if (frame.uncertainty) raw.uncertainty = io::FitsFile{frame.uncertainty->path}.read_float(frame.uncertainty->hdu);
  if (frame.mask) raw.mask = io::FitsFile{frame.mask->path}.read_bits(frame.mask->hdu);
  raw.good = std::move(instrument::read_frame(frame, frame.box()).good);
  raw.saturated.reset(frame.box());
  const auto bits = frame.mask ? instrument::parse_bits(options.bits, frame.mask_bits, frame.profile->name) : 0;
  const auto mask = instrument::read_mask(frame, frame.box());
  for (std::size_t i = 0; i < raw.saturated.pixels().size(); ++i) {
    const bool bright = options.level > 0 && static_cast<double>(raw.value.pixels()[i]) >= options.level;
    raw.saturated.pixels()[i] = (mask.pixels()[i] & bits) != 0 || bright;
    if (bright) raw.good.pixels()[i] = 0;
  }
  return raw;
}

/// Takes pixel i of `from` into `to`; `ratio` turns its numbers into those of the other frame.
void take(const Raw& from, Raw& to, std::size_t i, double ratio, instrument::NoiseKind noise) {
  to.value.pixels()[i] = static_cast<float>(static_cast<double>(from.value.pixels()[i]) * ratio);
  if (!to.uncertainty.empty() && !from.uncertainty.empty()) {
    using enum instrument::NoiseKind;
    const double factor = noise == sigma ? ratio : noise == variance ? ratio * ratio : 1 / (ratio * ratio);
    to.uncertainty.pixels()[i] = static_cast<float>(static_cast<double>(from.uncertainty.pixels()[i]) * factor);
  }
  if (!to.mask.empty() && !from.mask.empty()) to.mask.pixels()[i] = from.mask.pixels()[i];
}

/// The name a file is written under: compression is not kept.
std::string plain_name(const fs::path& path) {
  return path.extension() == ".gz" || path.extension() == ".fz" ? path.stem().string() : path.filename().string();
}

template <class T>
void write_plane(const fs::path& source, const fs::path& out, std::int64_t replaced, View<const T> pixels) {
  Header header = io::FitsFile{source}.header(0);
  for (const char* key : {"BZERO", "BSCALE", "BLANK"}) header.remove(key);
  header.set("HDRNPIX", replaced, "saturated pixels taken from shorter exposures");
  io::FitsWriter writer{out / plain_name(source)};
  writer.add_image("", header, pixels);
  writer.close();
}

Image<std::int32_t> signed_mask(const Image<std::uint32_t>& mask) {
  Image<std::int32_t> copy{mask.box()};
  std::transform(mask.pixels().begin(), mask.pixels().end(), copy.pixels().begin(), [](std::uint32_t v) { return static_cast<std::int32_t>(v); });
  return copy;
}

/// Fills the saturated pixels of a set's longest frame from the others, the longer ones first, and writes it.
HdrCount write_set(const std::vector<instrument::FrameFile>& frames, const HdrSet& set, const HdrOptions& options, const fs::path& out) {
  const auto& longest = frames[set.frames.front()];
  Raw raw = read_raw(longest, options);
  HdrCount count{1, std::count(raw.saturated.pixels().begin(), raw.saturated.pixels().end(), 1), 0};
  std::vector<std::uint8_t> waiting(raw.saturated.pixels().begin(), raw.saturated.pixels().end());
  for (std::size_t k = 1; k < set.frames.size() && count.replaced < count.saturated; ++k) {
    const auto& other = frames[set.frames[k]];
    const Raw from = read_raw(other, options);
    const double ratio = other.unit_factor / longest.unit_factor;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (!waiting[i] || !from.good.pixels()[i] || from.saturated.pixels()[i]) continue;
      take(from, raw, i, ratio, longest.noise);
      waiting[i] = 0;
      ++count.replaced;
    }
  }
  write_plane(longest.image.path, out, count.replaced, std::as_const(raw.value).view());
  if (longest.uncertainty) write_plane(longest.uncertainty->path, out, count.replaced, std::as_const(raw.uncertainty).view());
  if (longest.mask) {
    const auto mask = signed_mask(raw.mask);
    write_plane(longest.mask->path, out, count.replaced, mask.view());
  }
  return count;
}

std::vector<std::string> class_names(std::size_t classes) {
  if (classes == 1) return {"long"};
  if (classes == 2) return {"short", "long"};
  if (classes == 3) return {"short", "medium", "long"};
  std::vector<std::string> names;
  for (std::size_t k = 1; k <= classes; ++k) names.push_back(fmt::format("exposure{}", k));
  return names;
}

void write_lists(const std::vector<instrument::FrameFile>& frames, const std::vector<double>& classes, const std::vector<std::string>& corrected, const fs::path& out) {
  const auto names = class_names(classes.size());
  std::vector<std::string> lists(classes.size());
  for (const auto& frame : frames) lists[exposure_class(classes, frame.exposure_s)] += fs::absolute(frame.image.path).string() + "\n";
  for (std::size_t k = 0; k < lists.size(); ++k) files::write_atomic(out / (names[k] + ".txt"), lists[k]);
  std::string all;
  for (const auto& name : corrected) all += fs::absolute(out / name).string() + "\n";
  files::write_atomic(out / "hdr.txt", all);
}

void refuse_what_cannot_be(const std::vector<instrument::FrameFile>& frames, const HdrOptions& options) {
  for (const auto& frame : frames) {
    if (!(frame.exposure_s > 0)) throw DataError{fmt::format("{}: no exposure time in its header; hdr cannot tell long from short", frame.label())};
    if (!frame.mask && !(options.level > 0))
      throw DataError{fmt::format("{}: has no mask that tells saturated pixels; give their value as hdr.level", frame.label())};
    if (frame.mask) instrument::parse_bits(options.bits, frame.mask_bits, frame.profile->name);
  }
}

}  // namespace

void describe(param::Schema<HdrOptions>& s) {
  s.field(&HdrOptions::bits, "bits", "Mask bits of saturated pixels: a number, or names of the profile joined by commas.").placeholder("BITS");
  s.field(&HdrOptions::level, "level", "Pixels of this value or more are saturated too; 0: those of hdr.bits alone.").unit("input unit").at_least(0);
  s.field(&HdrOptions::tolerance, "tolerance", "Frames whose centres and corners are this close show one pointing.").unit("pixel").range(0, 100);
}

std::vector<double> exposure_classes(const std::vector<instrument::FrameFile>& frames) {
  std::vector<double> all, classes;
  for (const auto& frame : frames) all.push_back(frame.exposure_s);
  std::sort(all.begin(), all.end());
  for (const double t : all)
    if (classes.empty() || t > one_length * classes.back()) classes.push_back(t);
  return classes;
}

std::size_t exposure_class(const std::vector<double>& classes, double exposure_s) {
  return static_cast<std::size_t>(std::upper_bound(classes.begin(), classes.end(), exposure_s) - classes.begin()) - 1;
}

std::vector<HdrSet> hdr_sets(const std::vector<instrument::FrameFile>& frames, double tolerance) {
  const auto classes = exposure_classes(frames);
  std::vector<std::size_t> length;
  std::vector<wcs::SkyPoint> middle;
  for (const auto& f : frames) {
    length.push_back(exposure_class(classes, f.exposure_s));
    middle.push_back(f.wcs.pixel_to_sky({(f.width - 1) / 2.0, (f.height - 1) / 2.0}));
  }
  const auto one_pointing = [&](std::size_t a, std::size_t b) {
    const auto& f = frames[a];
    if (f.box() != frames[b].box() || f.hdu_label != frames[b].hdu_label || std::abs(middle[a].dec_deg - middle[b].dec_deg) > 0.1) return false;
    for (const wcs::PixelPoint p : {wcs::PixelPoint{(f.width - 1) / 2.0, (f.height - 1) / 2.0}, wcs::PixelPoint{f.width - 1.0, f.height - 1.0}}) {
      const auto q = f.wcs.sky_to_pixel(frames[b].wcs.pixel_to_sky(p));
      if (!(std::hypot(q.x - p.x, q.y - p.y) <= tolerance)) return false;
    }
    return true;
  };
  std::vector<HdrSet> sets;
  for (std::size_t a = 0; a < frames.size(); ++a) {
    std::map<std::size_t, std::size_t> nearest;  // length → frame
    bool longest = true;
    for (std::size_t b = 0; b < frames.size(); ++b) {
      if (b == a || length[b] == length[a] || !one_pointing(a, b)) continue;
      if (length[b] > length[a]) longest = false;
      const auto apart = [&](std::size_t f) { return std::abs(frames[f].mjd_begin - frames[a].mjd_begin); };
      if (const auto found = nearest.find(length[b]); found == nearest.end() || apart(b) < apart(found->second)) nearest[length[b]] = b;
    }
    if (!longest || nearest.empty()) continue;
    HdrSet set{{a}};
    for (auto it = nearest.rbegin(); it != nearest.rend(); ++it) set.frames.push_back(it->second);
    sets.push_back(std::move(set));
  }
  return sets;
}

HdrCount write_hdr(const std::vector<instrument::FrameFile>& frames, const HdrOptions& options, const fs::path& out, run::Context& context) {
  refuse_what_cannot_be(frames, options);
  auto sets = hdr_sets(frames, options.tolerance);
  if (sets.empty()) throw DataError{fmt::format("no two of the {} frames show one pointing (to {} pixels) in different exposure times; see hdr.tolerance", frames.size(), options.tolerance)};
  std::vector<std::string> names;
  std::set<std::string> unique;
  for (const auto& set : sets) {
    for (const auto f : set.frames) refuse_several_images(frames[f]);
    names.push_back(plain_name(frames[set.frames.front()].image.path));
    if (!unique.insert(names.back()).second) throw DataError{fmt::format("{}: two long frames have this name; work on one folder at a time", names.back())};
  }
  std::vector<HdrCount> counts(sets.size());
  context.stage("replacing saturated pixels", static_cast<std::int64_t>(sets.size()));
  context.pool().for_each(static_cast<std::int64_t>(sets.size()), [&](std::int64_t i) {
    counts[static_cast<std::size_t>(i)] = write_set(frames, sets[static_cast<std::size_t>(i)], options, out);
    context.step();
  });
  write_lists(frames, exposure_classes(frames), names, out);
  HdrCount sum;
  for (const auto& c : counts) sum.sets += c.sets, sum.saturated += c.saturated, sum.replaced += c.replaced;
  return sum;
}

}  // namespace tessera::images
