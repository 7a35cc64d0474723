/// discover/places.h — places in a pixel where a source is tried, and what it costs that noise has so many chances.
///
/// Under noise alone peaks above u are as many as the islands there less the holes in them (Adler & Taylor 2007, Random Fields and Geometry, 11: the Euler characteristic): on a grid, corners less edges plus squares that
/// are above u whole. For each corner that is P(S > u) · E(ρ), E = 1 − 2 P(next > u) + P(next along x, along y and across > u), both where S > u; ρ is the correlation of S for responses a step apart, across ρ².
/// n × n places in a pixel have n² E(ρ of 1/n pixel) / E(ρ of a pixel) times the peaks of one: more than 1 and less than n². For the σ of a pixel to mean the same, p becomes 1 − (1 − p)^that.
#pragma once
#include <vector>

#include "tessera/psf/psf_model.h"

namespace tessera::discover {

/// Number `x` of n along the row and `y` along the column.
struct Place {
  int x = 0, y = 0, n = 1;
  double offset_x() const { return (x + 0.5) / n - 0.5; }  ///< from the pixel's middle, pixels
  double offset_y() const { return (y + 0.5) / n - 0.5; }
};

/// E above. `u` at least 1.
double islands(double correlation, double u);

/// Peaks of noise above `threshold` at n × n places of each pixel, over those at one; by the mean correlation of the responses. `squares`: of sums of S², whose correlation is ρ². 1 for n = 1.
double chances_of_places(const std::vector<const psf::PsfModel*>& responses, int n, double threshold, bool squares);

}  // namespace tessera::discover
