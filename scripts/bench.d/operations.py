"""What a hand-over costs; run by scripts/bench.

scripts/bench operations   64 connections hand calls over (Prefer: respond-async) to a gateway with an SQLite store, in turns with a bare
                           SQLite writer that commits the same bytes: one row of 1 KiB and two small ones for each, in WAL
                           mode with synchronous=FULL, 64 to a commit. The ratio is taken within each round. The calls are not due
                           for a day, so that only the hand-over is measured.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEY = "b24g_benchmark_benchmark_bench"
CONNECTIONS = 64
BODY_BYTES = 300

CONFIG = """
[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[store]
url = "sqlite:bench.db"
encryption_key = "env:STORE_KEY"
[operations]
max_queued = 100000000
max_queued_per_client = 100000000
[portals.acme]
url = "http://127.0.0.1:9"
[portals.acme.credentials.main]
type = "webhook"
user = 1
secret = "env:WEBHOOK"
[clients.bench]
key_sha256 = "{key}"
portals = ["acme"]
[log]
file = "{folder}/log"
"""

LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Prefer"] = "respond-async"
wrk.headers["X-B24-Not-Before"] = tostring(os.time() + 86400)
wrk.body = '{"fields":{"TITLE":"' .. string.rep("x", %d) .. '"}}'
local others = 0
function response(status) if status ~= 202 then others = others + 1 end end
function done(summary, latency)
    io.write(string.format('RESULT {"requests":%%d,"seconds":%%.6f,"p50_us":%%d,"p99_us":%%d,"errors":%%d}\\n', summary.requests,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
""" % BODY_BYTES


def bare_writer(folder: pathlib.Path, seconds: float) -> float:
    """Rows of a hand-over a second, 64 to a commit."""
    path = folder / f"bare{time.monotonic_ns()}.db"
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 8000"):
        db.execute("PRAGMA " + pragma)
    db.execute("CREATE TABLE operation (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, portal TEXT, state TEXT, due INTEGER, more TEXT)")
    db.execute("CREATE INDEX ready ON operation (portal, due, seq)")
    db.execute("CREATE TABLE body (seq INTEGER PRIMARY KEY, bytes BLOB)")
    db.execute("CREATE TABLE counter (name TEXT PRIMARY KEY, n INTEGER)")
    db.execute("INSERT INTO counter VALUES ('queued', 0)")
    begun, rows = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        db.execute("BEGIN IMMEDIATE")
        for _ in range(CONNECTIONS):
            rows += 1
            cursor = db.execute("INSERT INTO operation (id, portal, state, due, more) VALUES (?, 'acme', 'queued', 1, ?)",
                                (os.urandom(16).hex(), "x" * 200))
            db.execute("INSERT INTO body VALUES (?, ?)", (cursor.lastrowid, os.urandom(BODY_BYTES + 200)))
            db.execute("UPDATE counter SET n = n + 1 WHERE name = 'queued'")
        db.execute("COMMIT")
    took = time.monotonic() - begun
    db.close()
    path.unlink()
    return rows / took


def hand_overs(address: str, folder: pathlib.Path, seconds: float) -> dict:
    (folder / "post.lua").write_text(LUA)
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", str(folder / "post.lua"),
                           f"http://{address}/rest/1/{KEY}/crm.deal.add"], capture_output=True, text=True, check=True)
    return json.loads(re.search(r"RESULT (.*)", done.stdout).group(1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["operations"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--build", default=os.environ.get("B24GATE_BUILD", str(ROOT / "build")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "gate.toml").write_text(CONFIG.format(key=hashlib.sha256(KEY.encode()).hexdigest(), folder=folder))
        environment = {**os.environ, "WEBHOOK": "benchmarkbenchmark", "STORE_KEY": "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="}
        gate = subprocess.Popen([options.build + "/b24gate", "serve", "--config", str(folder / "gate.toml")],
                                stdout=subprocess.PIPE, text=True, env=environment)
        try:
            address = json.loads(gate.stdout.readline())["listen"]
            rounds = []
            for _ in range(options.rounds):
                bare = bare_writer(folder, options.seconds)
                taken = hand_overs(address, folder, options.seconds)
                if taken["errors"]:
                    print(f"{taken['errors']} hand-overs were not answered with 202", file=sys.stderr)
                    return 1
                rate = taken["requests"] / taken["seconds"]
                rounds.append((rate, bare, taken))
                print(f"{rate:8.0f} hand-overs/s over HTTP (p50 {taken['p50_us'] / 1000:.1f} ms, p99 {taken['p99_us'] / 1000:.1f} ms), "
                      f"bare writer {bare:8.0f}/s, ratio {rate / bare:.2f}")
            print(f"median: {statistics.median(r[0] for r in rounds):.0f} hand-overs/s, "
                  f"ratio to the bare writer {statistics.median(r[0] / r[1] for r in rounds):.2f}")
        finally:
            gate.send_signal(signal.SIGTERM)
            gate.wait(30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
