// tessera simulate: stacks of frames with truth. The images are made by the room simulate; this file writes them.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/param/render.h"
#include "tessera/run/context.h"
#include "tessera/simulate/layout.h"
#include "tessera/simulate/truth.h"
#include "tessera/steps/simulate_spherex.h"
#include "tessera/steps/simulation_folder.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

struct ProductOptions {
  bool compress = false;
  bool model = false;
  bool cosmic_masks = true;
  bool added = false;
};
void describe(param::Schema<ProductOptions>& s) {
  s.field(&ProductOptions::compress, "compress", "Write tile-compressed frames (.fits.fz, lossless); for layouts of one file per frame.");
  s.field(&ProductOptions::model, "model", "Write the noise-free image of each frame (stars and sky, no offset) beside the truth.");
  s.field(&ProductOptions::cosmic_masks, "cosmic_masks", "Write an image of the true cosmic-ray pixels of each frame, and of those of trails and the moving object.");
  s.field(&ProductOptions::added, "added", "Write what cosmic rays, trails and the moving object added to each frame.");
}

/// What an earlier simulation in this folder may have left; nothing else is touched.
constexpr const char* own_products[] = {"SIM_*.fits", "SIM_*.fits.fz", "truth_sources.ecsv", "truth_sources.tbl", "truth_frames.ecsv",
                                        "truth_frames.tbl", "simulation.toml"};
constexpr const char* own_truth[] = {"sky.fits", "SIM_*_crmask.fits", "SIM_*_model.fits", "SIM_*_added.fits"};

void write_frame_file(const fs::path& folder, const simulate::FrameHdus& file, bool compress) {
  io::FitsWriter writer{folder / (compress ? file.file_name + ".fz" : file.file_name)};
  const auto compression = compress ? io::FitsWriter::Compression::gzip_lossless : io::FitsWriter::Compression::none;
  for (const simulate::HduImage& hdu : file.hdus)
    std::visit(
        [&]<class Pixels>(const Pixels& pixels) {
          if constexpr (std::is_same_v<Pixels, std::monostate>)
            writer.add_empty(hdu.header);
          else if constexpr (std::is_same_v<Pixels, Image<float>>)
            writer.add_image(hdu.name, hdu.header, pixels.view(), compression);
          else
            writer.add_image(hdu.name, hdu.header, pixels.view());
        },
        hdu.pixels);
  writer.close();
}

void write_image(const fs::path& path, const Header& header, auto pixels) {
  io::FitsWriter writer{path};
  writer.add_image("", header, pixels);
  writer.close();
}

class Simulate : public Step {
 public:
  std::string_view name() const override { return "simulate"; }
  std::string_view summary() const override { return "Make a stack of frames with known truth."; }
  std::string_view description() const override {
    return "Makes dithered, rotated and distorted frames of one field as a camera would deliver them, with uncertainty and mask planes: "
           "point sources integrated over pixels, blends, sky with gradient and nebula, additive offsets, photon and read noise, cosmic "
           "rays, hot, dead and saturated pixels.\n"
           "The truth lies beside the frames: truth_sources and truth_frames (.ecsv and .tbl), truth/sky.fits, truth/*_crmask.fits, and "
           "simulation.toml, which repeats the simulation when given with -c. The same seed and options give the same files, whatever "
           "the number of threads.\n"
           "With the word spherex, SPHEREx spectral images of one field are made in the layout of the mission's files, with products of "
           "calibration in OUT/calibration and truth in OUT/truth: [spherex] and [spherex_...] say what is made, and of the other sections "
           "[sources], seed, ra_deg and dec_deg of [stack], photon and read of [noise], and the moving object of [transients] are looked at. "
           "--full adds galaxies, a nebula, airglow, a moving object, saturation and bad pixels.";
  }
  std::string_view inputs() const override { return "[spherex]"; }
  std::string_view example() const override { return "tessera simulate -o stack --frames 16 --sources 300 --seed 7"; }
  bool writes_output() const override { return true; }

