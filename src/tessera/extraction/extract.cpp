#include "tessera/extraction/extract.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "tessera/background/noise.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/base/version.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/conditions.h"
#include "tessera/extraction/fit_sources.h"
#include "tessera/extraction/open_images.h"
#include "tessera/extraction/report.h"
#include "tessera/extraction/tables.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/products.h"
#include "tessera/pipeline/run_json.h"
#include "tessera/psf/coadded.h"

namespace tessera::extraction {
namespace {

namespace fs = std::filesystem;
using pipeline::Level;
using pipeline::ProductRecord;

constexpr std::size_t most_lies = 12;
constexpr double nearest_widths = 0.4;  // full widths: what a fit leaves nearer to a source is its own
constexpr double too_wide = 1.7, too_narrow = 0.6;  // of the light in one of 9 × 9 pixels: a width wrong by some 30 %

/// One run, from opened files to products.
class Extraction {
 public:
  Extraction(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, pipeline::Context& outer)
      : request_{request}, options_{options}, settings_{settings}, recorder_{outer}, clock_{mosaic_request()}, profiles_{instrument::ProfileSet::load(instrument::ProfileSet::default_folders())} {}

  pipeline::Outcome run() {
    if (options_.psf.file.empty()) throw UsageError{"no point response given; add --psf FILE, or --psf gaussian:fwhm_pix=2 with the width of stars"};
    radii_of(options_.aperture);
    psf_ = instrument::read_psf(options_.psf);
    names_ = image_names(request_.inputs, options_, profiles_, context_);
    read_list();
    if (request_.dry_run) {
      context_.log(Level::info, fmt::format("{} image{} would be {}; point response: {}", names_.size(), names_.size() == 1 ? "" : "s", names_.size() == 1 ? "searched and fitted" : "made into a mosaic and fitted together", psf_.description()));
      return pipeline::Outcome::done;
    }
    pipeline::OutputFolder folder{request_.output, folder_request(), request_.overwrite};
    context_.log_to(folder.product("tessera.log").string());
    if (names_.size() == 1)
      on_one_image();
    else
      on_frames();
    measure();
    return write(folder);
  }

 private:
  pipeline::MosaicRequest mosaic_request() const {
    pipeline::MosaicRequest r{request_.inputs, request_.output, request_.overwrite};
    r.verb = "extract";
    return r;
  }

  pipeline::Request folder_request() const {
    std::string asked = version();
    pipeline::Request r{"extract", "", request_.inputs, fs::current_path().string(), {}, {}};
    for (const auto& s : settings_.settings()) {
      r.settings.emplace_back(s.key, s.value);
      if (!s.key.starts_with("run.") && s.key != "output.path" && s.key != "output.overwrite") asked += s.key + "=" + s.value + "\n";
    }
    for (const auto& n : names_) r.frames.push_back(n.image.string()), asked += n.image.filename().string() + "\n";
    r.plan_hash = files::sha256(asked);
    return r;
  }

  /// Rows of --sources.
  void read_list() {
    if (options_.catalog.sources.empty()) return;
    list_ = io::read_table(options_.catalog.sources);
    const auto* ra = catalog::find_column(list_, "ra");
    const auto* dec = catalog::find_column(list_, "dec");
    if (!ra || !dec) {
      std::vector<std::string> there;
      for (const auto& c : list_.columns) there.push_back(c.name);
      throw DataError{fmt::format("{}: a list of sources needs columns ra and dec (degrees, ICRS); it has {}", options_.catalog.sources, text::join(there, ", "))};
    }
    const auto x = list_.numbers(ra->name), y = list_.numbers(dec->name);
    for (std::size_t i = 0; i < x.size(); ++i) {
      Source s;
      s.start = {x[i], std::abs(y[i]) <= 90 ? y[i] : std::nan("")};
      sources_.push_back(s);
    }
    files_.push_back(options_.catalog.sources);
  }

  bool by_list() const { return !options_.catalog.sources.empty(); }
  bool positions() const { return options_.fit.positions == Positions::free || (options_.fit.positions == Positions::automatic && !by_list()); }

