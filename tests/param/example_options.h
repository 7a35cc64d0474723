/// tests/param/example_options.h — one option of every kind, bound to a struct.
#pragma once
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tessera/param/schema.h"

namespace example {

enum class Method { none, temporal, box };

struct Rejection {
  Method method = Method::temporal;
  double threshold_high = 5;
  int iterations = 3;
  unsigned bits = 0;
};

inline void describe(tessera::param::Schema<Rejection>& s) {
  s.field(&Rejection::method, "method", "How outliers are found.")
      .choices({{"none", Method::none}, {"temporal", Method::temporal}, {"box", Method::box}})
      .flag("rejection")
      .namelist("MODULES", "REJECT");
  s.field(&Rejection::threshold_high, "threshold_high", "Values above the median by more than this are rejected.")
      .range(1, 100)
      .unit("sigma")
      .flag("threshold");
  s.field(&Rejection::iterations, "iterations", "Rounds of rejection.").at_least(1);
  s.field(&Rejection::bits, "bits", "Bits of the mask that are fatal.");
}

struct Output {
  std::string path;
  bool overwrite = false, pictures = true;
  std::vector<std::string> keep;
  double level = std::numeric_limits<double>::quiet_NaN();  // not given
  int verbosity = 0;
};

inline void describe(tessera::param::Schema<Output>& s) {
  s.field(&Output::path, "path", "Where results go: it's \"here\" | there.").flag("output", 'o').placeholder("PATH");
  s.field(&Output::overwrite, "overwrite", "Replace results.").flag("overwrite", 'f');
  s.field(&Output::pictures, "pictures", "Write pictures.").flag("pictures");
  s.field(&Output::keep, "keep", "Intermediates to keep.").flag("keep", 'k');
  s.field(&Output::level, "level", "Sky level.").unit("MJy/sr").at_least(0);
  s.field(&Output::verbosity, "verbosity", "How much is told.")
      .choices({{"normal", 0}, {"quiet", -1}, {"verbose", 1}})
      .shortcut("verbose", 'v', "verbose")
      .shortcut("quiet", 'q', "quiet");
}

struct Tiles {
  int tile_size = 0;
};

inline void describe(tessera::param::Schema<Tiles>& s) { s.field(&Tiles::tile_size, "tile_size", "Side of a tile."); }

/// Both sections, and the set that reads into them.
struct Options {
  Rejection rejection;
  Output output;
  tessera::param::OptionSet set;
  Options() {
    set.add("rejection", "Outlier rejection", rejection);
    set.add("output", "Results", output);
  }
};

/// The message of the UsageError that `action` throws; "" when it throws none.
template <class F>
std::string refusal(F&& action) {
  try {
    action();
  } catch (const tessera::UsageError& e) {
    return e.what();
  }
  return "";
}

}  // namespace example
