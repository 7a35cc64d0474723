/// match/cross_match.h — which rows of N catalogues are the same source.
///
/// Two positions agree when they lie within `radius` and, with d² = Δᵀ C⁻¹ Δ, C the sum of both covariances, within `sigmas`. All pairs that agree are taken in the order of
/// −2 ln of their likelihood for being one source, d² + ln det C (Sutherland & Saunders 1992, MNRAS 259, 413, with equal densities), and join their groups
/// when no catalogue is in both and every row of one agrees with every row of the other. So the result depends on neither the order of rows nor that of catalogues, ties aside.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::match {

/// Degrees (ICRS) and the covariance on the sky in arcsec²: along right ascension, along declination, and of both. NaN in either coordinate: no position, never matched.
struct Position {
  double ra_deg = 0, dec_deg = 0;
  double ra_variance = 0, dec_variance = 0, covariance = 0;
};

struct Limits {
  double radius_arcsec = 1;
  double sigmas = 5;          ///< 0: distance alone counts
};

/// Δ = b − a on the plane that touches the sky at a (gnomonic), arcsec to the east and to the north.
std::array<double, 2> offset_arcsec(const Position& a, const Position& b);

struct Pair {
  std::int64_t a = 0, b = 0;  ///< rows
  double separation = 0;      ///< arcsec
  double d2 = 0, rank = 0;    ///< Δᵀ C⁻¹ Δ; d² + ln det C
};
/// All pairs that agree, sorted by a, then b. Linear in the rows and in the pairs. Covariances must be positive definite.
std::vector<Pair> agreeing_pairs(std::span<const Position> first, std::span<const Position> second, const Limits& limits);

struct Group {
  std::vector<std::int64_t> rows;  ///< of each catalogue, −1: not there
  int others = 0;                  ///< rows that agree with one of these and are not among them
};
/// Every row of every catalogue is in one group. Sorted by the first catalogue that has a row, then by that row.
std::vector<Group> cross_match(std::span<const std::vector<Position>> catalogues, const Limits& limits);

/// How many rows of `first` would find a partner in `second` if the two had nothing to do with each other: the mean over copies of `second` shifted by several radii, eight ways.
double matches_by_chance(std::span<const Position> first, std::span<const Position> second, const Limits& limits);

/// The mean weighted by the inverse covariances, and its covariance; χ² of the positions around it with 2(n − 1) degrees of freedom.
struct MeanPosition {
  Position position;
  double chi2 = 0;
  int dof = 0;
};
MeanPosition mean_position(std::span<const Position> positions);

}  // namespace tessera::match