  void on_one_image() {
    OpenedImage opened = open_image(names_.front(), options_, profiles_, context_);
    mosaic_ = std::move(opened.file);
    files_.insert(files_.end(), opened.read.begin(), opened.read.end());
    refuse_empty(opened.frame);
    if (mosaic_.empirical_noise) context_.caveat("no-uncertainty", fmt::format("{}: no uncertainty beside it; the noise was measured from its pixels{}", mosaic_.label(), opened.coverage.empty() ? "" : " and goes down with the coverage"));
    if (!opened.resampled && options_.mosaic.input.scale_noise) scale(opened.frame, background::measure_noise(opened.frame.view()).scale);
    if (options_.psf_use.of == PsfOf::frames) psf_ = response_of_mosaic();
    detection_psf_ = psf_;
    if (!options_.detection.psf.empty()) detection_psf_ = detection_response(options_.detection.psf);
    found_ = find_sources(std::move(opened.frame), opened.coverage, detection_psf_, options_, true, context_);
    if (opened.resampled && !opened.correlation && options_.mosaic.input.scale_noise) {
      context_.caveat("noise-scale", fmt::format("{}: how its pixels' noise hangs together is not known; errors were multiplied by {:.3f}, the width of the filtered image", mosaic_.label(), found_.median_noise));
      scale(found_.frame, found_.median_noise);
    }
    FitImage image;
    image.file = &mosaic_, image.psf = &psf_, image.unit = flux_unit(mosaic_.unit), image.mjd = mosaic_.mjd_begin;
    image.value = found_.frame.value.copy(), image.good = found_.frame.good.copy();
    if (options_.fit.noise == FitNoise::smooth)
      smooth_noise(found_.frame.view(), opened.coverage, found_.sources, image.variance, image.photons);
    else
      image.variance = found_.frame.variance.copy();
    image.correlation = std::move(opened.correlation);
    images_.push_back(std::move(image));
  }

  psf::PsfModel response_of_mosaic() {
    const auto record = recorded_mosaic(mosaic_.image.path);
    files_.insert(files_.end(), record.read.begin(), record.read.end());
    std::vector<instrument::FrameFile> frames;
    for (const auto& f : record.frames)
      if (f.used) frames.push_back(instrument::open_frame({f.image, {}, {}, f.hdu, {}, {}}, {}, profiles_));
    if (frames.empty()) throw DataError{fmt::format("{}: its record names no frame, so psf.of = frames cannot be", mosaic_.label())};
    return coadded_response(frames);
  }

  void on_frames() {
    if (options_.detection.mosaic.empty()) make_mosaic();
    const auto record = recorded_mosaic(options_.detection.mosaic.empty() ? fs::path{request_.output} / "mosaic" : fs::path{options_.detection.mosaic});
    OpenedImage opened = open_image({record.image, {}, {}, -1, {}, {}}, mosaic_options(), profiles_, context_);
    mosaic_ = std::move(opened.file);
    refuse_empty(opened.frame);
    open_files(record);
    detection_psf_ = options_.detection.psf.empty() ? coadded_response(frames_) : detection_response(options_.detection.psf);
    found_ = find_sources(std::move(opened.frame), opened.coverage, detection_psf_, options_, true, context_);
    if (record.surfaces) throw DataError{fmt::format("{}: planes or surfaces were subtracted from its frames, which its record does not hold; use background.method = constant for extract", record.image.string())};
    images_ = open_frames(frames_, record, found_, mosaic_.wcs, psf_, options_, context_);
    correlation_ = std::move(opened.correlation);
    if (!options_.detection.mosaic.empty()) {
      files_.insert(files_.end(), record.read.begin(), record.read.end());
      files_.insert(files_.end(), opened.read.begin(), opened.read.end());
      add_files(mosaic_);
    }
  }

  ExtractOptions mosaic_options() const {
    ExtractOptions o = options_;
    o.mosaic.input = {};
    return o;
  }

  /// The mosaic of the frames, with masks of the outliers, in OUT/mosaic.
  void make_mosaic() {
    pipeline::MosaicRequest r{request_.inputs, (fs::path{request_.output} / "mosaic").string(), true};
    auto how = options_.mosaic;
    how.products.rmasks = true;
    if (pipeline::make_mosaic(r, how, settings_, context_) == pipeline::Outcome::nothing_to_do) throw DataError{"the frames make no mosaic"};
  }

