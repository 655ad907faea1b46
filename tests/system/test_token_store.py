"""What becomes of the tokens when processes die, stores go away, and keys change."""
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from harness import (ADMIN_KEY, BUILD, KEY, PATIENCE, ROOT, SANITIZER, SECRET, Gate, Raw, Sim, appearances, config_text,
                     until)
from oauth import (CLIENT_SECRET, ENVIRONMENT, OTHER_STORE_KEY, STORE_KEY, Cloud, hold, import_pair, listed,
                   oauth_config, row_of, tokens)


@pytest.fixture(scope="module")
def sim():
    sim = Sim(("--keep-requests", "3000"))
    yield sim
    sim.stop()


@pytest.fixture
def cloud(sim):
    """The portal acme, of which nobody knows a token."""
    sim.reset()
    sim.portal("acme", plan="none", webhooks=[{"user": 1, "secret": SECRET}], revoke_tokens=True)
    yield Cloud(sim)
    sim.reset()


@pytest.fixture
def folder(tmp_path):
    """Of an installation: its configuration and its var/."""
    folder = tmp_path / "installation"
    folder.mkdir()
    return folder


@pytest.fixture
def begin(folder):
    """Starts a gateway on what is in the folder."""
    started = []

    def start(config=None, **environment) -> Gate:
        text = config or (folder / "b24gate.toml").read_text()
        started.append(Gate(folder, text, {**ENVIRONMENT, **environment}))
        return started[-1]

    yield start
    for gate in started:
        if not gate.stopped:
            gate.stop()


# Kills.

def fire(gate: Gate, count: int):
    """Calls whose answers nobody will read."""
    callers = []
    for _ in range(count):
        caller = Raw(gate.data)
        caller.send(f"POST /rest/1/{KEY}/server.time HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        callers.append(caller)
    return callers


def test_kills_lose_a_pair_only_with_its_answer(cloud, sim, folder, begin):
    """kill -9 at random moments around a refresh. A pair is lost exactly when the server has rotated it and the gateway
    had no time to write the new one down, and then the next gateway knows why."""
    kills = {"": 200, "address": 40, "thread": 12}[SANITIZER]
    span = 0.09 * PATIENCE
    source = random.Random(11)
    config = oauth_config(sim)
    (folder / "b24gate.toml").write_text(config)
    import_pair(folder / "b24gate.toml", cloud.issue())
    # The server rotates as soon as the request is there; its answer comes 40 ms later.
    cloud.fault(effect="latency", delay_after_ms=40 * PATIENCE)
    lost = unharmed = in_time = 0
    longest = 0.0
    gate = begin(config)
    assert gate.call("server.time", {}).status == 200
    for _ in range(kills):
        sim.portal("acme", expire_tokens=True)
        refreshes, before = cloud.counts["refreshes"], row_of(folder)
        callers = fire(gate, 3)
        time.sleep(max(0.0, source.uniform(-span / 6, span)))
        gate.kill()
        for caller in callers:
            caller.close()
        rotated, after = cloud.counts["refreshes"] - refreshes, row_of(folder)
        stored = after["version"] - before["version"]
        # One pair or the other, whole.
        assert after["check"] == "ok" and after["state"] == "active", after
        assert (after["sealed"] == before["sealed"]) == (stored == 0), after
        assert 0 <= stored <= rotated <= 1, (stored, rotated)
        assert listed(folder / "b24gate.toml")["state"] in ("active", "expired")
        gate = begin(config)
        began = time.monotonic()
        answer = gate.call("server.time", {})
        longest = max(longest, time.monotonic() - began)
        if rotated and not stored:
            lost += 1
            assert (answer.status, answer.code) == (401, "GATEWAY_REAUTH_REQUIRED"), answer
            assert row_of(folder)["reason"] == "invalid_grant_after_lost_answer"
            until(lambda: gate.log(event="needs_reauth", reason="invalid_grant_after_lost_answer", portal="acme"))
            gate.stop()
            import_pair(folder / "b24gate.toml", cloud.issue())
            gate = begin(config)
            assert gate.call("server.time", {}).status == 200
        else:
            assert answer.status == 200, answer
            in_time += stored
            unharmed += not rotated
    print(f"{kills} kills: {lost} lost, {in_time} after the new pair was stored, {unharmed} before it was asked for; "
          f"the call after it took {longest:.2f} s at the most")
    # Kills of every kind, or the test shows nothing; and nobody waits for the lease of the dead.
    assert min(lost, in_time, unharmed) >= kills // 40, (lost, in_time, unharmed)
    assert longest < 2 * PATIENCE


# The store goes away.

def shows_a_store_that_is_away(gate: Gate, cloud: Cloud, away, back) -> None:
    assert gate.call("profile", {}).status == 200
    assert gate.get("/readyz").status == 200
    away()
    until(lambda: gate.get("/readyz").status == 503, 20, "/readyz says it")
    assert "store" in gate.get("/readyz").body.decode()
    assert gate.metric("b24gate_store_usable") == 0
    for _ in range(5):  # with the last known token
        assert gate.call("profile", {}).status == 200
    cloud.expire()
    answer = gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "9000"})
    assert (answer.status, answer.code) == (503, "GATEWAY_STORE"), answer
    assert answer.gateway["retryable"] and answer.gateway["executed"] == "no", answer
    assert int(answer.header("Retry-After")) >= 1
    assert cloud.asked == 0
    until(lambda: gate.log(event="store_unusable"))
    back()
    until(lambda: gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "9000"}).status == 200, 40, "recovery")
    until(lambda: gate.get("/readyz").status == 200, 20)
    until(lambda: gate.log(event="store_usable"))
    assert cloud.counts["refreshes"] == 1


