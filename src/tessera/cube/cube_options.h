/// cube/cube_options.h — what a spectral mosaic is made of: the frames that count, the target, its planes, and how they are coadded.
#pragma once
#include <string>
#include <vector>

#include "tessera/cube/band.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/param/schema.h"
#include "tessera/reproject/interpolation.h"

namespace tessera::cube {

enum class Survey { all, sky, deep };

struct InputOptions {
  std::string calibration;                // folder; "": beside the frames
  instrument::OnBadFrame on_bad_frame = instrument::OnBadFrame::stop;
  Survey survey = Survey::all;
  bool any_quality = false;
};
void describe(param::Schema<InputOptions>& s);

struct TargetOptions {
  std::string center{};                   // "": the first input
  std::string catalog{};                  // a table, and its row that is the centre
  int row = 1;
  std::string polygon{};                  // "RA,DEC RA,DEC …"
  std::string size = "15";                // arcmin; "W,H", with suffixes s, m, d
  double rotation_deg = 0;                // of +y, east of north
  double pixel_arcsec = 9;
};
void describe(param::Schema<TargetOptions>& s);

struct ChannelOptions {
  std::vector<std::string> bands{};       // NAME=FILE
  WavelengthUnit band_unit = WavelengthUnit::um;
  double band_coverage = 0.95;
  std::vector<std::string> wavelengths{};  // "0.9-1.1" µm
  std::string channels{};                 // "1-17,40"
};
void describe(param::Schema<ChannelOptions>& s);

enum class Zodi { subtract, keep };

struct CoaddOptions {
  Zodi zodi = Zodi::subtract;
  double hit_fraction = 0.5;
  bool wave_eff = false;
  bool match = false;
  double clip = 0;                        // 0: nothing is left out
  double clip_floor = 0.1;
  int feather = 0;                        // pixels of a frame; 0: strips end sharply
};
void describe(param::Schema<CoaddOptions>& s);

enum class WaveAxis { table, planes };

struct ProductOptions {
  WaveAxis axis = WaveAxis::table;
  bool pictures = true;
  bool input_checksums = false;
};
void describe(param::Schema<ProductOptions>& s);

struct CubeOptions {
  InputOptions input;
  TargetOptions target;
  ChannelOptions channels;
  reproject::InterpolationOptions interpolation;
  CoaddOptions coadd;
  ProductOptions product;
  void declare(param::OptionSet& set);
};

}  // namespace tessera::cube
