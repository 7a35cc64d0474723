#include "tessera/reproject/interpolation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/reproject/adaptive.h"
#include "tessera/reproject/area.h"
#include "tessera/reproject/drizzle.h"
#include "tessera/reproject/grid.h"
#include "tessera/reproject/point_kernels.h"

namespace tessera::reproject {

void describe(param::Schema<InterpolationOptions>& s) {
  s.field(&InterpolationOptions::method, "method",
          "How frame pixels are resampled: area = exact area overlap; drizzle = shrunk pixels dropped by area; grid = points of each pixel dropped; adaptive = a kernel as large as the larger of the two pixels; the others interpolate at the centre of the output pixel.")
      .choices({{"area", Interpolation::area},
                {"drizzle", Interpolation::drizzle},
                {"bilinear", Interpolation::bilinear},
                {"nearest", Interpolation::nearest},
                {"cubic", Interpolation::cubic},
                {"lanczos2", Interpolation::lanczos2},
                {"lanczos3", Interpolation::lanczos3},
                {"lanczos4", Interpolation::lanczos4},
                {"grid", Interpolation::grid},
                {"adaptive", Interpolation::adaptive}})
      .namelist("MOSAICINTIN", "INTERP_METHOD")
      .swarp("RESAMPLING_TYPE");
  s.field(&InterpolationOptions::pixfrac, "pixfrac", "Drizzle: side of the dropped pixel over that of the frame pixel.")
      .range(0.01, 1)
      .namelist("MOSAICINTIN", "DRIZ_FAC");
  s.field(&InterpolationOptions::kernel, "kernel",
          "Drizzle: shape of the drop. square = the shrunk pixel as it lies; turbo = a square along the output axes; gaussian = FWHM of pixfrac; point = its centre.")
      .choices({{"square", DropKernel::square}, {"turbo", DropKernel::turbo}, {"gaussian", DropKernel::gaussian}, {"point", DropKernel::point}});
  s.field(&InterpolationOptions::alpha, "alpha", "Cubic: slope of the kernel at 1.").range(-3, 0).namelist("MOSAICINTIN", "ALPHA");
  s.field(&InterpolationOptions::grid_ratio, "grid_ratio", "Grid: points per side of a frame pixel.").range(1, 64).namelist("MOSAICINTIN", "GRID_RATIO");
  s.field(&InterpolationOptions::min_weight, "min_weight",
          "Bilinear to lanczos4, adaptive: share of the kernel's weight that must lie on good pixels, or else there is no value.")
      .range(0.1, 1);
  s.field(&InterpolationOptions::adaptive_kernel, "adaptive_kernel", "Adaptive: shape of the kernel. hann is narrower, gaussian suppresses aliases better.")
      .choices({{"gaussian", AdaptiveKernel::gaussian}, {"hann", AdaptiveKernel::hann}});
  s.field(&InterpolationOptions::adaptive_width, "adaptive_width", "Adaptive: width of the gaussian from -1 to +1 sigma, in pixels of the output or of the frame, whichever is larger.").range(0.5, 5);
}

void resample(const FrameView& frame, const FrameMaps& maps, const InterpolationOptions& options, ResampledView out) {
  switch (options.method) {
    case Interpolation::area: return area_overlap(frame, maps.to_frame, out);
    case Interpolation::drizzle: return drizzle(frame, maps, options.pixfrac, options.kernel, out);
    case Interpolation::grid: return drop_grid(frame, maps, options.grid_ratio, out);
    case Interpolation::adaptive: return adaptive(frame, maps.to_frame, options, out);
    case Interpolation::nearest: return interpolate(frame, maps.to_frame, nearest_kernel(), options.min_weight, out);
    case Interpolation::bilinear: return interpolate(frame, maps.to_frame, bilinear_kernel(), options.min_weight, out);
    case Interpolation::cubic: return interpolate(frame, maps.to_frame, cubic_kernel(options.alpha), options.min_weight, out);
    case Interpolation::lanczos2: return interpolate(frame, maps.to_frame, lanczos_kernel(2), options.min_weight, out);
    case Interpolation::lanczos3: return interpolate(frame, maps.to_frame, lanczos_kernel(3), options.min_weight, out);
    case Interpolation::lanczos4: return interpolate(frame, maps.to_frame, lanczos_kernel(4), options.min_weight, out);
  }
}

double kernel_radius(const InterpolationOptions& options) {
  switch (options.method) {
    case Interpolation::area:
    case Interpolation::grid: return 0;
    case Interpolation::drizzle: return options.kernel == DropKernel::gaussian ? 1.2 : 0;
    case Interpolation::nearest:
    case Interpolation::bilinear: return 1;
    case Interpolation::cubic:
    case Interpolation::lanczos2: return 2;
    case Interpolation::lanczos3: return 3;
    case Interpolation::lanczos4: return 4;
    case Interpolation::adaptive: return std::numbers::sqrt2 * adaptive_support(options);
  }
  return 0;
}

double support_radius(const InterpolationOptions& options, double span) {
  switch (options.method) {
    case Interpolation::area:
    case Interpolation::grid: return 0.5 * (span + 1);
    case Interpolation::drizzle:
      switch (options.kernel) {
        case DropKernel::square: return 0.5 * (span + options.pixfrac);
        case DropKernel::turbo: return 0.5 * (span + std::numbers::sqrt2 * options.pixfrac);
        case DropKernel::gaussian: return 0.5 * span + 1.2 * std::numbers::sqrt2;
        case DropKernel::point: return 0.5 * span;
      }
      return 0.5 * (span + 1);
    case Interpolation::nearest: return 0.5;
    case Interpolation::adaptive: return adaptive_support(options) * std::max(span, 1.02 * std::numbers::sqrt2);  // frame pixels are its least size, turned at worst
    default: return kernel_radius(options);
  }
}

int window_margin(const InterpolationOptions& options) {
  const bool drops = options.method == Interpolation::drizzle || options.method == Interpolation::grid;
  return drops ? drop_margin : static_cast<int>(std::ceil(kernel_radius(options)));
}

int output_margin(const InterpolationOptions& options) {
  return options.method == Interpolation::adaptive ? static_cast<int>(std::ceil(kernel_radius(options))) : 0;
}

Box window_to_resample(const wcs::PixelMap& to_frame, Box out, Box frame, const InterpolationOptions& options) {
  const Box needed = needed_window(to_frame, out.empty() ? out : out.grown(output_margin(options)), frame);
  return needed.empty() ? Box{} : intersection(needed.grown(window_margin(options)), frame);
}

}  // namespace tessera::reproject