  void open_files(const RecordedMosaic& record) {
    std::map<std::string, const RecordedFrame*> masks;
    for (const auto& f : record.frames) masks[f.image] = &f;
    frames_.resize(names_.size());
    long without = 0;
    for (auto& n : names_) {
      const auto found = masks.find(fs::weakly_canonical(n.image).string());
      if (found == masks.end() || !n.rmask.empty()) continue;
      if (found->second->rmask.empty()) ++without;
      else n.rmask = found->second->rmask;
    }
    if (without > 0) context_.caveat("no-rmask", fmt::format("{} frames have no mask of outliers beside the mosaic (make it with --rmasks): hits may be fitted as light", without), without);
    context_.pool().for_each(static_cast<std::int64_t>(names_.size()), [&](std::int64_t i) {
      frames_[static_cast<std::size_t>(i)] = instrument::open_frame(names_[static_cast<std::size_t>(i)], options_.mosaic.input, profiles_);
    });
    instrument::read_counts_as_rates(frames_);
    instrument::share_pixel_area(frames_);
    if (!options_.mosaic.rejection.fatal_bits.empty())
      for (auto& f : frames_)
        if (f.rmask) f.rmask->fatal_bits = options_.mosaic.rejection.fatal();
  }

  psf::PsfModel detection_response(const std::string& file) const {
    instrument::PsfFileOptions o;
    o.file = file;
    return instrument::read_psf(o);
  }

  /// The response of a coadd of `frames` on the mosaic; that in the middle of each frame counts.
  psf::PsfModel coadded_response(const std::vector<instrument::FrameFile>& frames) const {
    std::map<std::array<long, 4>, psf::FrameLie> lies;  // frames that lie alike to a hundredth of a pixel over ten count together
    const wcs::PixelPoint middle{(mosaic_.width - 1) / 2.0, (mosaic_.height - 1) / 2.0};
    const auto m = mosaic_.wcs.jacobian(middle);
    for (const auto& f : frames) {
      const auto j = f.wcs.jacobian({(f.width - 1) / 2.0, (f.height - 1) / 2.0});
      const double det = j[0] * j[3] - j[1] * j[2];
      const std::array<double, 4> lie{(j[3] * m[0] - j[1] * m[2]) / det, (j[3] * m[1] - j[1] * m[3]) / det, (j[0] * m[2] - j[2] * m[0]) / det, (j[0] * m[3] - j[2] * m[1]) / det};
      if (!std::isfinite(lie[0] + lie[1] + lie[2] + lie[3])) continue;
      std::array<long, 4> key{};
      for (std::size_t k = 0; k < 4; ++k) key[k] = std::lround(1000 * lie[k]);
      const auto [place, fresh] = lies.try_emplace(key, psf::FrameLie{lie, 0});
      place->second.weight += 1;
    }
    std::vector<psf::FrameLie> all;
    for (const auto& [key, lie] : lies) all.push_back(lie);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
    all.resize(std::min<std::size_t>(all.size(), most_lies));
    psf::PointResponse workspace;
    const auto& f = frames.front();
    auto model = psf::PsfModel::constant(psf::coadded(psf_.at(f.width / 2.0, f.height / 2.0, workspace), all));
    model.describe(psf_.description() + ", on the mosaic");
    return model;
  }

  static void scale(Frame& frame, double factor) {
    if (!(factor > 0) || !std::isfinite(factor)) return;
    for (float& v : frame.variance.pixels()) v *= static_cast<float>(factor * factor);
  }

  void refuse_empty(const Frame& frame) const {
    const auto good = std::count(frame.good.pixels().begin(), frame.good.pixels().end(), 1);
    if (good == 0) context_.caveat("no-good-pixel", fmt::format("{}: every pixel is masked, not a number, or without uncertainty", mosaic_.label()));
  }

  void add_files(const instrument::FrameFile& f) {
    files_.push_back(f.image.path.string());
    if (f.uncertainty) files_.push_back(f.uncertainty->path.string());
    if (f.mask) files_.push_back(f.mask->path.string());
  }

