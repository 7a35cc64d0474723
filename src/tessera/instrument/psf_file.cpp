/// instrument/psf_file.cpp — options, side files and cards → the meaning of a table; PRF maps.
#include "tessera/instrument/psf_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <map>

#include "tessera/base/files.h"
#include "tessera/instrument/psf_meaning_private.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"

namespace fs = std::filesystem;

namespace tessera::instrument {

void describe(param::Schema<PsfFileOptions>& s) {
  s.field(&PsfFileOptions::file, "file", "Point response: a file, or gaussian:fwhm_pix=…, or moffat:fwhm_pix=…,beta=….").flag("psf").placeholder("FILE").namelist("", "PRF_file_name").namelist("", "PRFMAP_FILE_NAME");
  s.field(&PsfFileOptions::samples_per_pixel, "samples_per_pixel", "Samples of the table per image pixel; 0: as the file says.").range(0, 1000).namelist("SOURCESTIMATE", "PRF_ResampleX_Factor");
  s.field(&PsfFileOptions::samples_per_pixel_y, "samples_per_pixel_y", "The same along y, where it differs; 0: as along x.").range(0, 1000).namelist("SOURCESTIMATE", "PRF_ResampleY_Factor");
  s.field(&PsfFileOptions::centre_x, "centre_x", "Sample on which the source lies, counted from 0; -1: as the file says.").unit("sample").at_least(-1);
  s.field(&PsfFileOptions::centre_y, "centre_y", "The same along y.").unit("sample").at_least(-1);
  s.field(&PsfFileOptions::response, "response", "What a sample is: the response of a whole pixel, light per area to be integrated over the pixel, or the light in the sample's own cell.")
      .choices({{"as_said", ResponseChoice::as_said}, {"pixel", ResponseChoice::pixel}, {"density", ResponseChoice::density}, {"cells", ResponseChoice::cells}});
  s.field(&PsfFileOptions::normalisation, "normalisation", "Flux 1 within the radius: as the mean over sub-pixel positions, for a source in the middle of a pixel (MOPEX), or as the table is.")
      .choices({{"as_said", NormalisationChoice::as_said}, {"mean", NormalisationChoice::mean}, {"central", NormalisationChoice::central}, {"none", NormalisationChoice::none}});
  s.field(&PsfFileOptions::normalisation_radius, "normalisation_radius", "Radius of the normalisation; 0: the whole table; -1: as the file says, else the whole table.").unit("pixel").at_least(-1).namelist("SOURCESTIMATE", "Normalization_Radius");
  s.field(&PsfFileOptions::between, "between", "Between the positions of a grid of tables: the nearest or bilinear; as_defined: as the file's format is defined.")
      .choices({{"as_defined", BetweenChoice::as_defined}, {"nearest", BetweenChoice::nearest}, {"bilinear", BetweenChoice::bilinear}});
  s.field(&PsfFileOptions::untold, "untold", "Of a table that does not say what its samples are and where the source lies: refuse, or take it for MOPEX's PRF, responses of pixels about the middle sample.")
      .choices({{"refuse", UntoldChoice::refuse}, {"prf", UntoldChoice::prf}});
}

psf::Response parse_response(const std::string& word, const std::string& where) {
  const std::string name = text::lower(text::trim(word));
  if (name == "pixel") return psf::Response::pixel;
  if (name == "density") return psf::Response::density;
  if (name == "cells") return psf::Response::cells;
  throw UsageError{fmt::format("{}: the response is '{}'; expected pixel, density or cells", where, word)};
}

psf::Normalisation parse_normalisation(const std::string& word, const std::string& where) {
  const std::string name = text::lower(text::trim(word));
  if (name == "mean") return psf::Normalisation::mean;
  if (name == "central") return psf::Normalisation::central;
  if (name == "none") return psf::Normalisation::none;
  throw UsageError{fmt::format("{}: the normalisation is '{}'; expected mean, central or none", where, word)};
}

namespace {

Said side_file(const fs::path& path) {
  Said said;
  toml::table table;
  try {
    table = toml::parse(files::read(path), path.string());
  } catch (const toml::parse_error& e) {
    throw UsageError{fmt::format("{}:{}: {}", path.string(), e.source().begin.line, e.description())};
  }
  const auto fail = [&](const std::string& key, const char* expected) { throw UsageError{fmt::format("{}: '{}' must be {}", path.string(), key, expected)}; };
  const auto pair = [&](const toml::node& node, const std::string& key, std::optional<double>& x, std::optional<double>& y, bool one_for_both) {
    if (const auto* list = node.as_array(); list && list->size() == 2) {
      x = (*list)[0].value<double>();
      y = (*list)[1].value<double>();
    } else if (one_for_both) {
      x = y = node.value<double>();
    }
    if (!x || !y) fail(key, one_for_both ? "a number or [x, y]" : "[x, y], counted from 0");
  };
  for (const auto& [k, node] : table) {
    const std::string key{k.str()};
    if (key == "samples_per_pixel") {
      pair(node, key, said.sampling_x, said.sampling_y, true);
    } else if (key == "centre") {
      pair(node, key, said.centre_x, said.centre_y, false);
    } else if (key == "normalisation_radius") {
      if (!(said.radius = node.value<double>())) fail(key, "a number of pixels");
    } else if (key == "response" || key == "normalisation" || key == "between") {
      const auto word = node.value<std::string>();
      if (!word) fail(key, "a text in quotes");
      if (key == "response") said.response = parse_response(*word, path.string());
      if (key == "normalisation") said.normalisation = parse_normalisation(*word, path.string());
      if (key == "between" && *word != "nearest" && *word != "bilinear") fail(key, "\"nearest\" or \"bilinear\"");
      if (key == "between") said.between = *word == "nearest" ? psf::Between::nearest : psf::Between::bilinear;
    } else {
      throw UsageError{fmt::format("{}:{}: unknown key '{}'; known: samples_per_pixel, centre, response, normalisation, normalisation_radius, between", path.string(), k.source().begin.line, key)};
    }
  }
  return said;
}

psf::ProfileOptions profile_of(const std::string& spec) {
  const auto colon = spec.find(':');
  psf::ProfileOptions options;
  param::Schema<psf::ProfileOptions> schema;
  psf::describe(schema);
  const auto fields = std::move(schema).fields();
  std::vector<std::string> names;
  for (const auto& f : fields) names.push_back(f.name);
  options.profile = text::lower(spec.substr(0, colon)) == "moffat" ? psf::ProfileShape::moffat : psf::ProfileShape::gaussian;
  for (const std::string& part : text::split(spec.substr(colon + 1), ',')) {
    const auto equals = part.find('=');
    const std::string name{text::trim(part.substr(0, equals))};
    const auto field = std::find_if(fields.begin() + 1, fields.end(), [&](const param::Field& f) { return f.name == name; });
    if (equals == std::string::npos || field == fields.end())
      throw UsageError{fmt::format("--psf {}: '{}' is none of {}, each followed by = and a number", spec, part, text::join({names.begin() + 1, names.end()}, ", "))};
    try {
      field->set(&options, part.substr(equals + 1));
    } catch (const UsageError& e) {
      throw UsageError{fmt::format("--psf {}: {} {}", spec, name, e.what())};
    }
  }
  if (!(options.fwhm_pix > 0)) throw UsageError{fmt::format("--psf {}: fwhm_pix, the full width at half maximum in pixels, must be given and positive", spec)};
  if (!(options.axis_ratio > 0 && options.axis_ratio <= 1)) throw UsageError{fmt::format("--psf {}: axis_ratio must lie in (0, 1]", spec)};
  return options;
}

bool is_profile(const std::string& spec) { return text::starts_with_nocase(spec, "gaussian:") || text::starts_with_nocase(spec, "moffat:"); }

}  // namespace

void add_missing(Said& said, const Said& more) {
  const auto fill = [](auto& to, const auto& from) {
    if (!to) to = from;
  };
  fill(said.sampling_x, more.sampling_x), fill(said.sampling_y, more.sampling_y);
  fill(said.centre_x, more.centre_x), fill(said.centre_y, more.centre_y);
  fill(said.radius, more.radius), fill(said.scatter, more.scatter), fill(said.response, more.response);
  fill(said.normalisation, more.normalisation), fill(said.between, more.between);
  said.balanced = said.balanced || more.balanced;
}

Said said_by_user(const PsfFileOptions& o, const fs::path& file) {
  Said said;
  if (o.samples_per_pixel > 0) said.sampling_x = said.sampling_y = o.samples_per_pixel;
  if (o.samples_per_pixel_y > 0) said.sampling_y = o.samples_per_pixel_y;
  if (o.centre_x >= 0) said.centre_x = o.centre_x;
  if (o.centre_y >= 0) said.centre_y = o.centre_y;
  if (o.normalisation_radius >= 0) said.radius = o.normalisation_radius;
  if (o.response != ResponseChoice::as_said)
    said.response = o.response == ResponseChoice::pixel ? psf::Response::pixel : o.response == ResponseChoice::density ? psf::Response::density : psf::Response::cells;
  if (o.normalisation != NormalisationChoice::as_said)
    said.normalisation = o.normalisation == NormalisationChoice::mean ? psf::Normalisation::mean : o.normalisation == NormalisationChoice::central ? psf::Normalisation::central : psf::Normalisation::none;
  said.prf = o.untold == UntoldChoice::prf;
  if (o.between != BetweenChoice::as_defined) said.between = o.between == BetweenChoice::nearest ? psf::Between::nearest : psf::Between::bilinear;
  const fs::path side = file.string() + ".toml";
  if (files::exists(side)) add_missing(said, side_file(side));
  return said;
}

void add_cards(Said& said, const Header& h, int width, int height) {
  Said more;
  const auto first_of = [&](std::initializer_list<const char*> keys) -> std::optional<double> {
    for (const char* key : keys)
      if (const auto v = h.number(key)) return v;
    return {};
  };
  // Ours; IRAC's PRFs; those prf_estimate writes.
  more.sampling_x = first_of({"PRSAMPX", "PRFXRSMP", "PRFSAMPX"});
  more.sampling_y = first_of({"PRSAMPY", "PRFYRSMP", "PRFSAMPY"});
  more.centre_x = h.number("PRCENX");
  more.centre_y = h.number("PRCENY");
  more.radius = first_of({"PRNORMR", "NORMRAD"});
  if (const auto scatter = h.number("PRSCAT"); scatter && *scatter >= 0 && *scatter <= 1) more.scatter = scatter;
  if (const auto r = h.text("PRRESP")) more.response = parse_response(*r, "card PRRESP");
  if (const auto n = h.text("PRNORM")) more.normalisation = parse_normalisation(*n, "card PRNORM");
  // A PRF is a table of pixel responses by definition (guide 8.7), and prf_estimate puts the source on the middle sample of an odd table.
  if (!h.has("PRSAMPX") && (h.has("PRFXRSMP") || h.has("PRFSAMPX"))) more.response = psf::Response::pixel;
  // IRAC's tables of places on the array have no middle sample. On the frames of AOR 46291456 their stars lie where the table is balanced: docs/formats/psf.md.
  more.balanced = h.has("PRFXRSMP") && h.has("PRFCOL") && h.has("PRFROW");
  if (h.text("PRFPROC") == "prf_estimate" && width % 2 == 1 && height % 2 == 1) {
    more.centre_x = (width - 1) / 2;
    more.centre_y = (height - 1) / 2;
  }
  add_missing(said, more);
}

psf::Meaning complete(Said said, const fs::path& file, int width, int height) {
  if (said.prf) {
    Said prf;
    prf.response = psf::Response::pixel;
    if (!said.balanced) prf.centre_x = (width - 1) / 2, prf.centre_y = (height - 1) / 2;
    add_missing(said, prf);
  }
  if (said.balanced) {
    Said from_table;
    from_table.centre_x = from_table.centre_y = std::numeric_limits<double>::quiet_NaN();
    add_missing(said, from_table);
  }
  std::vector<std::string> missing;
  if (!said.sampling_x || !said.sampling_y) missing.push_back("the samples per pixel (psf.samples_per_pixel)");
  if (!said.centre_x || !said.centre_y) missing.push_back("the sample the source lies on (psf.centre_x, psf.centre_y; from 0)");
  if (!said.response) missing.push_back("whether a sample is a pixel's response or still to be integrated over the pixel (psf.response = pixel, density or cells)");
  if (!missing.empty())
    throw UsageError{fmt::format("{}: this {} × {} table does not say {}; give it as an option, or in a side file {}.toml with samples_per_pixel, centre = [x, y] and response", file.string(), width, height,
                                 text::join(missing, ", nor "), file.filename().string())};
  return {.samples_per_pixel_x = *said.sampling_x, .samples_per_pixel_y = *said.sampling_y, .centre_x = *said.centre_x, .centre_y = *said.centre_y, .response = *said.response,
          .normalisation = said.normalisation.value_or(psf::Normalisation::mean), .normalisation_radius_pix = said.radius.value_or(0), .scatter = said.scatter.value_or(0)};
}

psf::PsfModel read_prf_map(const PsfFileOptions& options, const fs::path& map) {
  const Table table = io::read_table(map);
  std::map<std::string, int> index;  // PRF number as written → table
  std::vector<psf::PointResponse> tables;
  std::vector<psf::Zone> zones;
  const auto num = table.numbers("PRFNum"), nx = table.numbers("NAXIS1"), ny = table.numbers("NAXIS2"), x = table.numbers("PRFPos1"), y = table.numbers("PRFPos2");
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const std::string key = fmt::format("PRF_Filename_{}", num[i]);
    const Card* card = table.keyword(key);
    if (!card) throw DataError{fmt::format("{}: row {} names PRF {}, and there is no keyword {}", map.string(), i + 1, num[i], key)};
    const auto found = index.find(key);
    if (found == index.end()) {
      Header as_text;
      as_text.add(*card);
      fs::path file{as_text.text(key).value_or("")};
      // Maps come with the absolute paths of another machine; their tables lie beside them.
      if (!files::exists(file)) file = map.parent_path() / (file.is_absolute() ? file.filename() : file);
      tables.push_back(read_single_table(options, file));
      index[key] = static_cast<int>(tables.size()) - 1;
    }
    if (!(nx[i] > 0 && ny[i] > 0 && std::isfinite(x[i]) && std::isfinite(y[i]))) throw DataError{fmt::format("{}: row {} has no area", map.string(), i + 1)};
    zones.push_back({x[i] - 1.5, y[i] - 1.5, x[i] + nx[i] - 1.5, y[i] + ny[i] - 1.5, index[key]});  // FITS pixels, from edge to edge
  }
  if (zones.empty()) throw DataError{fmt::format("{}: a PRF map without rows", map.string())};
  return psf::PsfModel::zones(std::move(tables), std::move(zones));
}

psf::PsfModel read_psf(const PsfFileOptions& options) {
  if (options.file.empty()) throw UsageError{"a point response is needed: --psf FILE, --psf gaussian:fwhm_pix=… or --psf moffat:fwhm_pix=…,beta=…"};
  if (is_profile(options.file)) return psf::PsfModel::analytic(profile_of(options.file));
  const fs::path file{options.file};
  if (!files::exists(file)) throw DataError{fmt::format("{}: no such file (a point response is a file, gaussian:fwhm_pix=… or moffat:fwhm_pix=…)", options.file)};
  psf::PsfModel model = text::lower(file.extension().string()) == ".tbl" ? read_prf_map(options, file) : read_fits_psf(options, file);
  if (model.description().empty()) model.describe(file.filename().string());
  return model;
}

}  // namespace tessera::instrument