def test_a_locked_sqlite_file(cloud, sim, folder, begin):
    gate = begin(oauth_config(sim, client='timeout = "60s"'))
    import_pair(gate, cloud.issue())
    until(lambda: gate.call("profile", {}).status == 200, 4)
    held = []
    shows_a_store_that_is_away(gate, cloud, lambda: held.append(hold(folder / "var" / "b24gate.db.lock")),
                               lambda: held.pop().close())


def test_postgresql_that_is_away(cloud, sim, begin, postgres_server, postgres):
    where, _ = postgres_server
    gate = begin(oauth_config(sim, "env:STORE_URL", client='timeout = "60s"'), STORE_URL=postgres)
    import_pair(gate, cloud.issue(), environment={"STORE_URL": postgres})
    until(lambda: gate.call("profile", {}).status == 200, 4)
    # Stopped in the middle of everything: connections stay open and say nothing.
    server = int((where / "server" / "data" / "postmaster.pid").read_text().split()[0])
    children = [int(pid) for pid in subprocess.run(["pgrep", "-P", str(server)], capture_output=True,
                                                   text=True).stdout.split()]

    def tell(number):
        for pid in [server, *children]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    shows_a_store_that_is_away(gate, cloud, lambda: tell(signal.SIGSTOP), lambda: tell(signal.SIGCONT))
    # And lost altogether.
    subprocess.run([str(ROOT / "scripts" / "postgres"), "restart", str(where)], check=True)
    cloud.expire()
    until(lambda: gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "9000"}).status == 200, 30)
    assert cloud.counts["refreshes"] == 2


# Encryption.

