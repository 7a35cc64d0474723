/// translate/mopex_layout.h — where MOPEX's scripts put their products: folders and names of the guide, chapters 4 and 5.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tessera/param/legacy.h"
#include "tessera/run/output_folder.h"
#include "tessera/translate/mopex_scripts.h"

namespace tessera::translate {

/// The folders a namelist names, and what of the products its module triggers ask for.
class MopexLayout {
 public:
  /// Throws UsageError for a folder that leaves the output folder.
  /// `tail`: of the folders' names where the namelist gives none: Combine-mosaic. The mosaic of apex_qa.pl has its tables in its own folder too, beside those of other scripts.
  MopexLayout(const param::LegacyConfig& config, MopexScript script, const std::string& tail = "mosaic");
  /// Places of a product of tessera (see run::Placement).
  std::vector<std::string> operator()(const std::string& product) const;

  /// -F none: the grid is made from the frames whatever the namelist says, and FIF.tbl is written.
  void make_fif() { fif_ = true; }
  bool combines() const { return combined_; }
  /// Nothing but the fiducial image frame is switched on.
  bool grid_only() const { return grid_only_; }

 private:
  std::vector<std::string> of_mosaic(const std::string& product) const;
  std::vector<std::string> of_overlap(const std::string& product) const;

  MopexScript script_;
  bool of_residuals_ = false;
  std::string combiner_, coadder_, medfilter_, sigma_, rmasks_, rmask_mosaic_, outliers_, detections_, interpolated_, corrected_, zodi_, offsets_, quicklook_;
  bool fif_ = false, combined_ = true, geometry_ = false, uncertainty_ = true, grid_only_ = false;
};

/// A switch outside the blocks; `otherwise` where it is not given.
bool is_on(const param::LegacyConfig& config, std::string_view key, bool otherwise);

}  // namespace tessera::translate
