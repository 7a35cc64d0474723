#include "tessera/extraction/residual.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/extraction/coadded_response.h"
#include "tessera/extraction/edited_images.h"
#include "tessera/extraction/place_responses.h"
#include "tessera/io/tables.h"
#include "tessera/joint_fit/fit_sources.h"
#include "tessera/pipeline/grid_from_file.h"

namespace tessera::extraction {
namespace {

namespace fs = std::filesystem;
using run::Level;

const run::EditedFrames inserted_files{"Inserted", "_inserted", "writing images with sources"};
const run::EditedFrames source_files{"Sources", "_sources", "writing images of the sources alone"};

class ResidualRun {
 public:
  ResidualRun(const ResidualRequest& request, const ResidualOptions& options, param::OptionSet& settings, run::Context& outer)
      : request_{request}, options_{options}, settings_{settings}, context_{outer}, clock_{request.verb, request.recorded_arguments()}, profiles_{instrument::ProfileSet::load(instrument::ProfileSet::default_folders())} {}

  run::Outcome run() {
    if (options_.psf.file.empty()) throw UsageError{"no point response given; add --psf FILE, or --psf gaussian:fwhm_pix=2 with the width of stars"};
    if (request_.inputs.size() < 2 && (request_.inputs.empty() || options_.input.images.empty())) throw UsageError{"residual takes a catalogue and then the frames or the mosaic that its sources are taken off"};
    psf_ = instrument::read_psf(options_.psf);
    const auto names = image_names({request_.inputs.begin() + 1, request_.inputs.end()}, options_.input, profiles_, context_);
    const Table table = io::read_table(catalogue());
    open(names);
    open_places();
    take_sources(table);
    if (request_.dry_run) {
      context_.log(Level::info, fmt::format("{} sources would be {} {} image{}; point response: {}", sources_.size(), options_.use.add ? "added to" : "taken off", images_.size(), images_.size() == 1 ? "" : "s", psf_.description()));
      return run::Outcome::done;
    }
    std::vector<std::string> files{catalogue()};
    for (const auto& f : files_) files.push_back(f.image.path.string());
    const auto asked = run::table_request(request_.verb, request_.recorded_arguments(), files, settings_);
    run::OutputFolder folder{request_.output, asked, request_.overwrite, request_.place};
    context_.log_to(folder.product("tessera.log").string());
    place();
    const joint_fit::SourceLists lists{images_.size(), sources_};
    const auto names_written = write_with_sources(images_, lists, options_.use.add ? 1 : -1, options_.use.add ? inserted_files : residual_files, folder, products_, context_);
    if (options_.use.alone) write_with_sources(images_, lists, 1, source_files, folder, products_, context_, EditedPixels::replaced);
    if (names_written.size() > 1) write_list(names_written, options_.use.add ? inserted_files : residual_files, folder);
    return finish(files, asked, folder);
  }

 private:
  const std::string& catalogue() const { return request_.inputs.front(); }

  /// Whose pixels the places of the table are.
  void open_places() {
    if (options_.use.places == ListPositions::sky) return;
    const std::string& path = options_.use.grid;
    if (path.empty() && files_.size() > 1) throw UsageError{"sources.places = pixels: the table's pixels are of one image; name it, or its FIF.tbl, with sources.grid"};
    if (path.empty()) places_ = std::make_unique<wcs::SkyWcs>(files_.front().wcs);
    else places_ = std::make_unique<wcs::SkyWcs>(pipeline::grid_from_file(path).wcs());
  }

