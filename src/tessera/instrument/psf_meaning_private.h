/// instrument/psf_meaning_private.h — what is known of a table while a file is read, and from where.
#pragma once
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>

#include "tessera/instrument/psf_file.h"

namespace tessera::instrument {

/// Each member is empty until something says it.
struct Said {
  std::optional<double> sampling_x, sampling_y, centre_x, centre_y, radius, scatter;
  std::optional<psf::Response> response;
  std::optional<psf::Normalisation> normalisation;
  std::optional<psf::Between> between;
  bool balanced = false;  ///< where nothing says where the source lies, its table does: psf::balanced()
  bool prf = false;   ///< what nothing says is that of MOPEX's PRFs
};

/// What the options and the side file say; a side file's mistakes are UsageErrors.
Said said_by_user(const PsfFileOptions& options, const std::filesystem::path& file);
/// Fills what is still empty from our own cards (PRSAMPX …) and from those of prf_estimate and of IRAC's PRFs.
void add_cards(Said& said, const Header& header, int width, int height);
void add_missing(Said& said, const Said& more);
/// Throws UsageError that lists what nothing has said. A centre that is NaN is to be found in the table.
psf::Meaning complete(Said said, const std::filesystem::path& file, int width, int height);

psf::Response parse_response(const std::string& text, const std::string& where);
psf::Normalisation parse_normalisation(const std::string& text, const std::string& where);

/// The other readers; none of them opens a file by itself but the map, which calls `one` for each of its tables.
psf::PsfModel read_prf_map(const PsfFileOptions& options, const std::filesystem::path& map);
psf::PsfModel read_fits_psf(const PsfFileOptions& options, const std::filesystem::path& file);
psf::PointResponse read_single_table(const PsfFileOptions& options, const std::filesystem::path& file);

}  // namespace tessera::instrument
