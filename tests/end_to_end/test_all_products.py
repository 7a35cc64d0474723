"""Every product in one run on real frames: complete, opened by astropy, clean for fitsverify, and replayed."""
import shutil
import subprocess

from astropy.io import fits

from tools import SHARED, needs_shared, run_record, tessera

FRAMES = SHARED / "spitzer_irac_grb120119a" / "ch1"
ASKED = ("rejection.method=radhit,temporal,dual,box,blot", "background.method=plane", "output.psf_fwhm=1.66", "output.std=true", "output.rmask_mosaic=true",
         "output.outlier_maps=true", "output.local_sky=true", "output.frame_footprints=true", "output.geometry=true", "output.context=true",
         "output.median=true", "output.tiles=true", "output.tile_width=200", "output.minback=true", "output.sigmas=true", "output.interpolated=true", "frame_sky.method=median")
FILES = ("mosaic.fits mosaic_unc.fits mosaic_cov.fits mosaic_exp.fits mosaic_std.fits mosaic_ctx.fits mosaic_depth.fits mosaic_minback.fits mosaic_rmask.fits mosaic_median.fits mosaic_median_unc.fits "
         "mosaic.png coverage.png report.html footprint.reg footprint_moc.fits footprint_moc.json geometry.tbl geom_ImageList.txt geom_SigmaList.txt geom_DmaskList.txt Coadd/coadd_tiles.tbl Coadd/coadd_tile_bcd.txt FIF.tbl header_list.tbl offsets.tbl "
         "run.json tessera.log").split()


@needs_shared
def test_all_products_come_in_one_run(tmp_path):
    out = tmp_path / "out"
    tessera("mosaic", FRAMES, "-o", out, "--rmasks", "--depth", "--footprint", *[a for s in ASKED for a in ("--set", s)])
    assert not [name for name in FILES if not (out / name).is_file()]
    used = sum(frame["used"] for frame in run_record(out)["frames"])
    for folder in ("Rmask", "Outlier", "Footprint", "Medfilter", "Sigma"):
        assert len(list((out / folder).glob("*.fits"))) == used
    for path in out.rglob("*.fits"):
        with fits.open(path, checksum=True) as hdus:
            assert all(hdu.data is not None or hdu.header["NAXIS"] == 0 for hdu in hdus), path
        if shutil.which("fitsverify"):
            done = subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True)
            assert done.returncode == 0 and "OK" in done.stdout, done.stdout
    tessera("replay", out / "run.json", "-o", tmp_path / "again")
