#!/usr/bin/env python3
"""Every test that docs/security.md names exists: tests/FILE.py::NAME and tests/FILE.cpp::NAME OF THE CASE.

Prints one line for each that does not, and for each of the sixteen points that names none, and exits 1 when there are any.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
POINTS = 16
NAMED = re.compile(r"`(tests/[\w/.-]+)(?:::([^`]+))?`")


def exists(file: str, name: str) -> bool:
    path = ROOT / file
    if not path.is_file():
        return False
    if not name:
        return True
    pattern = rf"^def {re.escape(name)}\(" if file.endswith(".py") else rf'^TEST_CASE(?:_TEMPLATE)?\("{re.escape(name)}"'
    return re.search(pattern, path.read_text(), re.MULTILINE) is not None


def main() -> int:
    sections = re.split(r"^### (\d+)\. .*$", (ROOT / "docs" / "security.md").read_text(), flags=re.MULTILINE)
    points = dict(zip(map(int, sections[1::2]), sections[2::2]))
    wrong = [f"docs/security.md: point {number} is missing" for number in range(1, POINTS + 1) if number not in points]
    for number, text in points.items():
        named = NAMED.findall(text)
        if not named:
            wrong.append(f"docs/security.md: point {number} names no test")
        wrong += [f"docs/security.md: point {number}: there is no {file}::{name}" for file, name in named if not exists(file, name)]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
