#include "tessera/simulate_spherex/frame_file.h"

#include <fmt/format.h>

#include "tessera/io/fits.h"
#include "tessera/simulate_spherex/frame_cards.h"
#include "tessera/simulate_spherex/wave_and_psf.h"

namespace tessera::simulate_spherex {
namespace {

Header unit_cards(const Scene& scene, FrameKey key, const char* unit, const char* words) {
  Header h;
  h.set("EXTTYPE", std::string{"IMAGE"}, "Extension supports mask overlay");
  h.set("BUNIT", std::string{unit}, words);
  const Header shared = shared_cards(scene, key);
  for (const auto& card : shared.cards()) h.set(card.key, card.value, card.comment);
  return h;
}

}  // namespace

std::string pipeline_version(const SurveyOptions& o) {
  if (o.layout == FileLayout::epsf) return "7.0.1";
  return o.psf_cards == PsfCards::exchanged ? "6.5.4" : "6.5.5+psffix1";
}

std::string file_name(const Scene& scene, FrameKey key) {
  const auto& e = scene.exposures[key.exposure];
  const auto [year, day] = year_day(e.mjd + 40);  // processed weeks later
  const int version = scene.options.survey.layout == FileLayout::epsf ? 30 : 20;
  return fmt::format("level2_{}D{}_spx_l2b-v{}-{}-{:03}.fits", e.observation(), scene.detectors[key.detector]->detector.number(), version, year, day);
}

Header place_cards(const Scene& scene, FrameKey key) { return shared_cards(scene, key); }

void write_frame(const std::filesystem::path& path, const Scene& scene, FrameKey key, const Planes& p) {
  const auto& o = scene.options.survey;
  const auto& state = *scene.detectors[key.detector];
  using Compression = io::FitsWriter::Compression;
  io::FitsWriter writer{path};
  Header primary;
  primary.set("TELESCOP", std::string{"SPHEREx"}, "Telescope name");
  primary.set("INSTRUME", std::string{"SPHEREx"}, "Instrument name");
  primary.set("ORIGIN", std::string{"simulation"}, "made by tessera, not an observation");
  primary.set("VERSION", pipeline_version(o), "Version of the pipeline whose layout this is");
  writer.add_empty(primary);
  writer.add_image("IMAGE", image_cards(scene, key, p), p.image.view());
  writer.add_image("FLAGS", flag_cards(scene, key, p), p.flags.view(), o.layout == FileLayout::epsf ? Compression::rice : Compression::none);
  writer.add_image("VARIANCE", unit_cards(scene, key, "MJy2 / sr2", "Unit of pixel value"), p.variance.view());
  writer.add_image("ZODI", unit_cards(scene, key, "MJy / sr", "Unit of pixel value"), p.zodi.view());
  if (o.layout == FileLayout::epsf) add_epsf_table(writer, state.psfs);
  else add_psf_cube(writer, "PSF", state.psfs, o.psf_cards == PsfCards::exchanged);
  add_wave_table(writer, state.detector);
  writer.close();
}

}  // namespace tessera::simulate_spherex