  void open(const std::vector<instrument::FrameNames>& names) {
    std::vector<instrument::FrameNames> all = names;
    if (!options_.use.mosaic.empty()) {
      const fs::path path{options_.use.mosaic};
      all.push_back({files::is_folder(path) ? path / "mosaic.fits" : path, {}, {}, -1, {}, {}});
    }
    files_.resize(all.size());
    context_.pool().for_each(static_cast<std::int64_t>(all.size()), [&](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      files_[k] = instrument::open_frame(all[k], k < names.size() ? options_.input : instrument::InputOptions{}, profiles_);
    });
    std::vector<instrument::FrameFile> frames{std::make_move_iterator(files_.begin()), std::make_move_iterator(files_.begin() + static_cast<std::ptrdiff_t>(names.size()))};
    if (names.size() > 1) {  // as extract does, whose fluxes these are
      instrument::read_counts_as_rates(frames);
      instrument::share_pixel_area(frames);
    }
    if (!options_.use.mosaic.empty())
      mosaic_psf_ = coadded_response(psf_, files_.back(), frames);
    else if (options_.psf_use.of == PsfOf::frames) {
      if (names.size() != 1) throw UsageError{"psf.of = frames is for one mosaic; for frames the response is theirs (and --mosaic adds their mosaic)"};
      response_of_coadd(frames.front());
    }
    std::move(frames.begin(), frames.end(), files_.begin());
    for (std::size_t k = 0; k < files_.size(); ++k) {
      joint_fit::FitImage image;
      image.file = &files_[k], image.psf = k < names.size() ? &psf_ : &mosaic_psf_, image.unit = joint_fit::flux_unit(files_[k].unit);
      image.cut_response = {options_.use.outer_radius, options_.use.hole_radius, options_.use.box_x, options_.use.box_y};
      if (image.unit.name != joint_fit::flux_unit(files_.front().unit).name)
        throw DataError{fmt::format("{}: fluxes on it are in {}, those on {} in {}; take sources off them in runs of their own", files_[k].label(), image.unit.name, files_.front().label(), joint_fit::flux_unit(files_.front().unit).name)};
      images_.push_back(std::move(image));
    }
  }

  /// As extract has it for a mosaic alone, where sources are those of the catalogue.
  void response_of_coadd(const instrument::FrameFile& mosaic) {
    const auto frames = recorded_frames(mosaic, profiles_, context_);
    read_.insert(read_.end(), frames.record.read.begin(), frames.record.read.end());
    const auto of_frames = std::move(psf_);
    psf_ = coadded_response(of_frames, mosaic, frames.files);
    if (places_unknown(frames.record).empty()) coadd_.emplace(coadd_response(of_frames, mosaic, frames, 0, context_));
  }

  /// Of a table without errors all sources count as bright.
  void respond_at_places() {
    std::vector<std::pair<double, double>> places;
    for (const auto& s : sources_)
      if (s.flux >= options_.psf_use.place_snr * std::sqrt(s.covariance[8]) && !s.sights.empty()) places.push_back({s.sights.front().x, s.sights.front().y});
    psf_ = with_places(psf_, *coadd_, places, 0.5, context_);
  }

  void take_sources(const Table& table) {
    auto listed = joint_fit::listed_sources(table, catalogue(), options_.table, images_.front().unit.name, places_.get());
    if (listed.unit_assumed) context_.caveat("unit-assumed", fmt::format("{}: the table does not say the unit of its fluxes; they were taken to be in {} (sources.unit says another)", catalogue(), images_.front().unit.name), 1);
    if (const long without = listed.chosen - static_cast<long>(listed.sources.size()); without > 0)
      context_.caveat("no-flux", fmt::format("{} of {} rows of {} have no position or no flux; they were left out", without, listed.rows, catalogue()), without);
    rows_ = listed.rows;
    sources_ = std::move(listed.sources);
  }

  /// images.txt beside the images, a list for -I.
  static void write_list(const std::vector<std::string>& names, const run::EditedFrames& what, run::OutputFolder& folder) {
    std::string text;
    for (const auto& name : names)
      for (const auto& place : folder.places(name)) text += (fs::absolute(folder.path()) / place).string() + "\n";
    files::write_atomic(folder.product(what.folder + "/images.txt"), text);
  }

  void place() {
    double reach = 0;
    for (const auto& image : images_) reach = std::max(reach, image.psf->reach_pix());
    joint_fit::find_sights(images_, sources_, 2 * static_cast<int>(std::ceil(reach)) + 1, 0, context_);
    if (coadd_) respond_at_places();
    const auto off = std::count_if(sources_.begin(), sources_.end(), [](const joint_fit::Source& s) { return s.sights.empty(); });
    seen_ = static_cast<long>(sources_.size()) - static_cast<long>(off);
    if (off > 0) context_.caveat("out-of-field", fmt::format("{} of {} sources lie on no image", off, sources_.size()), off);
  }

