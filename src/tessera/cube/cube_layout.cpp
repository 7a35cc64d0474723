#include "tessera/cube/cube_layout.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "tessera/base/version.h"
#include "tessera/io/array_columns.h"

namespace tessera::cube {
namespace {

std::string method_name(const reproject::InterpolationOptions& options) {
  param::Schema<reproject::InterpolationOptions> schema;
  describe(schema);
  const auto fields = std::move(schema).fields();
  return fields.front().get(&options);
}

double rotation(const Card& card) { return std::get<double>(card.value) * std::numbers::pi / 180; }

/// Three axes, the last by the table WCS-WAVE; `letter`: of an alternate WCS, or "".
void add_axes(Header& h, const CubePlan& plan, const std::string& letter) {
  const Header grid = plan.setting.grid.header();
  h.set("WCSAXES" + letter, std::int64_t{3});
  const auto& g = plan.setting.grid;
  for (const auto& card : grid.cards()) {
    if (card.key.starts_with("NAXIS") || card.key == "WCSAXES") continue;
    if (letter.empty() || card.key != "CROTA2") h.set(card.key + letter, card.value, card.comment);
    else h.set("PC1_1" + letter, std::cos(rotation(card))), h.set("PC1_2" + letter, -std::sin(rotation(card)) * g.cdelt2_deg / g.cdelt1_deg), h.set("PC2_1" + letter, std::sin(rotation(card)) * g.cdelt1_deg / g.cdelt2_deg), h.set("PC2_2" + letter, std::cos(rotation(card)));  // CROTA is for the first WCS alone
  }
  const auto key = [&](const char* name) { return name + letter; };
  h.set(key("CTYPE3"), std::string{"WAVE-TAB"}, "wavelength by the table WCS-WAVE");
  h.set(key("CUNIT3"), std::string{"um"});
  h.set(key("CRPIX3"), 1.0), h.set(key("CRVAL3"), 1.0, "of PLANE"), h.set(key("CDELT3"), 1.0);
  h.set(key("PS3_0"), std::string{"WCS-WAVE"}, "table"), h.set(key("PS3_1"), std::string{"WAVELENGTHS"}, "its column of coordinates"), h.set(key("PS3_2"), std::string{"PLANE"}, "its column of indices");
  h.set(key("PV3_1"), std::int64_t{1}, "EXTVER"), h.set(key("PV3_2"), std::int64_t{1}, "EXTLEVEL"), h.set(key("PV3_3"), std::int64_t{1}, "axis of the table");
}

Header axes(const CubePlan& plan, const CubeOptions& options, const std::string& unit) {
  Header h;
  if (options.product.axis == WaveAxis::table) {
    add_axes(h, plan, "");
  } else {
    h.set("WCSAXES", std::int64_t{3});
    const Header grid = plan.setting.grid.header();
    for (const auto& card : grid.cards())
      if (!card.key.starts_with("NAXIS") && card.key != "WCSAXES") h.add(card);
    h.set("CTYPE3", std::string{"PLANE"}, "number of the plane; wavelengths: WCS W"), h.set("CRPIX3", 1.0), h.set("CRVAL3", 1.0), h.set("CDELT3", 1.0);
    add_axes(h, plan, "W");
  }
  if (!unit.empty()) h.set("BUNIT", unit);
  return h;
}

}  // namespace

Header primary_header(const CubePlan& plan, const CubeOptions& options) {
  Header h;
  h.set("ORIGIN", std::string{"tessera"}), h.set("TELESCOP", std::string{"SPHEREx"});
  h.set("NFRAMES", static_cast<std::int64_t>(plan.frames.size()), "spectral images in the cube");
  h.set("ZODISUB", options.coadd.zodi == Zodi::subtract, "ZODI was subtracted");
  h.set("RESAMPLE", method_name(options.interpolation), "method of interpolation");
  h.set("MATCHED", options.coadd.match, "levels of exposures were matched");
  h.set("CLIP", options.coadd.clip, "[sigma] values further out are left out; 0: none");
  h.set("HITFRAC", options.coadd.hit_fraction, "NHITS counts exposures that cover more");
  h.set("PIXSCALE", options.target.pixel_arcsec, "[arcsec] side of a pixel");
  return h;
}

std::vector<io::CubeHdu> cube_hdus(const CubePlan& plan, const CubeOptions& options) {
  using enum io::CubeHdu::Pixels;
  std::vector<io::CubeHdu> hdus{{"IMAGE", real, axes(plan, options, "MJy/sr")},
                                {"VARIANCE", real, axes(plan, options, "MJy2/sr2")},
                                {"WEIGHT", real, axes(plan, options, "sr2/MJy2")},
                                {"NHITS", integer, axes(plan, options, "")},
                                {"FLAGS", integer, axes(plan, options, "")}};
  hdus[image_hdu].cards.add_comment("NaN: no data.");
  hdus[variance_hdu].cards.add_comment("Of each pixel; neighbours are correlated by the resampling.");
  hdus[weight_hdu].cards.add_comment("Sum of weights: covered part of the pixel over the median VARIANCE of the strip.");
  for (const auto& flag : spherex::flags())
    if (flag.bit < 32 && spherex::mosaic_reported() >> flag.bit & 1) hdus[flags_hdu].cards.set("MP_" + std::string{flag.name}, std::int64_t{flag.bit}, std::string{flag.text}.substr(0, 40));
  if (options.coadd.wave_eff) hdus.push_back({"WAVE_EFF", real, axes(plan, options, "um")});
  return hdus;
}

std::vector<Table> cube_tables(const CubePlan& plan) {
  const auto column = [&]<class T>(auto member) {
    std::vector<T> values;
    for (const auto& p : plan.planes) values.push_back(static_cast<T>(p.channel.*member));
    return values;
  };
  using C = spherex::Channel;
  std::vector<std::int32_t> plane, frames;
  for (std::size_t i = 0; i < plan.planes.size(); ++i) plane.push_back(static_cast<std::int32_t>(i + 1)), frames.push_back(static_cast<std::int32_t>(plan.exposures[i]));
  const auto centres = column.operator()<double>(&C::centre_um), widths = column.operator()<double>(&C::width_um);
  Table channels;
  channels.name = "SPECTRAL_CHANNELS";
  channels.add("PLANE", plane, "", "plane of the cube, from 1");
  std::vector<std::string> names;
  for (const auto& p : plan.planes) names.push_back(p.name);
  channels.add("NAME", names);
  channels.add("CHANNEL", column.operator()<std::int32_t>(&C::channel), "", "17 (DETECTOR - 1) + SUBCHAN; 0: a synthetic band");
  channels.add("DETECTOR", column.operator()<std::int32_t>(&C::detector));
  channels.add("SUBCHAN", column.operator()<std::int32_t>(&C::strip));
  channels.add("WAVELENGTH", centres, "um");
  channels.add("WL_MIN", column.operator()<double>(&C::min_um), "um");
  channels.add("WL_MAX", column.operator()<double>(&C::max_um), "um");
  channels.add("R", column.operator()<double>(&C::resolving_power));
  channels.add("BANDWIDTH", widths, "um");
  channels.add("NFRAMES", frames, "", "strips of exposures on the target");
  const auto planes = static_cast<std::int64_t>(plan.planes.size());
  Table wave;
  wave.name = "WCS-WAVE";
  io::add_array(wave, {.name = "PLANE", .shape = {planes}}, plane);
  io::add_array(wave, {.name = "WAVELENGTHS", .shape = {1, planes}, .unit = "um"}, centres);
  io::add_array(wave, {.name = "BANDWIDTHS", .shape = {1, planes}, .unit = "um"}, widths);
  return {channels, wave};
}

Table exposure_table(const CubePlan& plan) {
  std::vector<std::string> file, observation;
  std::vector<std::int32_t> detector, channel;
  std::vector<double> mjd, weight, offset;
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) {
      file.push_back(f.frame.path().filename().string()), observation.push_back(f.frame.observation());
      detector.push_back(f.frame.detector()), channel.push_back(use.channel);
      mjd.push_back(f.frame.mjd()), weight.push_back(use.weight), offset.push_back(use.offset);
    }
  Table t;
  t.name = "exposures";
  t.add("file", file), t.add("obsid", observation), t.add("detector", detector), t.add("channel", channel, "", "17 (detector - 1) + strip");
  t.add("mjd", mjd, "d", "middle of the exposure"), t.add("weight", weight, "sr2/MJy2", "1 / median VARIANCE of the strip");
  t.add("offset", offset, "MJy/sr", "subtracted from the strip");
  for (const auto& l : plan.left_out) t.comments.push_back(fmt::format("left out: {}: {}", l.path, l.reason));
  return t;
}

}  // namespace tessera::cube
