"""Every command of README and the guides runs as it is written, on a tiny simulated stack; links lead somewhere."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESSERA = pathlib.Path(os.environ.get("TESSERA", os.path.join(os.environ.get("TESSERA_BUILD", str(ROOT / "build" / "release")), "tessera")))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNABLE = [p for p in PAGES if "```sh run\n" in p.read_text(encoding="utf-8")]
BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FRAMES = ["--frames", "5", "--set", "camera.width=80", "--set", "camera.height=80", "--set", "sources.count=12"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """What the pages take for granted: `frames`, and `night`, the same frames under the names of an invented camera."""
    from astropy.io import fits

    base = tmp_path_factory.mktemp("docs")
    subprocess.run([TESSERA, "simulate", "-o", base / "frames", "-q", *FRAMES], check=True)
    (base / "night").mkdir()
    names = {"cbcd": "sci", "cbunc": "err", "bimsk": "bad"}
    for ours, theirs in names.items():
        for i, path in enumerate(sorted((base / "frames").glob(f"*_{ours}.fits"))):
            with fits.open(path) as hdus:
                header = hdus[0].header
                for card in ("INSTRUME", "CHNLNUM", "DCENUM"):
                    header.remove(card, ignore_missing=True)
                header["TELESCOP"] = "Mine"
                hdus.writeto(base / "night" / f"run7_{i:04d}_{theirs}.fits")
    return base


@pytest.fixture
def place(prepared, tmp_path):
    """A folder to run a page in, with `frames`, `night`, an empty home and the program on the path."""
    for name in ("frames", "night"):
        shutil.copytree(prepared / name, tmp_path / name)
    programs = tmp_path / ".programs"
    programs.mkdir()
    (programs / "tessera").symlink_to(TESSERA.resolve())
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path / "home")}
    environment.pop("XDG_CONFIG_HOME", None)
    environment.setdefault("TESSERA_PROFILES", str(ROOT / "profiles"))
    (tmp_path / "home").mkdir()
    return tmp_path, environment


def test_there_are_pages_whose_commands_run():
    assert {"mosaic.md", "own-camera.md", "lists-and-mopex-users.md"} <= {p.name for p in RUNNABLE}


@pytest.mark.parametrize("page", RUNNABLE, ids=[str(p.relative_to(ROOT)) for p in RUNNABLE])
def test_commands_of_a_page_run(page, place):
    folder, environment = place
    text = page.read_text(encoding="utf-8")
    if "tessera simulate -o frames" in text:  # the page makes its own
        shutil.rmtree(folder / "frames")
    commands = "\n".join(BLOCK.findall(text))
    commands = commands.replace("tessera simulate -o frames --frames 8", "tessera simulate -o frames " + " ".join(FRAMES))
    done = subprocess.run(["bash", "-euo", "pipefail", "-x", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    for out in re.findall(r"^tessera mosaic (?!.*--dry-run).* -o (\S+)", commands, re.MULTILINE):
        assert (folder / out / "run.json").is_file(), out


def test_the_profile_of_the_guide_is_the_one_that_is_found(place):
    folder, environment = place
    page = (ROOT / "docs" / "guide" / "own-camera.md").read_text(encoding="utf-8")
    commands = next(b for b in BLOCK.findall(page) if "my-camera.toml" in b)
    subprocess.run(["bash", "-eu", "-c", commands], cwd=folder, env=environment, check=True)
    told = subprocess.run([TESSERA, "info", "night/run7_0000_sci.fits"], cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
    assert "my-camera" in told and "run7_0000_err.fits" in told and "run7_0000_bad.fits" in told


def test_the_keys_of_a_profile_are_as_the_page_lists_them(place):
    folder, environment = place
    page = (ROOT / "docs" / "formats" / "profiles.md").read_text(encoding="utf-8")
    profile = re.search(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL).group(1)
    (folder / "home" / ".config" / "tessera" / "profiles").mkdir(parents=True)
    (folder / "home" / ".config" / "tessera" / "profiles" / "my-camera.toml").write_text(profile, encoding="utf-8")
    subprocess.run([TESSERA, "info", "night/run7_0000_sci.fits"], cwd=folder, env=environment, check=True, capture_output=True)
    (folder / "home" / ".config" / "tessera" / "profiles" / "my-camera.toml").write_text(profile + "[cards]\nexposure = 3\n", encoding="utf-8")
    refused = subprocess.run([TESSERA, "info", "night/run7_0000_sci.fits"], cwd=folder, env=environment, capture_output=True, text=True)
    assert refused.returncode == 2 and "my-camera.toml" in refused.stderr  # it was read


def anchors(path):
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or f"({name})" in index, name


def test_pictures_are_small():
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 400_000, picture.name
