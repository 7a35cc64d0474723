/// fit/gram.h — the weighted products of many models with one another, which normal equations are made of.
///
/// G_ij = Σ_p w(p) r_i(p) r_j(p) for rows of pixels that lie one after another in memory. With the data as the last row the right side b and Σ w v² are in the same matrix.
/// Every number is summed in vector lanes of 64 bytes and a fixed order that depends on the length of the rows alone: the same bits on every machine and in any company of rows.
#pragma once
#include <cstddef>
#include <span>

namespace tessera::fit {

/// Rows are whole numbers of these: floats and doubles in 64 bytes. What is added to fill them has weight 0.
template <class T>
constexpr std::size_t row_lanes = 64 / sizeof(T);
template <class T>
constexpr std::size_t whole_row(std::size_t pixels) {
  return (pixels + row_lanes<T> - 1) / row_lanes<T> * row_lanes<T>;
}

/// The pixels of a row that may differ from 0, multiples of row_lanes. What lies outside of them is 0 all the same: it is left out where it can be, and no bit changes.
struct Reach {
  std::size_t begin = 0, end = 0;
};

/// The lower triangle of G, square and row after row; `length` pixels, a multiple of row_lanes, is also what rows stand apart. One reach per row, or none at all. Rows beside
/// each other that reach the same pixels are fastest. Single precision: chains of at most 32 additions, whose error stays below 1e-6 of Σ |w r_i r_j|, then double.
void gram(const float* rows, std::size_t count, std::size_t length, const float* weight, std::span<const Reach> reach, double* g);
void gram(const double* rows, std::size_t count, std::size_t length, const double* weight, std::span<const Reach> reach, double* g);

}  // namespace tessera::fit
