#include "tessera/psf_estimate/at.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/extraction/place_responses.h"
#include "tessera/io/tables.h"
#include "tessera/joint_fit/source_table.h"
#include "tessera/picture/bare.h"
#include "tessera/run/record.h"
#include "tessera/wcs/position_text.h"

namespace tessera::psf_estimate {
namespace {

namespace fs = std::filesystem;
using run::Level;

constexpr std::size_t most_pictures = 64;  // of tables in psf.png, eight in a row
constexpr int pictures_in_row = 8, picture_gap = 4, least_side = 240;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Asked {
  wcs::SkyPoint sky;
  wcs::PixelPoint pixel{nan, nan};
  psf_coadd::ResponseAt found;
  const char* status = "";
};

class AtRun {
 public:
  AtRun(const AtRequest& request, const PsfOptions& options, param::OptionSet& settings, run::Context& outer)
      : request_{request}, options_{options}, settings_{settings}, recorder_{outer}, clock_{"psf", request.arguments}, profiles_{instrument::ProfileSet::load(instrument::ProfileSet::default_folders())} {}

  run::Outcome run() {
    require_response();
    find_places();
    const auto response = instrument::read_psf(options_.images.psf);
    const fs::path named{request_.mosaic};
    mosaic_ = instrument::open_frame({files::is_folder(named) ? named / "mosaic.fits" : named, {}, {}, -1, {}, {}}, {}, profiles_);
    const auto frames = extraction::recorded_frames(mosaic_, profiles_, context_);
    if (request_.dry_run) {
      context_.log(Level::info, fmt::format("the response would be computed at {} place{} of {}, from {} frames", places_.size(), places_.size() == 1 ? "" : "s", mosaic_.label(), frames.files.size()));
      return run::Outcome::done;
    }
    const auto asked = run::table_request("psf", request_.arguments, {mosaic_.image.path.string()}, settings_);
    run::OutputFolder folder{request_.output, asked, request_.overwrite};
    context_.log_to(folder.product("tessera.log").string());
    const auto coadd = extraction::coadd_response(response, mosaic_, frames, options_.estimate.samples_per_pixel, context_);
    respond(coadd);
    if (frames.record.coadd.weights == coadd::Weighting::sigma)
      context_.caveat("sigma-weights", fmt::format("{}: its frames were weighted by the variance of each pixel; here they have the weights of their sky", mosaic_.label()));
    return write(coadd, frames, asked, folder);
  }

 private:
  /// Whose response it is must be said: a default of two pixels would be a guess.
  void require_response() const {
    for (const auto& s : settings_.settings())
      if (s.key == "psf.file" && s.source != param::Source::initial) return;
    throw UsageError{"psf at: the point response of the frames is not known; add --psf FILE (psf estimate makes it from the frames), or --psf gaussian:fwhm_pix=1.8 with the width of stars on a frame"};
  }

  void find_places() {
    for (const auto& text : request_.positions) {
      const auto sky = wcs::parse_position(text);
      if (!sky) throw UsageError{fmt::format("psf at: '{}' is no position; expected RA,DEC in degrees, or as 12:34:56.7,-01:02:03", text)};
      places_.push_back({*sky, {nan, nan}, {}, ""});
    }
    const auto& list = options_.choice.sources;
    if (!list.empty())
      for (const auto& sky : joint_fit::positions_of(io::read_table(list), list)) places_.push_back({sky, {nan, nan}, {}, ""});
    if (places_.empty()) throw UsageError{"psf at: no position given; name RA,DEC before the mosaic, or a table with columns ra and dec as --sources"};
  }

