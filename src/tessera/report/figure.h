/// report/figure.h — a picture of the sky in the page: inlined, enlarged on a click, with colour bar, compass and scale bar.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/report/html.h"

namespace tessera::report {

/// A ring about a place: fractions of the picture's width, from its lower left corner.
struct Ring {
  double x = 0, y = 0, radius = 0;
  std::string name;                    ///< shown by the pointer
};

struct SkyFigure {
  std::string id;                      ///< of the element, a plain word
  bool large = false;                  ///< the picture the others stand beside; it alone shows compass and scale bar
  std::string png;
  int width = 0, height = 0;           ///< of the PNG
  std::string title, caption;
  std::string full_picture;            ///< file beside the page, or ""
  std::vector<std::uint32_t> colours;  ///< of the colour bar, 0x00RRGGBB, from its lower end
  std::vector<std::pair<double, std::string>> ticks;
  std::string unit;
  std::optional<std::pair<std::pair<double, double>, std::pair<double, double>>> compass;  ///< north, east: x right, y up, length 1
  double scale_bar = 0;                ///< length as a fraction of the width; 0: none
  std::string scale_label;
  std::vector<Ring> rings;             ///< on a large picture
};
Markup sky_figure(const SkyFigure& figure);

}  // namespace tessera::report
