"""Runs tests written for Node.js: packages as the lock file names them, and what node's test runner counted."""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Dict, List, Tuple


def install(folder: pathlib.Path) -> None:
    """npm ci, when what is installed is not what the lock file says."""
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".b24gate-lock"
    if stamp.exists() and stamp.read_text() == lock:
        return
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"npm ci failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    stamp.write_text(lock)


def run(folder: pathlib.Path, environment: Dict[str, str], arguments: List[str], seconds: float) -> Tuple[int, int]:
    """Every *.test.mjs of a folder; gives (passed, failed)."""
    with tempfile.NamedTemporaryFile(suffix=".tap") as tap:
        files = sorted(str(path) for path in folder.glob("*.test.mjs"))
        command = ["node", "--test", "--test-concurrency=1", "--test-reporter=spec", "--test-reporter-destination=stdout",
                   "--test-reporter=tap", f"--test-reporter-destination={tap.name}", *arguments, *files]
        subprocess.run(command, cwd=folder, env={**os.environ, **environment}, timeout=seconds, check=False)
        totals = dict(re.findall(r"^# (pass|fail|cancelled) (\d+)$", pathlib.Path(tap.name).read_text(), re.M))
    return int(totals.get("pass", 0)), int(totals.get("fail", 1)) + int(totals.get("cancelled", 0))
