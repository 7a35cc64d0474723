/// extraction/input_images.h — what is searched and what is fitted: one image that is both, or a mosaic and its frames; with their point responses.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tessera/extraction/extract.h"
#include "tessera/extraction/place_responses.h"
#include "tessera/run/recorder.h"

namespace tessera::extraction {

/// The part of a run that goes before any fit; runs that fit derive from it. Images point at its members: it stays where it is.
class InputImages {
 public:
  InputImages(const InputImages&) = delete;
  InputImages& operator=(const InputImages&) = delete;

 protected:
  InputImages(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, run::Context& outer)
      : request_{request}, options_{options}, settings_{settings}, recorder_{outer}, profiles_{instrument::ProfileSet::load(instrument::ProfileSet::default_folders())} {}
  virtual ~InputImages() = default;

  /// From names_ and psf_: sources found, images_ ready for the fit.
  void open_and_find();
  /// All files that were read, with the point response's.
  std::vector<std::string> read_files();
  void add_files(const instrument::FrameFile& f);
  /// Of the image that sources are found on: good pixels with the background that was taken off.
  Image<float> on_its_sky() const;
  /// What the i-th frame takes when all of it is read again; 0 where it is in memory. And how much of that there may be at once.
  std::int64_t stored_frame_bytes(std::size_t i) const;
  std::int64_t bytes_for_frames();
  /// Pixels of the image that sources are found on across a pixel of a frame; 1 where that is not known.
  double frame_pixels_on_mosaic(const instrument::FrameFile& f) const;
  /// What a run adds to the image that sources are found on, before it is searched, and to the frames.
  virtual void put_into_image(Frame& /*frame*/) {}
  virtual void put_into_frames() {}
  /// Rows of a list that are measured instead of what is found; 0: there is none.
  virtual std::int64_t listed_sources() const { return 0; }
  /// A name for what of the frames memory does not hold.
  virtual std::string fit_scratch() const { return "fit"; }

  const ExtractRequest& request_;
  const ExtractOptions& options_;
  param::OptionSet& settings_;
  mutable run::Recorder recorder_;
  run::Context& context_ = recorder_;   ///< with the defaults of its functions
  instrument::ProfileSet profiles_;
  psf::PsfModel psf_, detection_psf_;
  psf::PsfModel mean_psf_;                                ///< of a mosaic fitted alone, averaged over dithers, where psf_ was that of its frames
  std::optional<psf_coadd::CoaddResponse> coadd_;         ///< and its response at single places
  std::vector<instrument::FrameNames> names_;
  instrument::FrameFile mosaic_;            ///< the image that sources are found on
  std::vector<instrument::FrameFile> frames_;
  std::vector<std::string> files_;          ///< read, for the record
  Found found_;
  std::optional<NoiseCorrelation> correlation_;
  std::vector<joint_fit::FitImage> images_;
  Image<float> coverage_;                   ///< of the image that sources are found on; empty: one frame

 private:
  void on_one_image();
  std::int64_t sources_to_fit() const;
  /// From psf_ of the frames of the one mosaic to its own.
  void response_of_coadd();
  /// Of the one image: pixels less the sky of the fit.
  Image<float> value_for_fit() const;
  void on_frames();
  ExtractOptions mosaic_options() const;
  /// The mosaic of the frames, with masks of the outliers, in OUT/mosaic.
  void make_mosaic();
  void open_files(const RecordedMosaic& record);
  /// Sources found by the uncertainty that detection.uncertainty names; what is left of the image keeps its own.
  Found find_on(OpenedImage& opened);
  psf::PsfModel detection_response(const std::string& file) const;
  static void scale(Frame& frame, double factor);
  /// Sources are found on the χ² of this image and those of detection.bands.
  void detect_on_bands();
  void refuse_empty(const Frame& frame) const;
};

}  // namespace tessera::extraction
