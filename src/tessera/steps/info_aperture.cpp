#include "tessera/steps/info_aperture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/core/noise_correlation.h"
#include "tessera/core/statistics.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/correlation.h"

namespace tessera::steps {
namespace {

struct Place {
  double x = 0, y = 0;  ///< pixels counted from 0
};

Place place_of(const std::string& at) {
  std::string words = at;
  std::replace(words.begin(), words.end(), ',', ' ');
  std::vector<double> numbers;
  for (const auto& word : text::split(words, ' '))
    if (!word.empty()) {
      const auto number = text::to_double(word);
      if (!number || !(std::abs(*number) < 1e9)) throw UsageError{fmt::format("--at '{}': two numbers were expected, x and y in pixels counted from 1", at)};
      numbers.push_back(*number);
    }
  if (numbers.size() != 2) throw UsageError{fmt::format("--at '{}': two numbers were expected, x and y in pixels counted from 1", at)};
  return {numbers[0] - 1, numbers[1] - 1};
}

}  // namespace

InfoReport report_aperture(const std::filesystem::path& path, double radius, const std::string& at) {
  io::FitsFile file{path};
  const NoiseCorrelation correlation = pipeline::read_correlation(file);
  const auto plane = file.first_image();
  if (!plane || plane == file.find("CORRELATION")) throw DataError{fmt::format("{}: no image of uncertainties; --aperture needs the mosaic_unc.fits of a mosaic", path.string())};
  const std::string unit = file.header(*plane).text("BUNIT").value_or("");
  const Place place = at.empty() ? Place{} : place_of(at);
  const Image<float> weight = circular_aperture(place.x, place.y, radius);
  const Box box = weight.box();
  Image<float> sigma;
  if (at.empty()) {
    const Image<float> whole = file.read_float(*plane);
    sigma = Image<float>{box, static_cast<float>(statistics::median(whole.pixels()))};
  } else {
    const auto& axes = file.hdus()[static_cast<std::size_t>(*plane)].axes;
    if (axes.size() != 2 || !Box{0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])}.contains(box))
      throw UsageError{fmt::format("{}: a circle of {} pixels at ({}) leaves the image", path.string(), radius, at)};
    sigma = file.read_float(*plane, box);
  }
  const double error = std::sqrt(variance_of_sum(weight, sigma, correlation)), alone = std::sqrt(variance_of_sum(weight, sigma, {}));
  if (!std::isfinite(error)) throw DataError{fmt::format("{}: {} has no uncertainty, so its sum has no error", path.string(), at.empty() ? "no pixel" : "a pixel of the circle")};
  const std::string where = at.empty() ? "on pixels of the median uncertainty" : fmt::format("at x y = {:.8g} {:.8g}", place.x + 1, place.y + 1);
  const nlohmann::ordered_json j{{"path", path.string()}, {"kind", "aperture"}, {"radius_pix", radius}, {"at", at.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json{place.x + 1, place.y + 1}},
                                 {"error_of_sum", error}, {"unit", unit + (unit.empty() ? "" : " pixel")}, {"error_if_independent", alone}, {"ratio", error / alone}};
  return {fmt::format("{}\n  aperture     radius {:.8g} pixels, {}\n  error        {:.6g} {} (1 sigma of the sum over pixels)\n  correlation  {:.4f} times the error that independent pixels would have\n",
                      path.string(), radius, where, error, unit, error / alone),
          j.dump(1)};
}

}  // namespace tessera::steps
