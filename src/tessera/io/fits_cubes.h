/// io/fits_cubes.h — a FITS file of several cubes of one size, written in pieces of rows in any order and by many threads, with tables behind
/// them. So a file much larger than memory is made plane by plane although its planes lie in several HDUs.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/table.h"

namespace tessera::io {

struct CubeHdu {
  enum class Pixels { real, integer };  ///< 32 bits each
  std::string name;                     ///< EXTNAME; of the first cube "": it is the primary HDU itself
  Pixels pixels = Pixels::real;
  Header cards;                         ///< beside those of storage
};

/// CHECKSUM and DATASUM on every HDU. The file appears with close(); an object destroyed before that leaves nothing. Throws SystemError with path and reason.
class FitsCubes {
 public:
  /// An empty primary HDU with `primary`, then the cubes; or the first cube with these cards before its own. Throws UsageError without pixels.
  FitsCubes(const std::filesystem::path& path, const Header& primary, std::vector<CubeHdu> cubes, int width, int height, int depth);
  ~FitsCubes();
  FitsCubes(const FitsCubes&) = delete;
  FitsCubes& operator=(const FitsCubes&) = delete;

  /// Whole rows from y of plane z of a cube (its place in the list); every row must be written once. Safe from many threads.
  void write(std::size_t cube, int z, int y, std::span<const float> rows);
  void write(std::size_t cube, int z, int y, std::span<const std::int32_t> rows);
  void close(const std::vector<Table>& tables);

  /// Bytes of the cubes in the file.
  static std::int64_t bytes(std::size_t cubes, int width, int height, int depth);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::io
