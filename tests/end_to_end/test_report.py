"""report.html: one file that stands alone, is well-formed, tells no lies to a browser, and stays small."""
import html.parser
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest
from astropy.io import fits

from tools import tessera

HOSTILE = "<script>alert('1')</script>&\"quoted\".fits".replace("/", "_")


class Outline(html.parser.HTMLParser):
    """Tags, links and text as a browser sees them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.words, self.depth = [], [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for key, value in attributes if key in ("href", "src")]
        self.depth += 1

    def handle_endtag(self, tag):
        self.depth -= 1

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for key, value in attributes if key in ("href", "src")]

    def handle_data(self, data):
        self.words.append(data)


def report(out):
    page = (out / "report.html").read_text(encoding="utf-8")
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))  # well-formed as XML too
    outline = Outline(page)
    assert outline.depth == 0
    assert "script" not in outline.tags and "http" not in page and "@import" not in page and "url(" not in page
    return page, outline


@pytest.fixture(scope="module")
def run(stack, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "out"
    tessera("mosaic", stack, "-o", out, "--rmasks", "--set", "rejection.threshold_high=6")
    return out


def test_the_report_stands_alone_and_its_links_lead_somewhere(run):
    page, outline = report(run)
    inlined = [link for link in outline.links if link.startswith("data:image/png;base64,")]
    assert len(inlined) == 3
    for link in outline.links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in page
        elif not link.startswith("data:"):
            assert (run / link).exists(), link
    for name in run.iterdir():
        if name.name not in ("report.html", "Rmask"):
            assert name.name in outline.links
    assert "Rmask/" in outline.links


def test_the_report_says_what_the_record_says(run):
    record = json.loads((run / "run.json").read_text())
    page, outline = report(run)
    words = "\n".join(outline.words)
    assert "rejection.threshold_high" in words and "output.rmasks" in words and "threshold_low" not in words
    for stage in record["stages"]:
        assert stage["name"] in words
    for caveat in record["caveats"]:
        assert caveat["kind"] in words
    for frame in record["frames"]:
        assert frame["image"].rsplit("/", 1)[-1] in words
    assert f"{record['grid']['width']} × {record['grid']['height']}" in words
    names = re.findall(r"<circle[^>]*><title>([^<]*)", page)
    assert len(names) == 3 * len(record["frames"])  # offset, noise and rejection of every frame
    product = [p for p in record["products"] if p["name"] == "report.html"]
    assert product == [{"name": "report.html"}]  # listed, and nothing for replay to compare


def test_replay_passes_over_the_report(run, tmp_path):
    done = tessera("replay", run / "run.json", "-o", tmp_path / "again")
    assert "report.html" not in done.stderr and (tmp_path / "again" / "report.html").exists()


def test_hostile_names_and_headers_are_text(stack, tmp_path):
    folder = tmp_path / "<b onclick='x'>"
    folder.mkdir()
    names = []
    for i, frame in enumerate(sorted(stack.glob("*_cbcd.fits"))[:3]):
        names.append(folder / f"{i}{HOSTILE}")
        with fits.open(frame) as hdus:
            hdus[0].header["OBJECT"] = "</title><script>alert(2)</script>"
            hdus.writeto(names[-1])
    out = tmp_path / "out\n<i>"
    tessera("mosaic", *names, "-o", out, "--profile", "generic", "--set", "input.on_bad_frame=skip")
    page, outline = report(out)
    assert "b" not in outline.tags and "i" not in outline.tags
    words = "".join(outline.words)
    assert "</title><script>alert(2)</script>" in words and HOSTILE in words


def test_many_frames_and_bare_runs_keep_the_report_small(stack, tmp_path):
    """240 frames: more than are listed. Without pictures, matching and rejection there is nothing to plot of them."""
    frames = sorted(stack.glob("*_cbcd.fits"))
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(240):
        (folder / f"{i:03}.fits").symlink_to(frames[i % 8])
    for i in range(8):
        (folder / f"x{i}.fits").write_text("not a frame")
    tessera("mosaic", folder, "-o", tmp_path / "many", "--profile", "generic", "--set", "grid.oversample=0.25", "--set", "input.on_bad_frame=skip")
    page, outline = report(tmp_path / "many")
    assert len(page) < 300_000
    words = " ".join("".join(outline.words).split())
    assert "and 40 more" in words and "<circle" not in page
    assert "frame-skipped … and 3 more in run.json" in words and "8 frames left out" in words
    tessera("mosaic", frames[0], "-o", tmp_path / "bare", "--no-pictures", "--set", "rejection.method=none", "--set", "background.method=none",
            "--set", "input.scale_noise=false")
    page, outline = report(tmp_path / "bare")
    assert "Background offsets" not in page and "Rejected pixels" not in page and "mosaic.png" not in page


def test_no_report_on_request(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "out", "--no-report")
    assert not (tmp_path / "out" / "report.html").exists()