  void measure() {
    check_width();
    if (by_list()) {
      place_list();
    } else {
      detections_ = detection_table(found_, mosaic_.wcs);
      from_detections();
    }
    const double fwhm = psf_.tables().front().fwhm_pix();
    const int window = fit_window(options_.fit, fwhm);
    find_sights(images_, sources_, window, context_);
    const double scale = images_.empty() ? 1 : frame_pixels_on_mosaic(*images_.front().file);
    link_ = options_.fit.group_distance * fwhm * scale;
    fit_ = fit_sources(images_, sources_, options_.fit, positions(), window, link_, context_);
    for (int round = 1; round < options_.detection.rounds && !by_list() && options_.detection.image == DetectionImage::significance; ++round)
      if (!deblend(window)) break;
    tell_fits();
    FitImage on_mosaic;
    const FitImage& measured = images_.size() == 1 && names_.size() == 1 ? images_.front() : (on_mosaic = mosaic_image(), on_mosaic);
    apertures_ = measure_apertures(found_.frame.view(), measured, sources_, options_.aperture, context_);
    if (options_.fit.per_frame) light_curves(window);
  }

  /// Looks for more in what the fit left, and fits all again. False when nothing was added.
  bool deblend(int window) {
    std::vector<Place> taken;
    for (const auto& s : sources_) {
      const auto p = mosaic_.wcs.sky_to_pixel(s.position());
      taken.push_back({p.x, p.y, std::isfinite(p.x)});
    }
    const double width = detection_psf_.tables().front().fwhm_pix();
    const auto more = find_more(found_, residual(), taken, nearest_widths * width, options_.detection.model_error, detection_psf_, options_, context_);
    if (more.empty()) return false;
    const std::size_t before = sources_.size();
    add_detections(more, true);
    find_sights(images_, sources_, window, context_);
    fit_ = fit_sources(images_, sources_, options_.fit, positions(), window, link_, context_);
    const auto weak = [&](const Source& s) { return s.active && !(s.status == Status::fitted && s.flux > options_.segments.threshold * std::sqrt(s.covariance[8])); };
    if (std::erase_if(sources_, weak) > 0) fit_ = fit_sources(images_, sources_, options_.fit, positions(), window, link_, context_);
    return sources_.size() > before;
  }

  void add_detections(const std::vector<Detection>& list, bool active) {
    std::vector<double> x, y;
    for (const auto& d : list) x.push_back(d.x), y.push_back(d.y);
    std::vector<double> ra(x.size()), dec(x.size());
    mosaic_.wcs.pixel_to_sky(x, y, ra, dec);
    for (std::size_t i = 0; i < list.size(); ++i) {
      Source s;
      s.start = {ra[i], dec[i]};
      s.ref_x = x[i], s.ref_y = y[i];
      s.active = active;
      if (!active) s.detection = static_cast<int>(i);
      sources_.push_back(s);
    }
  }

  FitImage mosaic_image() {
    FitImage image;
    image.file = &mosaic_, image.psf = &detection_psf_, image.unit = flux_unit(mosaic_.unit);
    if (correlation_) image.correlation = correlation_->copy();
    return image;
  }

  double frame_pixels_on_mosaic(const instrument::FrameFile& f) const {
    const auto scale = f.wcs.pixel_scale_arcsec({f.width / 2.0, f.height / 2.0}) / mosaic_.wcs.pixel_scale_arcsec({mosaic_.width / 2.0, mosaic_.height / 2.0});
    return std::isfinite(scale) && scale > 0 ? scale : 1;
  }

  void check_width() {
    if (!options_.detection.check_psf || by_list()) return;
    const double ratio = concentration_ratio(found_, detection_psf_);
    if (!(ratio > too_wide) && !(ratio < too_narrow)) return;
    throw DataError{fmt::format("{}: bright isolated sources have {:.2f} times the share of their light in the brightest of 9 × 9 pixels that the point response has, so it is too {} for {}; check psf.samples_per_pixel, or say detection.check_psf=false",
                                options_.psf.file, ratio, ratio > 1 ? "wide" : "narrow", mosaic_.label())};
  }