  void respond(const psf_coadd::CoaddResponse& coadd) {
    const auto count = static_cast<std::int64_t>(places_.size());
    if (count * coadd.bytes_per_table() > context_.memory_bytes() / 2)
      throw SystemError{fmt::format("the responses at {} places take {} MB, half the memory ceiling is {} MB; ask for fewer at a time, or raise --memory", count, count * coadd.bytes_per_table() >> 20, context_.memory_bytes() / 2 >> 20)};
    context_.stage("responses at places of the mosaic", count);
    context_.pool().for_each(count, [&](std::int64_t i) {
      Asked& a = places_[static_cast<std::size_t>(i)];
      if (std::isfinite(a.sky.ra_deg) && std::isfinite(a.sky.dec_deg)) a.pixel = mosaic_.wcs.sky_to_pixel(a.sky);
      a.found = coadd.at(a.pixel.x, a.pixel.y);
      const bool within = a.pixel.x >= -0.5 && a.pixel.x < mosaic_.width - 0.5 && a.pixel.y >= -0.5 && a.pixel.y < mosaic_.height - 0.5;
      a.status = a.found.frames > 0 ? "covered" : !std::isfinite(a.sky.ra_deg + a.sky.dec_deg) ? "no position" : within ? "no frame covers it" : "outside the mosaic";
      context_.step();
    });
    const auto without = std::count_if(places_.begin(), places_.end(), [](const Asked& a) { return a.found.frames == 0; });
    if (without > 0) context_.caveat("no-coverage", fmt::format("{} of {} places lie where no frame does; their rows in places.fits say why", without, places_.size()), without);
  }

  Table table() const {
    std::vector<double> ra, dec, x, y, coverage, fwhm, peak, flux, area;
    std::vector<std::int32_t> frames, hdu;
    std::vector<std::string> status;
    std::int32_t next = 0;
    for (const Asked& a : places_) {
      const bool covered = a.found.frames > 0;
      const auto of = [&](auto value) { return covered ? value() : nan; };
      ra.push_back(a.sky.ra_deg), dec.push_back(a.sky.dec_deg), x.push_back(a.pixel.x), y.push_back(a.pixel.y);
      frames.push_back(a.found.frames), coverage.push_back(a.found.coverage), hdu.push_back(covered ? next++ : -1), status.emplace_back(a.status);
      const auto& r = a.found.response;
      fwhm.push_back(of([&] { return r.fwhm_pix(); })), peak.push_back(of([&] { return r.peak(); })), flux.push_back(of([&] { return r.flux(); })), area.push_back(of([&] { return r.noise_equivalent_area(); }));
    }
    Table t;
    t.name = "places";
    t.add("ra", std::move(ra), "deg", "right ascension, ICRS", "pos.eq.ra;meta.main");
    t.add("dec", std::move(dec), "deg", "declination, ICRS", "pos.eq.dec;meta.main");
    t.add("x", std::move(x), "pix", "on the mosaic, from 0");
    t.add("y", std::move(y), "pix", "on the mosaic, from 0");
    t.add("frames", std::move(frames), "", "frames with weight in the pixel there");
    t.add("coverage", std::move(coverage), "", "of that pixel, as frames without rejected and masked pixels give it");
    t.add("fwhm", std::move(fwhm), "pix", "full width at half maximum on the mosaic");
    t.add("peak", std::move(peak), "", "share of the flux in the pixel of a star in its middle");
    t.add("flux", std::move(flux), "", "share of the flux in all pixels, averaged over positions");
    t.add("noise_pixels", std::move(area), "pix2", "variance of a fitted flux over that of a pixel, noise being independent");
    t.add("hdu", std::move(hdu), "", "of psf.fits, from 0; -1: none");
    t.add("status", std::move(status), "", "covered, or why there is no response");
    return t;
  }

  /// The tables side by side, in order from below left, each over its peak.
  void draw(const fs::path& path) const {
    std::vector<const psf::PointResponse*> shown;
    for (const Asked& a : places_)
      if (a.found.frames > 0 && shown.size() < most_pictures) shown.push_back(&a.found.response);
    const int side = shown.front()->samples().box().width(), enlarged = std::max(1, least_side / side), cell = side * enlarged + picture_gap;
    const int columns = std::min(pictures_in_row, static_cast<int>(shown.size())), rows = (static_cast<int>(shown.size()) + columns - 1) / columns;
    picture::PreviewBuilder builder{columns * cell - picture_gap, rows * cell - picture_gap, 8000};
    std::vector<double> peak;
    for (const auto* r : shown) peak.push_back(r->peak());
    std::vector<float> line(static_cast<std::size_t>(columns * cell - picture_gap));
    for (int y = 0; y < rows * cell - picture_gap; ++y) {
      std::fill(line.begin(), line.end(), std::numeric_limits<float>::quiet_NaN());
      for (int x = 0; x < static_cast<int>(line.size()); ++x) {
        const auto k = static_cast<std::size_t>(y / cell * columns + x / cell);
        const int i = x % cell / enlarged, j = y % cell / enlarged;
        if (k < shown.size() && i < side && j < side) line[static_cast<std::size_t>(x)] = shown[k]->samples()(i, j) / static_cast<float>(peak[k]);
      }
      builder.add_row(y, line);
    }
    picture::PictureOptions how;
    how.palette = picture::Palette::viridis;
    files::write_atomic(path, picture::draw_bare(builder.finish(), how).png);
  }

