#!/usr/bin/env python3
"""Renews the tables of options in docs/steps/*.md, and those of other programs' keys in docs/mopex.md, docs/apex.md and docs/swarp.md, from the program's own declarations.

    scripts/make_docs.py [--check] [--tessera PROGRAM]

Only what stands between the two markers of a page is written; the rest is prose by hand. A page without markers gets a
section with them at its end, and a step without a page one to begin with. With --check nothing is written, and the exit code says whether all pages are up to date.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "steps"
BEGIN = "<!-- options: written by scripts/make_docs.py -->"
END = "<!-- options: end -->"
KEYS = {"mopex.md": "mopex", "apex.md": "apex", "swarp.md": "swarp"}
OPTIONS = f"## Options\n\n{BEGIN}\n{END}\n"


def default_program():
    build = os.environ.get("TESSERA_BUILD", str(ROOT / "build" / "release"))
    return os.environ.get("TESSERA", os.path.join(build, "tessera"))


def ask(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def step_names(program):
    return [line.split()[0] for line in ask(program, "steps").splitlines()]


def first_page(program, step):
    """A page made of what help says, for a step that has none."""
    about = json.loads(ask(program, "config", "--schema", step))
    paragraphs = "\n\n".join(line.strip() for line in about["description"].splitlines() if line.strip())
    usage = " ".join(part for part in ("tessera", step, about["inputs"], "[options]") if part)
    return (f"# {step}: {about['summary'].rstrip('.')}\n\n{paragraphs}\n\n```\n{usage}\n```\n\nExample:\n\n```\n{about['example']}\n```\n\n"
            f"{OPTIONS}")


def renewed(page, text, table):
    """The page's text with the table between its markers."""
    if BEGIN not in text and END not in text:
        text = f"{text.rstrip()}\n\n{OPTIONS}"
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        sys.exit(f"{page}: one of the markers '{BEGIN}' and '{END}' is missing")
    return f"{text[:begin]}{BEGIN}\n\n{table}\n{text[end:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    parser.add_argument("--tessera", default=default_program(), help="the program to ask")
    options = parser.parse_args()

    names = step_names(options.tessera)
    stale = [f"{page.relative_to(ROOT)}: there is no such step" for page in sorted(PAGES.glob("*.md")) if page.stem not in names]
    for step in names:
        page = PAGES / f"{step}.md"
        before = page.read_text(encoding="utf-8") if page.exists() else None
        after = renewed(page, before if before is not None else first_page(options.tessera, step),
                        ask(options.tessera, "config", "--table", step))
        if after == before:
            continue
        if options.check:
            stale.append(f"{page.relative_to(ROOT)}: {'out of date' if before is not None else 'missing'}; run scripts/make_docs.py")
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))
    for name, program in KEYS.items() if "import" in names else ():
        page = PAGES.parent / name
        before = page.read_text(encoding="utf-8")
        after = renewed(page, before, ask(options.tessera, "import", "--table", program))
        if after != before and options.check:
            stale.append(f"{page.relative_to(ROOT)}: out of date; run scripts/make_docs.py")
        elif after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))
    if stale:
        sys.exit("\n".join(stale))


if __name__ == "__main__":
    main()
