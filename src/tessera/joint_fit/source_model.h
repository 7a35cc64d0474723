/// joint_fit/source_model.h — what sources add to the pixels of the images that see them.
#pragma once
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"

namespace tessera::joint_fit {

/// ∂x/∂u, ∂x/∂v, ∂y/∂u, ∂y/∂v at a pixel: u, v arcsec to the east and north. NaN where the map cannot be inverted.
std::array<double, 4> pixels_per_arcsec(const wcs::SkyWcs& sky, wcs::PixelPoint at);
/// Where +x points on the sky, from east to north in radians; 0 where the image has no place.
double direction_of_x(const wcs::SkyWcs& sky, wcs::PixelPoint at);
/// Coordinates (u, v) along axes turned by `angle` from the first to the second, and a sight by them.
std::pair<double, double> turned(double u, double v, double angle);
photometry::Sight turned(const photometry::Sight& sight, double angle);
/// The sight moved by the source's offset.
photometry::Sight moved(const photometry::Sight& sight, double u, double v);
/// Adds flux × response of a source at a sight (its place now) to `to`.
void add_source(const FitImage& image, const photometry::Sight& now, double flux, psf::PointResponse& workspace, std::vector<float>& stamp, View<float> to);

/// Adds the variance that stars have which differ from the response (psf::Meaning::scatter): nothing where it says none.
void add_scatter(const FitImage& image, const photometry::Sight& now, double flux, psf::PointResponse& workspace, std::vector<float>& stamp, View<float> to);

/// Which sources each image sees, by rows. Sources and their sights must stay where they are.
class SourceLists {
 public:
  SourceLists(std::size_t images, std::span<const Source> sources);
  /// Adds to `to`, a part of the image whose sights say frame = `number`, the models of its sources as they stand. Bits of a pixel do not depend on the part.
  void add_to(const FitImage& image, std::size_t number, View<float> to) const;
  /// The same on the whole image.
  Image<float> model(const FitImage& image, std::size_t number) const;
  /// Of all sources, the variance of add_scatter(); empty where the response says none.
  Image<float> scatter(const FitImage& image, std::size_t number) const;
  /// The light by which the noise of their photons is counted; empty where that is the model.
  Image<float> light(const FitImage& image, std::size_t number) const;
  /// Calls f(source, sight) for each source on an image.
  template <class F>
  void for_sights(std::size_t number, F f) const {
    for (const Seen& s : seen_[number]) f(*s.source, *s.sight);
  }

 private:
  template <class F>
  void add(const FitImage& image, std::size_t number, View<float> to, F light_of) const;
  struct Seen {
    const Source* source;
    const photometry::Sight* sight;
  };
  std::vector<std::vector<Seen>> seen_;  // of each image, by the row of the sight
};

}  // namespace tessera::joint_fit