  void place_list() {
    std::vector<double> ra, dec;
    for (const auto& s : sources_) ra.push_back(s.start.ra_deg), dec.push_back(s.start.dec_deg);
    std::vector<double> x(ra.size()), y(ra.size());
    mosaic_.wcs.sky_to_pixel(ra, dec, x, y);
    std::set<std::pair<long, long>> seen;
    long twins = 0, nowhere = 0;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      Source& s = sources_[i];
      s.ref_x = x[i], s.ref_y = y[i];
      if (!std::isfinite(s.start.ra_deg) || !std::isfinite(s.start.dec_deg)) {
        ++nowhere;
        continue;
      }
      if (!seen.insert({std::lround(s.start.ra_deg * 3.6e5), std::lround(s.start.dec_deg * 3.6e5)}).second) s.status = Status::twin, ++twins;  // the same to 0.01″
    }
    if (twins > 0) context_.caveat("twins", fmt::format("{} rows of {} repeat the position of an earlier one; they have status -5", twins, options_.catalog.sources), twins);
    if (nowhere > 0) context_.caveat("no-position", fmt::format("{} rows of {} have no position; they have status 0", nowhere, options_.catalog.sources), nowhere);
  }

  void from_detections() {
    std::vector<bool> wanted(found_.detections.size(), true);
    if (!options_.catalog.detect_where.empty()) wanted = catalog::rows_where(detections_, options_.catalog.detect_where);
    add_detections(found_.detections, false);
    std::size_t k = 0;
    std::erase_if(sources_, [&](const Source&) { return !wanted[k++]; });
  }

  void tell_fits() {
    std::map<Status, long> ended;
    for (const auto& s : sources_) ++ended[s.status];
    const auto tell = [&](Status status, const char* kind, const char* what) {
      if (const long n = ended[status]; n > 0) context_.caveat(kind, fmt::format("{} of {} sources {}", n, sources_.size(), what), n);
    };
    tell(Status::at_limit, "fit-at-limit", "would move further than fit.max_shift from where they were found (status -2)");
    tell(Status::no_convergence, "fit-no-convergence", "did not converge (status -1)");
    tell(Status::degenerate, "fit-degenerate", "cannot be told from their neighbours (status -4)");
    tell(Status::no_data, "fit-no-data", "have no pixels to be fitted on (status -3)");
    if (by_list()) tell(Status::not_fitted, "out-of-field", "lie on no image, or nowhere (status 0)");
    if (fit_.rounds >= options_.fit.max_rounds && fit_.last_change > std::max(0.01, options_.fit.tolerance))
      context_.caveat("rounds", fmt::format("after {} rounds a source still moved by {:.2g} of its error; raise fit.max_rounds", fit_.rounds, fit_.last_change));
  }

  void light_curves(int window) {
    std::vector<std::vector<double>> flux(images_.size()), error(images_.size());
    context_.stage("light curves", static_cast<std::int64_t>(images_.size()));
    context_.pool().for_each(static_cast<std::int64_t>(images_.size()), [&](std::int64_t k) {
      const auto i = static_cast<std::size_t>(k);
      fluxes_on_image(images_, i, sources_, options_.fit, window, link_, flux[i], error[i]);
      context_.step();
    });
    std::vector<std::int64_t> number;
    std::vector<std::string> frame;
    std::vector<double> mjd, f, e;
    for (std::size_t s = 0; s < sources_.size(); ++s)
      for (std::size_t i = 0; i < images_.size(); ++i) {
        if (!std::isfinite(flux[i][s])) continue;
        number.push_back(static_cast<std::int64_t>(s) + 1);
        frame.push_back(images_[i].file->image.path.filename().string());
        mjd.push_back(images_[i].mjd), f.push_back(flux[i][s]), e.push_back(error[i][s]);
      }
    const std::string unit = images_.empty() ? "" : images_.front().unit.name;
    catalog::add(curves_, "number", std::move(number));
    catalog::add(curves_, "frame", std::move(frame));
    catalog::add(curves_, "mjd", std::move(mjd));
    catalog::add(curves_, "flux", std::move(f)).unit = unit;
    catalog::add(curves_, "flux_err", std::move(e)).unit = unit;
    curves_.name = "light_curve";
  }

  /// The mosaic, or the one frame, less the sources as the detection image shows them.
  Image<float> residual() {
    Image<float> left = found_.frame.value.copy();
    if (names_.size() == 1) {
      for (std::size_t i = 0; i < left.pixels().size(); ++i) left.pixels()[i] -= images_.front().model.pixels()[i];
      return left;
    }
    std::vector<FitImage> one;
    one.push_back(mosaic_image());
    one.front().value = found_.frame.value.copy();
    std::vector<Source> there = sources_;
    find_sights(one, there, fit_.window, context_);
    FitOptions none = options_.fit;
    none.max_rounds = 0;
    fit_sources(one, there, none, false, fit_.window, link_, context_);
    for (std::size_t i = 0; i < left.pixels().size(); ++i) left.pixels()[i] -= one.front().model.pixels()[i];
    return left;
  }