  run::Outcome finish(std::vector<std::string> files, const run::Request& asked, run::OutputFolder& folder) {
    files.insert(files.end(), read_.begin(), read_.end());
    if (files::exists(options_.psf.file)) files.push_back(options_.psf.file);
    if (places_ && !options_.use.grid.empty()) files.push_back(options_.use.grid);
    files.insert(files.end(), request_.other_inputs.begin(), request_.other_inputs.end());
    const auto inputs = run::hash_files(files, context_);
    const std::vector<std::pair<std::string, double>> results{{"rows", static_cast<double>(rows_)}, {"sources", static_cast<double>(seen_)}, {"images", static_cast<double>(images_.size())}};
    run::publish_run(clock_, asked.plan_hash, settings_, inputs, run::placed_products(request_.kept, products_, folder), results, folder, context_);
    context_.log(Level::info, fmt::format("{}: {} sources {} {} image{}, {}", request_.output, seen_, options_.use.add ? "added to" : "taken off", images_.size(), images_.size() == 1 ? "" : "s", text::format_duration(clock_.record.wall_s)));
    if (seen_ == 0) return run::Outcome::nothing_to_do;
    return context_.outcome();
  }

  const ResidualRequest& request_;
  const ResidualOptions& options_;
  param::OptionSet& settings_;
  run::Recorder context_;
  run::RunClock clock_;
  instrument::ProfileSet profiles_;
  psf::PsfModel psf_, mosaic_psf_;
  std::unique_ptr<wcs::SkyWcs> places_;
  std::optional<psf_coadd::CoaddResponse> coadd_;  ///< of the one mosaic
  std::vector<instrument::FrameFile> files_;
  std::vector<joint_fit::FitImage> images_;
  std::vector<joint_fit::Source> sources_;
  std::vector<std::string> read_;
  std::vector<run::ProductRecord> products_;
  long rows_ = 0, seen_ = 0;
};

}  // namespace

void describe(param::Schema<ResidualUse>& s) {
  s.field(&ResidualUse::add, "add", "Add the sources to the images instead of taking them off: artificial sources of known flux.").flag("add");
  s.field(&ResidualUse::alone, "alone", "Write Sources/NAME_sources.fits too: the sources alone, on nothing.");
  s.field(&ResidualUse::outer_radius, "outer_radius", "Radius about a source beyond which nothing of its response counts; 0: all does.").at_least(0).unit("pixel").namelist("POINTSOURCEIMAGE", "Outer_Radius").namelist("MOSAIC_POINTSOURCEIMAGE", "Outer_Radius");
  s.field(&ResidualUse::hole_radius, "hole_radius", "Radius of a hole in the response; 0: none.").at_least(0).unit("pixel").namelist("POINTSOURCEIMAGE", "Hole_Radius").namelist("MOSAIC_POINTSOURCEIMAGE", "Hole_Radius");
  s.field(&ResidualUse::box_x, "box_x", "Width of a box about a source beyond which nothing of its response counts; 0: none.").at_least(0).unit("pixel").namelist("POINTSOURCEIMAGE", "PS_Image_Xsize").namelist("MOSAIC_POINTSOURCEIMAGE", "PS_Image_Xsize");
  s.field(&ResidualUse::box_y, "box_y", "Its height.").at_least(0).unit("pixel").namelist("POINTSOURCEIMAGE", "PS_Image_Ysize").namelist("MOSAIC_POINTSOURCEIMAGE", "PS_Image_Ysize");
  s.field(&ResidualUse::places, "places", "What the places of the catalogue are: right ascension and declination, or FITS pixels (from 1), columns x and y, of the one image or of sources.grid.").choices({{"sky", ListPositions::sky}, {"pixels", ListPositions::pixels}});
  s.field(&ResidualUse::grid, "grid", "With places = pixels: FIF.tbl or FITS image whose pixels they are; empty: those of the one image.").placeholder("FILE");
  s.field(&ResidualUse::mosaic, "mosaic", "A mosaic of the frames, its folder or its mosaic.fits, that sources are taken off too, with the response of the coadd.").flag("mosaic").placeholder("PATH");
}

void ResidualOptions::declare(param::OptionSet& options) {
  options.add("psf", "Point response of the frames, or of the one image", psf);
  options.add("psf", "Point response of the frames, or of the one image", psf_use);
  options.add("sources", "The catalogue, and what is done with its sources", table);
  options.add("sources", "The catalogue, and what is done with its sources", use);
  options.add("input", "Frames, and how they are read", input);
}

run::Outcome residual(const ResidualRequest& request, const ResidualOptions& options, param::OptionSet& settings, run::Context& context) { return ResidualRun{request, options, settings, context}.run(); }

}  // namespace tessera::extraction