  void declare(param::OptionSet& options) override {
    options.add("stack", "Frames: number, pointing, dithers, roll, offsets", scene_.stack);
    options.add("camera", "Detector, distortion and electronics", scene_.camera);
    options.add("psf", "Point spread function", scene_.psf);
    options.add("sources", "Point sources", scene_.sources);
    options.add("sky", "Sky background", scene_.sky);
    options.add("noise", "Noise and the uncertainty plane", scene_.noise);
    options.add("defects", "Cosmic rays and bad pixels", scene_.defects);
    options.add("transients", "Satellite trails and a moving object", scene_.transients);
    options.add("products", "Which files are written", products_);
    declare_spherex(options, spherex_);
  }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options,
                        run::Context& context) override {
    const bool spherex = inputs.size() == 1 && inputs.front() == "spherex";
    if (!inputs.empty() && !spherex)
      throw UsageError{fmt::format("{}: simulate takes no input files, only the word spherex for SPHEREx spectral images; a source list is given by --set sources.catalog=FILE", inputs.front())};
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT"};
    refuse_foreign_options(options, spherex);
    if (spherex) return simulate_spherex_frames(spherex_, scene_, run, options, context);
    const simulate::Camera camera = simulate::make_camera(scene_.camera);
    refuse_what_does_not_fit(camera, context);
    std::optional<std::vector<simulate::Source>> catalog;
    if (!scene_.sources.catalog.empty())
      catalog = simulate::sources_from_table(io::read_table(scene_.sources.catalog), scene_.sources.catalog);
    const simulate::Scene scene = simulate::make_scene(scene_, catalog ? &*catalog : nullptr);
    context.log(run::Level::info,
                fmt::format("{} frames of {} x {} pixels, {} sources, about {} on disk", scene.pointings.size(), scene.camera.width,
                            scene.camera.height, scene.sources.size(), text::format_bytes(disk_bytes(scene.camera))));
    if (run.dry_run) return run::Outcome::done;

    const fs::path out{run.output};
    prepare_simulation_folder(out, run, own_products, own_truth);
    write_truth(out, scene, write_frames(out, scene, context));
    files::write_atomic(out / "simulation.toml", param::toml_settings(options, {"output", "run"}));
    return run::Outcome::done;
  }

 private:
  double disk_bytes(const simulate::Camera& camera) const {
    const double per_pixel = 4 + (camera.layout == simulate::Layout::plain ? 0 : 6) + (products_.cosmic_masks ? 2 : 0) + (products_.model ? 4 : 0) + (products_.added ? 4 : 0);
    return scene_.stack.frames * static_cast<double>(camera.box().area()) * per_pixel;
  }

  void refuse_what_does_not_fit(const simulate::Camera& camera, run::Context& context) const {
    const bool several_files = camera.layout == simulate::Layout::irac || camera.layout == simulate::Layout::mips;
    if (products_.compress && several_files)
      throw UsageError{"products.compress: IRAC and MIPS frames lie in companion files that are never tile-compressed; use camera.layout jwst, hst or plain"};
    const std::int64_t scene_bytes = camera.box().area() * 9, needed = scene_bytes + simulate::exposure_bytes(camera);
    if (needed > context.memory_bytes())
      throw SystemError{fmt::format("one frame of {} x {} pixels needs {}, the memory ceiling is {}; raise --memory or make the frame smaller", camera.width,
                                    camera.height, text::format_bytes(static_cast<double>(needed)),
                                    text::format_bytes(static_cast<double>(context.memory_bytes())))};
  }

  std::vector<simulate::FrameTruth> write_frames(const fs::path& out, const simulate::Scene& scene, run::Context& context) const {
    const std::int64_t frame_bytes = simulate::exposure_bytes(scene.camera);
    parallel::Budget budget{std::max(frame_bytes, context.memory_bytes() - scene.camera.box().area() * 9)};
    std::vector<simulate::FrameTruth> truth(scene.pointings.size());
    context.stage("simulate", static_cast<std::int64_t>(truth.size()));
    context.pool().for_each(static_cast<std::int64_t>(truth.size()), [&](std::int64_t i) {
      budget.acquire(frame_bytes, "a simulated frame");
      struct Release {
        parallel::Budget& budget;
        std::int64_t bytes;
        ~Release() { budget.release(bytes); }
      } release{budget, frame_bytes};
      truth[static_cast<std::size_t>(i)] = write_one(out, scene, static_cast<std::size_t>(i));
      context.step();
    });
    return truth;
  }

  simulate::FrameTruth write_one(const fs::path& out, const simulate::Scene& scene, std::size_t index) const {
    simulate::Exposure exposure = simulate::expose(scene, index, products_.model, products_.added);
    const simulate::FrameTruth truth = simulate::truth_of(exposure);
    const std::string base = simulate::frame_name(scene.camera, scene.pointings[index].frame);
    if (products_.cosmic_masks) {
      const Image<std::int16_t> mask = simulate::cosmic_mask(exposure);
      write_image(out / "truth" / (base + "_crmask.fits"), simulate::wcs_cards(scene, index), mask.view());
    }
    if (products_.model) {
      Header h = simulate::wcs_cards(scene, index);
      h.set("BUNIT", std::string{"MJy/sr"});
      write_image(out / "truth" / (base + "_model.fits"), h, std::as_const(exposure.model).view());
    }
    if (products_.added) {
      Header h = simulate::wcs_cards(scene, index);
      h.set("BUNIT", std::string{"MJy/sr"});
      write_image(out / "truth" / (base + "_added.fits"), h, std::as_const(exposure.added).view());
    }
    for (const simulate::FrameHdus& file : simulate::lay_out(scene, index, std::move(exposure))) write_frame_file(out, file, products_.compress);
    return truth;
  }

  void write_truth(const fs::path& out, const simulate::Scene& scene, const std::vector<simulate::FrameTruth>& truth) const {
    const Table sources = simulate::sources_table(scene.sources), frames = simulate::frames_table(scene, truth);
    io::write_table(sources, out / "truth_sources.ecsv", io::TableFormat::ecsv);
    io::write_table(sources, out / "truth_sources.tbl", io::TableFormat::ipac);
    io::write_table(frames, out / "truth_frames.ecsv", io::TableFormat::ecsv);
    io::write_table(frames, out / "truth_frames.tbl", io::TableFormat::ipac);
    const simulate::SkyImage sky = simulate::sky_image(scene);  // not beside the frames: it would pass for one
    write_image(out / "truth" / "sky.fits", sky.header, sky.pixels.view());
  }

  simulate::SceneOptions scene_;
  ProductOptions products_;
  SpherexOptions spherex_;
};

}  // namespace

std::unique_ptr<Step> make_simulate() { return std::make_unique<Simulate>(); }

}  // namespace tessera::steps
