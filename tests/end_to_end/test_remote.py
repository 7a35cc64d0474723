"""Frames on HTTP(S) and S3: the same bits as from files, few requests, what servers do wrong, and resume."""
import filecmp
import gzip
import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from astropy.io import fits

import spectrum_frames
from spectrum_frames import Survey, grid_positions, moffat_cells, sky_wcs, write_calibration, write_frame
from tools import TESSERA, run_record, tessera
from web_server import KEYS, WebServer, make_certificate

QUIET = ("--no-report", "--set", "spectrum.each=0")
PLAIN = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith(("AWS_", "SSL_CERT_", "CURL_CA_"))}


def run(*args, code=0, **environment):
    return tessera(*args, code=code, env={**PLAIN, **environment})


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    made = Survey(tmp_path_factory.mktemp("remote") / "bucket" / "level2", grid_positions(3), np.geomspace(300, 30000, 9), frames=6)
    made.root = made.folder.parent
    made.where = "150.0,2.0"
    made.local = made.root.parent / "local"
    tessera("spectrum", made.where, made.folder, "-o", made.local, *QUIET)
    return made


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Two frames of the real size, the second with RICE-compressed FLAGS, and their calibration."""
    root = tmp_path_factory.mktemp("big")
    before, spectrum_frames.SIDE = spectrum_frames.SIDE, 2040
    try:
        shape, random = (2040, 2040), np.random.default_rng(5)
        psfs = [moffat_cells(f) for f in (0.95, 1.0, 1.05, 1.1)]
        image = random.normal(.3, .02, shape).astype("f4")
        flags = (random.uniform(size=shape) < .01).astype("i4") << 21
        (root / "frames").mkdir()
        for k in range(2):
            path = root / "frames" / f"level2_2025W18_2B_{k:04d}_1D2_spx_l2b-v12-2025-164.fits"
            write_frame(path, image, np.full(shape, 4e-4), flags, sky_wcs(), psfs, obsid=f"2025W18_2B_{k:04d}_1")
        with fits.open(path) as hdus:
            packed = fits.CompImageHDU(hdus["FLAGS"].data, hdus["FLAGS"].header, name="FLAGS", compression_type="RICE_1")
            fits.HDUList([packed if h.name == "FLAGS" else h for h in hdus]).writeto(f"{path}.new")
        os.replace(f"{path}.new", path)
        write_calibration(root / "frames" / "calibration")
    finally:
        spectrum_frames.SIDE = before
    return root


def same(a, b):
    for name in ("measurements.fits", "spectra.fits"):
        assert filecmp.cmp(a / name, b / name, shallow=False), name


def test_a_folder_of_a_web_server_gives_the_bits_of_the_files(survey, tmp_path):
    with WebServer(survey.root) as server:
        done = run("spectrum", survey.where, server.url("level2/"), "-o", tmp_path / "out", *QUIET)
        same(tmp_path / "out", survey.local)
        record = run_record(tmp_path / "out")
        assert record["results"]["requests"] == len(server.requests) and record["results"]["fetched_bytes"] == server.sent
        assert server.connections <= 16 and server.connections < len(server.requests) / 2
        frames = [i for i in record["inputs"] if i["path"].startswith("http")]
        assert len(frames) == 6 and all(i["bytes"] > 0 and "ETag" in i["remote"] for i in frames)
        assert re.search(r"fetched .* in \d+ requests", done.stderr)


def test_a_real_frame_is_read_by_a_dozen_ranges(big, tmp_path):
    tessera("spectrum", "150.01,2.02", big / "frames", "-o", tmp_path / "local", *QUIET)
    with WebServer(big) as server:
        names = tmp_path / "list.txt"
        names.write_text("".join(f"{server.url('frames/' + f.name)}\n" for f in sorted((big / "frames").glob("*.fits"))))
        run("spectrum", "150.01,2.02", f"@{names}", "-o", tmp_path / "out", *QUIET)
        same(tmp_path / "out", tmp_path / "local")
        results = run_record(tmp_path / "out")["results"]
        print({k: results[k] for k in ("remote_files", "remote_bytes", "fetched_bytes", "requests")})
        for f in (big / "frames").glob("*.fits"):
            asked = [r for r in server.requests if r[0].endswith(f.name)]
            print(f.name, len(asked), "requests")
            assert len(asked) <= 14
        assert results["fetched_bytes"] < results["remote_bytes"] / 30
        assert results["remote_bytes"] > 150e6


def test_faults_that_pass_are_waited_for(survey, tmp_path):
    with WebServer(survey.root) as server:
        names = [f"level2/{p.name}" for p in survey.paths]
        server.faults[names[0]] = [503, 429]
        server.faults[names[1]] = [b"cut"]
        server.faults[names[2]] = [2.5]
        server.faults[names[3]] = [server.url("level2/../" + names[3]), server.url(names[3] + "?moved")]
        run("spectrum", survey.where, server.url("level2/"), "-o", tmp_path / "out", *QUIET, TESSERA_REMOTE_TIMEOUT="1")
        same(tmp_path / "out", survey.local)
        assert run_record(tmp_path / "out")["results"]["requests_again"] >= 4


def test_faults_that_stay_are_one_line(survey, tmp_path):
    out = tmp_path / "out"

    def fails(url, code, words, **environment):
        done = run("spectrum", survey.where, url, "--calibration", survey.folder / "calibration", "-o", out, *QUIET, code=code, TESSERA_REMOTE_TIMEOUT="1", **environment)
        lines = [line for line in done.stderr.splitlines() if line.startswith("tessera: ")]
        assert len(lines) == 1 and words in lines[0], done.stderr
        assert not (out / "run.json").exists()

    name = f"level2/{survey.paths[0].name}"
    with WebServer(survey.root) as server:
        fails(server.url("level2/absent.fits"), 1, "no such file on the server (status 404)")
        server.faults[name] = [403]
        fails(server.url(name), 1, "refused by the server (status 403)")
        server.faults[name] = [500] * 9
        fails(server.url(name), 3, "status 500, 5 times")
        server.faults[name] = [server.url(name)] * 99
        fails(server.url(name), 1, "more than 10 redirects")
        (survey.root / "level2" / "cut.fits").write_bytes(survey.paths[0].read_bytes()[:200000])
        fails(server.url("level2/cut.fits"), 1, "truncated: 200 000 bytes found")
        (survey.root / "level2" / "cut.fits").write_bytes(b"")
        fails(server.url("level2/cut.fits"), 1, "is empty")
        (survey.root / "level2" / "cut.fits").unlink()
        fails(server.url("level2/nothing/"), 1, "status 404")
        closed = server.url(name)
    fails(closed, 3, "nobody answers at 127.0.0.1")
    fails("http://no-such-host.invalid/a.fits", 3, "no host of the name no-such-host.invalid")
    fails("http://me:secret@127.0.0.1/a.fits", 2, "~/.netrc")
    with WebServer(survey.root, ranges=False) as server:
        fails(server.url(name), 1, "sends whole files only")
        assert server.sent < 1 << 20


def test_frames_that_are_not_there_are_skipped_on_demand(survey, tmp_path):
    with WebServer(survey.root) as server:
        frames = (server.url(f"level2/{survey.paths[0].name}"), server.url("level2/absent.fits"), "--on-bad-frame", "skip")
        done = run("spectrum", survey.where, *frames, "-o", tmp_path / "out", *QUIET)
        assert "1 of 2 frames could not be used" in done.stderr
        done = run("cutout", survey.where, *frames, "-o", tmp_path / "cut")
        assert "1 frames are left out" in done.stderr and run_record(tmp_path / "cut")["results"]["requests"] > 3


def test_a_file_that_changes_while_it_is_read_ends_the_run(survey, tmp_path):
    with WebServer(survey.root) as server:
        frame = survey.root / "changing.fits"
        shutil.copy(survey.paths[0], frame)
        server.faults[frame.name] = [0.0, lambda: os.utime(frame, (1e9, 1e9))]
        done = run("spectrum", survey.where, server.url(frame.name), "--calibration", survey.folder / "calibration", "-o", tmp_path / "out", *QUIET, code=1)
        assert "changed on the server while it was read" in done.stderr
        frame.unlink()


def test_gzip_files_and_small_files_of_plain_servers(survey, tmp_path):
    with WebServer(survey.root) as server:
        packed = survey.root / "packed" / (survey.paths[0].name + ".gz")
        packed.parent.mkdir()
        packed.write_bytes(gzip.compress(survey.paths[0].read_bytes(), mtime=0))
        for k, frame in enumerate((server.url(f"packed/{packed.name}"), packed)):
            run("spectrum", survey.where, frame, "--calibration", survey.folder / "calibration", "-o", tmp_path / f"out{k}", *QUIET)
        same(tmp_path / "out0", tmp_path / "out1")
    small = survey.root / "packed" / "small.fits"
    fits.PrimaryHDU(np.arange(100.).reshape(10, 10)).writeto(small)
    with WebServer(survey.root, ranges=False) as server:
        assert "10x10" in run("info", server.url("packed/small.fits")).stdout
    shutil.rmtree(packed.parent)


def test_https_with_a_certificate_of_its_own(survey, tmp_path):
    both, trusted = make_certificate(tmp_path / "key.pem")
    with WebServer(survey.root, certificate=both) as server:
        refused = run("spectrum", survey.where, server.url("level2/"), "-o", tmp_path / "out", *QUIET, code=3)
        assert "no secure connection with 127.0.0.1" in refused.stderr and "CURL_CA_BUNDLE" in refused.stderr
        for k, variable in enumerate(("CURL_CA_BUNDLE", "SSL_CERT_FILE")):
            run("spectrum", survey.where, server.url("level2/"), "-o", tmp_path / f"out{k}", *QUIET, **{variable: str(trusted)})
            same(tmp_path / f"out{k}", survey.local)


@pytest.mark.parametrize("keys", [{}, KEYS, {**KEYS, "AWS_SESSION_TOKEN": "a/token+of=some length"}])
def test_s3_public_and_signed(survey, tmp_path, keys):
    with WebServer(survey.root.parent, s3=keys) as server:
        at = {**keys, "AWS_ENDPOINT_URL": server.url()}
        run("spectrum", survey.where, "s3://bucket/level2/", "-o", tmp_path / "out", *QUIET, **at)
        same(tmp_path / "out", survey.local)
        if keys:
            wrong = run("spectrum", survey.where, "s3://bucket/level2/", "-o", tmp_path / "no", *QUIET, code=1, **{**at, "AWS_SECRET_ACCESS_KEY": "another"})
            assert "SignatureDoesNotMatch" in wrong.stderr
            server.faults["bucket/level2/a.fits"] = ["us-west-9"]
            wrong = run("spectrum", survey.where, "s3://bucket/level2/a.fits", "--calibration", tmp_path, "-o", tmp_path / "no", *QUIET, code=2, **at)
            assert "set AWS_REGION=us-west-9" in wrong.stderr
        else:
            odd = survey.root / "odd names" / "a+b =(1)%20.fits"
            odd.parent.mkdir(exist_ok=True)
            shutil.copy(survey.paths[0], odd)
            run("spectrum", survey.where, f"s3://bucket/odd names/{odd.name}", "--calibration", survey.folder / "calibration", "-o", tmp_path / "odd", *QUIET, **at)
            shutil.rmtree(odd.parent)


def test_calibration_on_a_server_or_in_a_list(survey, tmp_path):
    with WebServer(survey.root) as server:
        run("spectrum", survey.where, survey.folder, "--calibration", server.url("level2/calibration/"), "-o", tmp_path / "url", *QUIET)
        products = tmp_path / "products.txt"
        products.write_text("# made for a test\n" + "".join(f"{server.url('level2/calibration/' + p.name)}\n" for p in (survey.folder / "calibration").iterdir()))
        run("spectrum", survey.where, server.url("level2/"), "--calibration", f"@{products}", "-o", tmp_path / "list", *QUIET)
        for out in ("url", "list"):
            same(tmp_path / out, survey.local)
        none = run("spectrum", survey.where, server.url("level2/"), "--calibration", tmp_path, "-o", tmp_path / "none", *QUIET)
        assert "no product spectral_wcs" in none.stderr


def test_a_run_goes_on_after_ctrl_c_and_sees_files_that_changed(survey, tmp_path):
    with WebServer(survey.root) as server:
        slow = f"level2/{survey.paths[5].name}"
        server.faults[slow] = [900.0]
        out = tmp_path / "out"
        process = subprocess.Popen([TESSERA, "spectrum", survey.where, server.url("level2/"), "-o", out, *QUIET, "--log-format", "json"], env={**PLAIN, "TESSERA_REMOTE_TIMEOUT": "600"}, stderr=subprocess.PIPE, text=True)
        seen = -1
        while not any(name == slow for name, _ in server.requests) or len(server.requests) != seen:  # until the other frames are read
            assert process.poll() is None
            seen = len(server.requests)
            time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)  # without a look at signals it would wait for the server
        assert process.returncode == 130
        changed = survey.paths[1]
        kept = changed.read_bytes()
        try:
            with fits.open(changed, mode="update") as hdus:
                hdus["IMAGE"].data += np.float32(.01)
            tessera("spectrum", survey.where, survey.folder, "-o", tmp_path / "local", *QUIET)
            server.requests.clear()
            done = run("resume", out)
            assert "5 of 6 frames were measured before" in done.stderr
            same(out, tmp_path / "local")
            # Of a frame that is as it was, its beginning alone is asked for, once.
            assert [name for name, _ in server.requests].count(f"level2/{survey.paths[2].name}") == 1
            assert [name for name, _ in server.requests].count(f"level2/{changed.name}") > 3
        finally:
            changed.write_bytes(kept)


def test_a_proxy_is_taken_from_the_environment(survey, tmp_path):
    with WebServer(survey.root) as proxy:
        # As a proxy the server gets whole addresses, and knows none of them.
        run("spectrum", survey.where, "http://elsewhere.invalid/level2/a.fits", "--calibration", survey.folder / "calibration", "-o", tmp_path / "out", *QUIET, code=1, http_proxy=proxy.url())
        assert proxy.requests[0][0].startswith("http://elsewhere.invalid/")


def test_cubes_and_cut_outs_of_frames_on_a_server(survey, tmp_path):
    with WebServer(survey.root) as server:
        for place, frames in (("local", survey.folder), ("web", server.url("level2/"))):
            run("cube", survey.where, frames, "-o", tmp_path / place / "cube", "--size", "3m", "--set", "output.pictures=false")
            run("cutout", survey.where, frames, "-o", tmp_path / place / "cutout", "--size", "2m")
        assert filecmp.cmp(tmp_path / "local" / "cube" / "cube.fits", tmp_path / "web" / "cube" / "cube.fits", shallow=False)
        for f in (tmp_path / "local" / "cutout").glob("*.fits"):
            assert filecmp.cmp(f, tmp_path / "web" / "cutout" / f.name, shallow=False)