  void write_tables(const psf_coadd::CoaddResponse& coadd, run::OutputFolder& folder) {
    std::vector<psf::PointResponse> tables;
    std::vector<std::pair<double, double>> at;
    std::vector<Header> cards;
    for (const Asked& a : places_) {
      if (a.found.frames == 0) continue;
      Header h;
      h.set("OVERSAMP", static_cast<std::int64_t>(coadd.samples_per_pixel()), "samples per pixel");
      h.set("PRRA", a.sky.ra_deg, "[deg] right ascension of the place, ICRS");
      h.set("PRDEC", a.sky.dec_deg, "[deg] declination of the place, ICRS");
      h.set("PRFWHM", a.found.response.fwhm_pix(), "[pixel] full width at half maximum");
      h.set("PRFRAMES", static_cast<std::int64_t>(a.found.frames), "frames that count there");
      cards.push_back(std::move(h));
      tables.push_back(a.found.response);
      at.push_back({a.pixel.x, a.pixel.y});
    }
    if (tables.empty()) return;
    instrument::write_psf_places(folder.product("psf.fits"), tables, at, cards);
    products_.push_back({"psf.fits", run::datasums(folder.product("psf.fits"))});
    draw(folder.product("psf.png"));
    products_.push_back({"psf.png", ""});
  }

  run::Outcome write(const psf_coadd::CoaddResponse& coadd, const extraction::RecordedFrames& frames, const run::Request& asked, run::OutputFolder& folder) {
    context_.stage("writing products", 1);
    write_tables(coadd, folder);
    run::write_table_product(table(), "places", io::TableFormat::fits, folder, products_);
    std::vector<std::string> read{mosaic_.image.path.string()};
    read.insert(read.end(), frames.record.read.begin(), frames.record.read.end());
    for (const auto& f : frames.files) read.push_back(f.image.path.string());
    for (const auto& file : {options_.images.psf.file, options_.choice.sources})
      if (files::exists(file)) read.push_back(file);
    const auto inputs = run::hash_files(read, context_);
    const auto covered = std::count_if(places_.begin(), places_.end(), [](const Asked& a) { return a.found.frames > 0; });
    const std::vector<std::pair<std::string, double>> results{{"places", static_cast<double>(places_.size())}, {"covered", static_cast<double>(covered)}, {"frames", static_cast<double>(coadd.frames().size())},
                                                              {"samples_per_pixel", static_cast<double>(coadd.samples_per_pixel())}};
    run::publish_run(clock_, asked.plan_hash, settings_, inputs, products_, results, folder, recorder_);
    for (const Asked& a : places_)
      if (places_.size() <= 8)
        context_.log(Level::info, a.found.frames == 0 ? fmt::format("{:.6f} {:+.6f}: {}", a.sky.ra_deg, a.sky.dec_deg, a.status)
                                                      : fmt::format("{:.6f} {:+.6f}, pixel ({:.2f}, {:.2f}): {} frames, full width {:.3f} pixels, {:.1f} % of the flux in the middle pixel", a.sky.ra_deg, a.sky.dec_deg, a.pixel.x, a.pixel.y,
                                                                    a.found.frames, a.found.response.fwhm_pix(), 100 * a.found.response.peak()));
    context_.log(Level::info, fmt::format("{}: the response at {} of {} places, {}", request_.output, covered, places_.size(), text::format_duration(clock_.record.wall_s)));
    if (covered == 0) return run::Outcome::nothing_to_do;
    return recorder_.outcome();
  }

  const AtRequest& request_;
  const PsfOptions& options_;
  param::OptionSet& settings_;
  run::Recorder recorder_;
  run::Context& context_ = recorder_;
  run::RunClock clock_;
  instrument::ProfileSet profiles_;
  instrument::FrameFile mosaic_;
  std::vector<Asked> places_;
  std::vector<run::ProductRecord> products_;
};

}  // namespace

run::Outcome response_at(const AtRequest& request, const PsfOptions& options, param::OptionSet& settings, run::Context& context) { return AtRun{request, options, settings, context}.run(); }

}  // namespace tessera::psf_estimate
