"""Adds up JUnit files of ctest and pytest, names what failed, and ends with "N passed, N failed, N skipped".

usage: summarise_tests.py FILE...      exit code 1 when anything failed; a file that is not there is a failure
"""

import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """'passed', 'failed' or 'skipped' of one <testcase>."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if case.get("status") == "notrun" or case.get("status") == "disabled":
        # ctest says "notrun" both for a test that skipped itself and for one whose program is missing.
        asked = skipped is not None and (skipped.get("message") or "").startswith("SKIP_")
        return "skipped" if asked else "failed"
    return "skipped" if skipped is not None else "passed"


def main(paths):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        try:
            cases = list(ElementTree.parse(path).iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            print(f"FAILED {path}: no results ({error})")
            totals["failed"] += 1
            continue
        for case in cases:
            result = outcome(case)
            totals[result] += 1
            if result == "failed":
                print(f"FAILED {path}: {case.get('name')}")
        if not cases:
            print(f"FAILED {path}: holds no tests")
            totals["failed"] += 1
    print(", ".join(f"{count} {name}" for name, count in totals.items()))
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