def bytes_below(folder: pathlib.Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_the_store_is_sealed_and_its_key_can_change(cloud, sim, folder, begin):
    config = oauth_config(sim)
    gate = begin(config)
    import_pair(gate, cloud.issue())
    until(lambda: gate.call("profile", {}).status == 200, 4)
    for number in range(1, 6):
        cloud.expire()
        assert gate.call("profile", {}).status == 200
        cloud.see()
    assert cloud.counts["refreshes"] == 5 and len(cloud.issued) == 12
    alive = bytes_below(folder / "var")
    gate.stop()
    assert len(alive) > 1000
    for what in (alive, bytes_below(folder)):
        for secret in cloud.issued + [CLIENT_SECRET, STORE_KEY]:
            for form in appearances(secret):
                assert form not in what, secret
    for file in (folder / "var").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file

    # Another key: nothing breaks, and everybody is told what is the matter.
    wrong = begin(config, STORE_KEY=OTHER_STORE_KEY)
    answer = wrong.call("profile", {})
    assert (answer.status, answer.code) == (401, "GATEWAY_REAUTH_REQUIRED") and "unknown_key" in answer.body.decode()
    until(lambda: wrong.log(event="token_unreadable", portal="acme"))
    row = listed(wrong, environment={"STORE_KEY": OTHER_STORE_KEY})
    assert row["state"] == "active" and row["key_id"], row
    assert cloud.counts["refreshes"] == 5
    wrong.stop()

    # The new key, the old one for what is there; sealed anew while it runs; then without the old one.
    both = config.replace('encryption_key = "env:STORE_KEY"',
                          'encryption_key = "env:NEW_KEY"\nold_encryption_keys = ["env:STORE_KEY"]')
    gate = begin(both, NEW_KEY=OTHER_STORE_KEY)
    assert gate.call("profile", {}).status == 200
    old_key = listed(gate, environment={"NEW_KEY": OTHER_STORE_KEY})["key_id"]
    done = tokens(gate, "rekey", environment={"NEW_KEY": OTHER_STORE_KEY})
    assert done.returncode == 0 and done.stdout.startswith("1 sealed anew"), done
    assert listed(gate, environment={"NEW_KEY": OTHER_STORE_KEY})["key_id"] != old_key
    assert gate.call("profile", {}).status == 200
    gate.stop()
    gate = begin(config, STORE_KEY=OTHER_STORE_KEY)
    assert gate.call("profile", {}).status == 200
    cloud.expire()
    assert gate.call("profile", {}).status == 200
    assert cloud.counts["refreshes"] == 6


# What `serve` does not start with.

def refusal(folder: pathlib.Path, config: str, **environment) -> str:
    path = folder / "b24gate.toml"
    path.write_text(config)
    began = time.monotonic()
    done = subprocess.run([str(BUILD / "b24gate"), "serve", "--config", str(path)], capture_output=True, text=True,
                          timeout=30 * PATIENCE, env={"PATH": os.environ["PATH"], "ADMIN_KEY": ADMIN_KEY,
                                                      **ENVIRONMENT, **environment})
    assert done.returncode == 2, done
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and not done.stdout, done
    assert time.monotonic() - began < 12 * PATIENCE
    return lines[0]


def test_serve_without_a_key_for_the_store(sim, folder):
    line = refusal(folder, oauth_config(sim).replace('encryption_key = "env:STORE_KEY"\n', ""))
    assert "encryption_key" in line and "keygen --store" in line
    line = refusal(folder, oauth_config(sim), STORE_KEY="c2hvcnQ=")
    assert "encryption key" in line and "32 bytes" in line and "c2hvcnQ=" not in line


def test_serve_without_its_store(sim, folder, postgres_server):
    _, url = postgres_server
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = re.sub(r":\d+/", f":{port}/", url)
    line = refusal(folder, oauth_config(sim, "env:STORE_URL"), STORE_URL=gone)
    assert f"127.0.0.1:{port}" in line and "b24gate-tests" not in line, line
    line = refusal(folder, oauth_config(sim, "env:STORE_URL"), STORE_URL=url.replace("b24gate-tests", "wr0ngpa55word"))
    assert "password" in line and "wr0ngpa55word" not in line, line

    damaged = folder / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + os.urandom(8000))
    assert str(damaged) in refusal(folder, oauth_config(sim, f"sqlite:{damaged}"))
    other = folder / "notes.txt"
    other.write_text("my shopping list " * 20)
    line = refusal(folder, oauth_config(sim, f"sqlite:{other}"))
    assert str(other) in line and "no SQLite database" in line
    assert other.read_text().startswith("my shopping list")
    foreign = folder / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    assert "another program" in refusal(folder, oauth_config(sim, f"sqlite:{foreign}"))
    line = refusal(folder, oauth_config(sim, "sqlite:/proc/nowhere/b24gate.db"))  # not even root can write there
    assert "/proc/nowhere" in line


def test_a_damaged_page_of_the_store(cloud, sim, folder, begin):
    gate = begin(oauth_config(sim))
    import_pair(gate, cloud.issue())
    gate.stop()
    file = folder / "var" / "b24gate.db"
    whole = file.read_bytes()
    assert len(whole) > 8192
    file.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    line = refusal(folder, oauth_config(sim))
    assert str(file) in line and "damaged" in line, line


# The bucket's level.

def test_the_budget_survives_a_restart_and_not_a_kill(sim, folder, begin):
    """A gateway that knows what was sent before goes on at once; one that does not waits until the bucket is empty."""
    sim.reset()
    sim.portal("acme", webhooks=[{"user": 1, "secret": SECRET}], plan="none")
    config = config_text(sim.url + "/acme", portal="burst = 4\nrate = 1").replace('plan = "none"\n', "").replace(
        "assume_spent = false\n", "")

    def waited(gate: Gate) -> int:
        answer = gate.call("server.time", {})
        assert answer.status == 200, answer
        return int(answer.header("X-B24-Wait-Ms"))

    gate = begin(config)
    assert waited(gate) > 300  # nobody knows what was sent before the very first start
    time.sleep(3)  # it leaks
    assert waited(gate) == 0
    gate.stop()
    gate = begin(config)
    assert waited(gate) == 0
    gate.kill()
    gate = begin(config)
    assert waited(gate) > 300
