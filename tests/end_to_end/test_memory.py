"""--memory is a ceiling, the forecast is right within a quarter, and neither many, nor large, nor far-flung frames are too much."""
import filecmp
import gzip
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from limits import MIB, Forecast, Run
from spectrum_frames import Survey, grid_positions
from tools import run_record, tessera

PER_FRAME = 50_000
large = pytest.mark.skipif(not os.environ.get("TESSERA_LARGE_TESTS"), reason="skipped: takes minutes and gigabytes; set TESSERA_LARGE_TESTS=1")


def datasums(out):
    return {p["name"]: p.get("datasum") for p in run_record(out)["products"] if p["name"].endswith(".fits")}


def simulate(folder, *options):
    tessera("simulate", "-o", folder, "-q", *options)
    shutil.rmtree(folder / "truth", ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """12 frames of 1024²: more pixels than a ceiling of 256 MiB keeps."""
    return simulate(tmp_path_factory.mktemp("memory") / "stack", "--frames", 12, "--set", "camera.width=1024", "--set", "camera.height=1024")


KINDS = {
    "default": [],
    "drizzle": ["interpolation.method=drizzle", "interpolation.pixfrac=0.7"],
    "lanczos3": ["interpolation.method=lanczos3", "coadd.method=median"],
    "all schemes, two passes": ["rejection.method=temporal,dual,box,radhit,blot"],
    "all products": ["output.rmasks=true", "output.rmask_mosaic=true", "output.outlier_maps=true", "output.std=true", "output.context=true", "output.median=true"],
    "all products, packed": ["output.rmasks=true", "output.rmask_mosaic=true", "output.std=true", "output.context=true", "output.compress=gzip"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stays_below_its_ceiling_and_its_forecast_is_right_within_a_quarter(kind, stack, tmp_path):
    args = ["mosaic", stack, "--memory", "256M", "--threads", 2]
    for option in KINDS[kind]:
        args += ["--set", option]
    said = Forecast(args, tmp_path / "out")
    ceiling = 256 * MIB + 12 * PER_FRAME
    run = Run(args, tmp_path / "out", limit_bytes=ceiling)
    assert run.code == 0, run.messages
    print(f"\n{kind}: peak {run.peak / MIB:.0f} MiB, forecast {said.memory / MIB:.0f}; disk {run.disk / MIB:.0f}, forecast {said.disk / MIB:.0f}; "
          f"{'under a control group' if run.limited else 'measured only'}")
    assert run.peak <= ceiling
    assert said.memory == pytest.approx(run.peak, rel=0.25)
    # The folder is looked at 20 times a second, so what stands there last may be missed by a little.
    assert run.disk <= 1.05 * said.disk
    assert said.disk_in_the_end == pytest.approx(run.disk_in_the_end, rel=0.25)


def test_300_frames_stay_below_the_ceiling_with_few_files_open(tmp_path):
    """Three files a frame, and 40 files open at once."""
    stack = simulate(tmp_path / "stack", "--frames", 300, "--set", "stack.map_columns=10", "--set", "stack.map_rows=6", "--set", "camera.width=64", "--set", "camera.height=64")
    args = ["mosaic", stack, "--memory", "256M", "--threads", 2]
    ceiling = 256 * MIB + 300 * PER_FRAME
    run = Run(args, tmp_path / "out", limit_bytes=ceiling, open_files=40)
    assert run.code == 0, run.messages
    assert len(run_record(tmp_path / "out")["frames"]) == 300
    assert run.peak <= ceiling


def test_frames_larger_than_the_ceiling_give_the_same_bits_gzipped_or_not(tmp_path):
    """One frame of 2000 × 1500 takes 75 MB to measure in memory; a ceiling of 128 MiB has less for it. Its gzipped planes go to the scratch folder."""
    plain = simulate(tmp_path / "plain", "--frames", 3, "--set", "camera.width=2000", "--set", "camera.height=1500")
    packed = tmp_path / "packed"
    packed.mkdir()
    for file in plain.glob("*.fits"):
        with open(file, "rb") as source, gzip.open(packed / (file.name + ".gz"), "wb", compresslevel=1) as target:
            shutil.copyfileobj(source, target)
    common = ["--threads", 2, "--set", "output.pictures=false", "--set", "output.report=false"]
    tessera("mosaic", plain, "-o", tmp_path / "roomy", "--memory", "2G", *common)
    for name, frames in (("tight", plain), ("gzipped", packed)):
        args = ["mosaic", frames, "--memory", "128M", *common]
        said = Forecast(args, tmp_path / name)
        assert ("gzip files" in said.text) == (frames == packed)
        run = Run(args, tmp_path / name, limit_bytes=128 * MIB + 3 * PER_FRAME)
        assert run.code == 0, run.messages
        assert run.peak <= 128 * MIB + 3 * PER_FRAME
        assert run.disk <= 1.05 * said.disk
        assert datasums(tmp_path / name) == datasums(tmp_path / "roomy")
        assert not (tmp_path / name / ".tessera").exists()


def test_a_scheme_that_needs_whole_frames_says_so_when_they_do_not_fit(tmp_path):
    frames = simulate(tmp_path / "frames", "--frames", 2, "--set", "camera.width=2000", "--set", "camera.height=1500")
    done = tessera("mosaic", frames, "-o", tmp_path / "out", "--memory", "128M", "--set", "rejection.method=radhit", code=3)
    assert "look at whole frames" in done.stderr and "--memory" in done.stderr


def two_fields(folder):
    """Two small stacks, 4 degrees apart."""
    for name, ra in (("a", 118.0), ("b", 122.0)):
        simulate(folder / name, "--frames", 4, "--set", f"stack.ra_deg={ra}", "--set", "stack.dec_deg=-9", "--set", "camera.width=128", "--set", "camera.height=128")
    return [folder / "a", folder / "b"]


def sparse_run(tmp_path, side, scale):
    frames = two_fields(tmp_path)
    args = ["mosaic", *frames, "--memory", "256M", "--threads", 2, "--compress", "gzip", "--set", f"grid.size={side} {side}", "--set", "grid.center=120 -9", "--set", f"grid.pixel_scale={scale}"]
    said = Forecast(args, tmp_path / "out")
    run = Run(args, tmp_path / "out", limit_bytes=256 * MIB + 8 * PER_FRAME)
    assert run.code == 0, run.messages
    print(f"\n{side} × {side}: {run.wall:.1f} s, {run.cpu:.1f} CPU s, peak {run.peak / MIB:.0f} MiB (forecast {said.memory / MIB:.0f}), disk {run.disk / MIB:.0f} MiB (forecast {said.disk / MIB:.0f})")
    assert run.peak <= 256 * MIB + 8 * PER_FRAME
    assert said.disk == pytest.approx(run.disk, rel=0.35)
    return run


def packed_tiles(path):
    """Shape of a packed image, that of its tiles (rows, columns), and a function for the pixels of one by column and row, unpacked here (FITS standard 10.4: GZIP_2)."""
    hdus = fits.open(path, disable_image_compression=True)
    header, table = hdus[1].header, hdus[1].data
    width, height = header["ZNAXIS1"], header["ZNAXIS2"]
    across = -(-width // header["ZTILE1"])

    def tile(column, row):
        shape = (min(header["ZTILE2"], height - row * header["ZTILE2"]), min(header["ZTILE1"], width - column * header["ZTILE1"]))
        shuffled = np.frombuffer(gzip.decompress(table["COMPRESSED_DATA"][row * across + column].tobytes()), np.uint8)
        return shuffled.reshape(4, -1).T.copy().view(">f4").reshape(shape)

    return (height, width), (header["ZTILE2"], header["ZTILE1"]), tile


def check_sparse_products(out, side):
    """Two fields beside one another, and between them NaN."""
    shape, (rows, columns), tile = packed_tiles(out / "mosaic.fits")
    assert shape == (side, side)
    middle = side // 2 // rows
    assert np.all(np.isnan(tile(0, middle))) and np.all(np.isnan(tile(side // 2 // columns, middle)))
    _, _, coverage = packed_tiles(out / "mosaic_cov.fits")
    lengths = np.array([len(stream) for stream in fits.open(out / "mosaic_cov.fits", disable_image_compression=True)[1].data["COMPRESSED_DATA"]])
    across = -(-side // columns)
    covered = sum(np.count_nonzero(coverage(k % across, k // across)) for k in np.flatnonzero(lengths > 2 * np.median(lengths)))  # most tiles are empty
    assert covered > 2 * 128 * 128


def test_a_large_grid_with_little_on_it_costs_little(tmp_path):
    side = 24000
    sparse_run(tmp_path, side, 1.0)
    check_sparse_products(tmp_path / "out", side)


def test_spectra_of_more_measurements_than_memory_holds_are_the_same_to_the_bit(tmp_path):
    """100 000 measurements: 20 MB in memory, and as whole tables of text 100 MB more; two blocks of sources at this ceiling."""
    sources = grid_positions(14, 6)
    made = Survey(tmp_path / "level2", sources[::20], [5000] * len(sources[::20]), frames=4)
    many = tmp_path / "many"
    many.mkdir()
    for k in range(128):
        for path in made.paths:
            (many / path.name.replace("_2B_", f"_2B_{k:03d}")).symlink_to(path)
    Table(rows=[(f"star {i}", *p) for i, p in enumerate(sources)], names=("name", "ra", "dec")).write(tmp_path / "sources.ecsv")
    common = [tmp_path / "sources.ecsv", many, "--calibration", made.folder / "calibration", "--no-report", "--formats", "fits,ipac,votable", "--threads", 2, "--set", "spectrum.each=0"]
    tessera("spectrum", *common, "-o", tmp_path / "roomy", "--memory", "2G")
    run = Run(["spectrum", *common, "--memory", "96M"], tmp_path / "tight", limit_bytes=96 * MIB)
    assert run.code == 0, run.messages
    print(f"\nspectra: peak {run.peak / MIB:.0f} MiB, {'under a control group' if run.limited else 'measured only'}")
    assert run.peak <= 96 * MIB
    for name in ("measurements", "spectra", "frames"):
        for suffix in (".fits", ".tbl", ".xml"):
            assert filecmp.cmp(tmp_path / "tight" / (name + suffix), tmp_path / "roomy" / (name + suffix), shallow=False), name + suffix
    assert fits.getheader(tmp_path / "tight" / "measurements.fits", 1)["NAXIS2"] == 512 * len(sources)


@large
def test_a_grid_of_60000_by_60000_pixels(tmp_path):
    sparse_run(tmp_path, 60000, 0.4)
    check_sparse_products(tmp_path / "out", 60000)
    tessera("replay", tmp_path / "out" / "run.json", timeout=1200)


@large
def test_3000_frames_and_256_open_files(tmp_path):
    stack = simulate(tmp_path / "stack", "--frames", 3000, "--set", "stack.map_columns=30", "--set", "stack.map_rows=20", "--set", "camera.width=256", "--set", "camera.height=256")
    args = ["mosaic", stack, "--memory", "256M", "--threads", 2]
    said = Forecast(args, tmp_path / "out")
    run = Run(args, tmp_path / "out", limit_bytes=256 * MIB + 3000 * PER_FRAME, open_files=256)
    assert run.code == 0, run.messages
    print(f"\n3000 frames: {run.wall:.0f} s, {run.cpu:.0f} CPU s, peak {run.peak / MIB:.0f} MiB (forecast {said.memory / MIB:.0f}), disk {run.disk / MIB:.0f} MiB (forecast {said.disk / MIB:.0f})")
    assert run.peak <= 256 * MIB + 3000 * PER_FRAME
    assert said.memory == pytest.approx(run.peak, rel=0.25)
