/// picture/spectrum_plot.h — a spectrum as a PNG or an SVG: points with errors and widths, marked ones in another colour, and a line where one is given.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tessera::picture {

struct SpectrumPlot {
  std::vector<double> x{}, y{};
  std::vector<double> x_half{}, y_err{};     ///< half widths and errors; of the length of x, or empty
  std::vector<std::uint8_t> marked{};        ///< drawn pale and open; of the length of x, or empty
  std::vector<double> line_x{}, line_y{};    ///< joined in order; broken where y is not finite
  std::string title{}, x_label{}, y_label{};
};

/// Points that are not finite are left out; the y axis holds 0 and all unmarked points with their errors, those far out of the common range aside.
/// Throws SystemError when the file cannot be written.
void write_spectrum_png(const SpectrumPlot& plot, const std::filesystem::path& path);
/// The same drawn in lines, text as outlines: a file that needs no font.
void write_spectrum_svg(const SpectrumPlot& plot, const std::filesystem::path& path);

}  // namespace tessera::picture