  Header plane_header(const std::string& unit, const char* title) const {
    Header header = wcs::SkyWcs::present(mosaic_.header) ? mosaic_.header : Header{};
    for (const char* key : {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "EXTEND", "BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "EXTNAME", "EXTVER", "INHERIT", "BUNIT"}) header.remove(key);
    if (!unit.empty()) header.set("BUNIT", unit, title);
    header.add_comment(title);
    return header;
  }

  template <class T>
  void write_plane(const char* name, const std::string& unit, const char* title, View<const T> pixels, pipeline::OutputFolder& folder) {
    io::FitsWriter writer{folder.product(name)};
    writer.add_image("", plane_header(unit, title), pixels);
    writer.close();
    products_.push_back({name, pipeline::datasums(folder.product(name))});
  }

  void write_table(const Table& table, const std::string& name, io::TableFormat format, pipeline::OutputFolder& folder) {
    const auto path = folder.product(name);
    io::write_table(table, path, format);
    products_.push_back({name, format == io::TableFormat::fits ? pipeline::datasums(path) : files::sha256_file(path)});
  }

  void write_maps(pipeline::OutputFolder& folder) {
    const auto& c = options_.catalog;
    if (c.background) write_plane<float>("background.fits", mosaic_.unit, "background taken off", found_.background, folder);
    if (c.noise) write_plane<float>("noise.fits", "", "width of the filtered image over what uncertainties say", found_.noise, folder);
    if (c.significance) write_plane<float>("significance.fits", "", "what the threshold applied to", found_.filtered, folder);
    if (c.segments) {
      Image<std::int32_t> numbers{found_.frame.box()};
      std::int32_t number = 0;
      for (const auto& s : found_.segments) {
        ++number;
        for (const auto& run : s.runs) std::fill_n(&numbers(run.x, run.y), run.length, number);
      }
      write_plane<std::int32_t>("segmentation.fits", "", "number of the detection", numbers, folder);
    }
  }

  Table catalogue(const pipeline::Request& request) {
    CatalogParts parts;
    parts.sources = sources_, parts.detections = found_.detections, parts.apertures = apertures_, parts.wcs = &mosaic_.wcs, parts.flux_unit = flux_unit(mosaic_.unit).name;
    parts.run = request.plan_hash, parts.list = by_list();
    Table table = catalog_table(parts);
    if (!options_.catalog.where.empty()) table = catalog::select_rows(table, catalog::rows_where(table, options_.catalog.where));
    const auto radii = radii_of(options_.aperture);
    for (std::size_t r = 0; r < radii.size(); ++r) table.keywords.push_back({fmt::format("APRAD{}", r + 1), radii[r], "[pixel] radius of aperture " + std::to_string(r + 1)});
    table.keywords.push_back({"SNRRULE", std::string{"error"}, "snr is the flux over its 1 sigma"});
    table.keywords.push_back({"PSF", options_.psf.file.substr(options_.psf.file.rfind('/') + 1), "point response"});
    return table;
  }

  pipeline::Outcome write(pipeline::OutputFolder& folder) {
    context_.stage("writing catalogue", 1);
    const Table table = catalogue(folder_request());
    Table named = table;
    if (options_.catalog.columns == ColumnNames::mopex) catalog::use_mopex_names(named);
    for (const auto& format : options_.catalog.formats) {
      const auto kind = io::table_format(format);
      const std::map<io::TableFormat, std::string> names{{io::TableFormat::fits, "catalog.fits"}, {io::TableFormat::ipac, "catalog.tbl"}, {io::TableFormat::votable, "catalog.xml"}, {io::TableFormat::ecsv, "catalog.ecsv"}};
      write_table(named, names.at(kind), kind, folder);
    }
    if (!by_list()) write_table(detections_, "detections.fits", io::TableFormat::fits, folder);
    if (options_.fit.per_frame) write_table(curves_, "light_curve.fits", io::TableFormat::fits, folder);
    const double radius = 1.5 * psf_.tables().front().fwhm_pix() * (images_.empty() ? 1.0 : images_.front().file->wcs.pixel_scale_arcsec({images_.front().file->width / 2.0, images_.front().file->height / 2.0}));
    if (options_.catalog.regions) {
      const std::string text = regions_of(table, radius);
      files::write_atomic(folder.product("sources.reg"), text);
      products_.push_back({"sources.reg", files::sha256(text)});
    }
    write_maps(folder);
    const Image<float> left = residual();
    if (options_.catalog.residual) write_plane<float>("residual.fits", mosaic_.unit, "less background and sources", left, folder);
    context_.step();
    clock_.stop();
    const auto pulls = pulls_of(images_, sources_, fit_.window);
    if (options_.mosaic.products.report) {
      write_report({clock_.record, settings_, images_, sources_, found_, mosaic_, left, fit_, pulls, static_cast<long>(table.rows()), psf_.tables().front().fwhm_pix(), by_list(), psf_.description()}, folder, recorder_);
      products_.push_back({"report.html", ""});
    }
    finish(folder, table, pulls);
    if (table.rows() == 0) {
      context_.log(Level::info, fmt::format("{}: no source; an empty catalogue was written", request_.output));
      return pipeline::Outcome::nothing_to_do;
    }
    context_.log(Level::info, fmt::format("{}: {} sources, {}", request_.output, table.rows(), text::format_duration(clock_.record.wall_s)));
    return recorder_.caveats().empty() ? pipeline::Outcome::done : pipeline::Outcome::done_with_caveats;
  }

  void finish(pipeline::OutputFolder& folder, const Table& table, const PullSummary& pulls) {
    if (names_.size() == 1)
      add_files(mosaic_);
    else
      for (const auto& f : frames_) add_files(f);
    if (files::exists(options_.psf.file)) files_.push_back(options_.psf.file);
    std::vector<pipeline::InputRecord> inputs;
    std::set<std::string> seen;
    for (const auto& path : files_)
      if (seen.insert(path).second) inputs.push_back({path, 0, "", false});
    context_.stage("checksums of inputs", static_cast<std::int64_t>(inputs.size()));
    context_.pool().for_each(static_cast<std::int64_t>(inputs.size()), [&](std::int64_t i) {
      pipeline::hash_input(inputs[static_cast<std::size_t>(i)]);
      context_.step();
    });
    clock_.stop();
    std::vector<std::pair<std::string, double>> results{{"detections", static_cast<double>(found_.detections.size())}, {"rows", static_cast<double>(table.rows())}, {"fit_rounds", fit_.rounds},
                                                        {"largest_group", static_cast<double>(fit_.largest_group)}, {"fit_window", fit_.window}, {"noise_scale", found_.median_noise}, {"pull_width_sources", pulls.sources},
                                                        {"pull_width_sky", pulls.sky}, {"images", static_cast<double>(images_.size())}};
    files::write_atomic(folder.product("run.json"), pipeline::run_json(clock_.record, folder_request().plan_hash, settings_, inputs, products_, results, recorder_));
    folder.publish("run.json");
  }

  const ExtractRequest& request_;
  const ExtractOptions& options_;
  param::OptionSet& settings_;
  mutable pipeline::Recorder recorder_;
  pipeline::Context& context_ = recorder_;   ///< with the defaults of its functions
  pipeline::RunClock clock_;
  instrument::ProfileSet profiles_;
  psf::PsfModel psf_, detection_psf_;
  std::vector<instrument::FrameNames> names_;
  instrument::FrameFile mosaic_;            ///< the image that sources are found on
  std::vector<instrument::FrameFile> frames_;
  std::vector<std::string> files_;          ///< read, for the record
  Table list_, detections_, curves_;
  Found found_;
  std::optional<NoiseCorrelation> correlation_;
  std::vector<FitImage> images_;
  std::vector<Source> sources_;
  std::vector<ApertureFluxes> apertures_;
  FitSummary fit_;
  double link_ = 0;
  std::vector<ProductRecord> products_;
};

}  // namespace

pipeline::Outcome extract(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, pipeline::Context& context) { return Extraction{request, options, settings, context}.run(); }

}  // namespace tessera::extraction
