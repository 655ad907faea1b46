"""Starting, being watched, being changed, and ending."""
import concurrent.futures
import http.client
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import (ADMIN_KEY, BUILD, KEY, OTHER_KEY, PATIENCE, SECRET, Gate, Raw, certificate, config_text, request,
                     request_on, sha256, until)
from portal import Answer, result

GATE = str(BUILD / "b24gate")


def run(*arguments, env=None, timeout=10):
    return subprocess.run([GATE, *arguments], capture_output=True, text=True, timeout=timeout * PATIENCE,
                          env={"PATH": "/usr/bin:/bin", **(env or {})})


# Starting

def test_help_and_version():
    for arguments in (["--help"], ["serve", "--help"], ["check", "--help"], ["keygen", "--help"]):
        done = run(*arguments)
        assert done.returncode == 0 and "b24gate" in done.stdout, done
    done = run("--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+\.\d+", done.stdout), done
    for arguments in ([], ["nonsense"], ["serve", "--nonsense"]):
        done = run(*arguments)
        assert done.returncode != 0 and done.stderr.strip() and not done.stdout.strip(), done


def test_keygen_makes_keys_that_work(start, portal):
    portal.clear()
    done = run("keygen", "shop")
    assert done.returncode == 0, done
    key = re.search(r"\bb24g_[A-Za-z0-9_-]{22,}", done.stdout).group()
    digest = re.search(r'key_sha256 = "([0-9a-f]{64})"', done.stdout).group(1)
    assert digest == sha256(key) and "[clients.shop]" in done.stdout
    assert done.stdout.count(key) == 1
    gate = start(config_text(portal.url, clients=f'[clients.shop]\nkey_sha256 = "{digest}"\nportals = ["acme"]'))
    assert gate.call("profile", {}, key=key).status == 200
    assert run("keygen", "shop").stdout != done.stdout


ENV = {"ADMIN_KEY": ADMIN_KEY, "ACME_WEBHOOK": SECRET}
BAD = [
    # what is replaced, by what, what the message must hold
    ('plan = "none"', 'plan = "none', None),
    ('plan = "none"', 'plann = "none"', "plan"),
    ('plan = "none"', 'plan = "cheap"', "standard"),
    ('threads = 2', 'threads = "two"', None),
    ('threads = 2', 'idle_timeout = "75 parsecs"', None),
    ('secret = "env:ACME_WEBHOOK"', 'secret = "env:NO_SUCH_VARIABLE"', "NO_SUCH_VARIABLE"),
    ('secret = "env:ACME_WEBHOOK"', 'secret = "plainly0written0secret"', "env:"),
    ('secret = "env:ACME_WEBHOOK"', 'secret = "file:/nonexistent/secret"', "/nonexistent/secret"),
    ('portals = ["acme"]', 'portals = ["acmee"]', "acme"),
    ('listen = "127.0.0.1:0"', 'listen = "127.0.0.1:99999"', None),
]


@pytest.mark.parametrize("old,new,hint", BAD)
def test_a_bad_config_is_one_clear_line(tmp_path, old, new, hint):
    path = tmp_path / "bad.toml"
    text = config_text("https://localhost:1").replace(old, new, 1)
    assert new in text
    path.write_text(text)
    line = text[:text.index(new)].count("\n") + 1
    for command in (["check", "--config", str(path)], ["serve", "--config", str(path)]):
        done = run(*command, env=ENV)
        assert done.returncode == 2, done
        message = done.stderr + (done.stdout if command[0] == "check" else "")
        lines = [text for text in message.splitlines() if text.strip()]
        assert len(lines) == 1, message
        assert re.search(rf"{re.escape(str(path))}:{line}:\d+: ", message), message
        assert "plainly0written0secret" not in message
        if hint:
            assert hint in message, message


def test_check_accepts_a_good_config(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text(config_text("https://acme.bitrix24.com"))
    done = run("check", "--config", str(path), env=ENV)
    assert done.returncode == 0, done


def start_error(tmp_path, config, env=ENV):
    path = tmp_path / "b24gate.toml"
    path.write_text(config)
    done = run("serve", "--config", str(path), env=env)
    assert done.returncode == 2, done
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        data = config_text("https://localhost:1").replace('"127.0.0.1:0"', f'"{address}"', 1)
        assert address in start_error(tmp_path, data)
        admin = config_text("https://localhost:1").replace('[admin]\nlisten = "127.0.0.1:0"', f'[admin]\nlisten = "{address}"')
        assert address in start_error(tmp_path, admin)


def test_an_unreadable_certificate_is_one_clear_line(tmp_path):
    cert, key = certificate(tmp_path, "own")
    _, other = certificate(tmp_path, "other")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for pair in ((tmp_path / "missing.pem", key), (cert, tmp_path / "missing.key"), (empty, key), (cert, other)):
        text = f'tls_listen = "127.0.0.1:0"\ntls_certificate = "{pair[0]}"\ntls_key = "{pair[1]}"'
        line = start_error(tmp_path, config_text("https://localhost:1", server=text))
        assert str(tmp_path) in line, line


def test_a_missing_config_is_one_clear_line(tmp_path):
    done = run("serve", "--config", str(tmp_path / "nothing.toml"))
    assert done.returncode == 2 and str(tmp_path / "nothing.toml") in done.stderr, done


def test_secrets_are_not_on_the_command_line_nor_in_the_process_title(gate):
    for name in ("cmdline", "comm"):
        with open(f"/proc/{gate.pid}/{name}", "rb") as file:
            assert SECRET.encode() not in file.read()


# Being watched

def test_health_on_both_ports(gate):
    for admin in (False, True):
        answer = gate.get("/healthz", admin=admin)
        assert answer.status == 200 and answer.json == {"status": "ok"}
        answer = gate.get("/readyz", admin=admin)
        assert answer.status == 200, answer
        assert SECRET.encode() not in answer.everything and KEY.encode() not in answer.everything


def test_a_portals_outage_makes_no_gateway_unready(start):
    gate = start(config_text("http://127.0.0.1:1"))
    assert gate.call("profile", {}).status == 502
    assert gate.get("/readyz").status == 200


def test_metrics(gate, portal):
    gate.call("crm.deal.list", {})
    gate.call("crm.deal.list", {}, key="b24g_wrong")
    answer = gate.get("/metrics", admin=True)
    assert answer.status == 200 and answer.header("Content-Type").startswith("text/plain")
    text = answer.body.decode()
    assert text.endswith("\n") and "acme" in text and "warehouse" in text
    typed = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed and kind in ("counter", "gauge", "histogram", "summary", "untyped"), line
            typed.add(name)
        elif not line.startswith("#") and line:
            match = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_]\w*="(\\.|[^"\\])*",?)*\})? (\S+)', line)
            assert match, line
            float(match.group(5))
            base = re.sub(r"_(bucket|sum|count)$", "", match.group(1))
            assert base in typed or match.group(1) in typed, line
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert len(series) == len(set(series))
    assert SECRET not in text and KEY not in text and "b24g_wrong" not in text


def test_labels_are_bounded(gate, portal):
    before = len(gate.get("/metrics", admin=True).body)
    for i in range(300):
        gate.call(f"made.up.method{i}", {}, key=KEY if i % 2 else f"b24g_guess{i}")
    assert len(gate.get("/metrics", admin=True).body) < before + 8000


def test_metrics_are_not_on_the_data_port(gate):
    assert gate.get("/metrics").status == 404


def test_the_admin_port_wants_its_key(gate):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {KEY}"}):
        answer = request(gate.admin, "POST", "/api/v1/reload", b"", headers)
        assert answer.status in (401, 403), answer
    answer = request(gate.admin, "POST", f"/rest/1/{KEY}/profile", b"")
    assert answer.status in (401, 403, 404), answer
    evil = request(gate.admin, "POST", "/api/v1/reload", b"", {"Authorization": f"Bearer {ADMIN_KEY}", "Host": "evil.example"})
    assert evil.status in (400, 403, 421), evil


def test_one_json_line_a_call(gate, portal):
    answer = gate.call("crm.deal.list", {"filter": {"PHONE": "+49 30 1234567"}}, headers={"X-Request-ID": "trace-one-line"})
    assert answer.status == 200

    def lines():
        return [line for line in gate.log() if "trace-one-line" in json.dumps(line)]

    until(lines, what="the call's log line")
    assert len(lines()) == 1
    text = json.dumps(lines()[0])
    for part in ("acme", "warehouse", "crm.deal.list", "200"):
        assert part in text, text
    assert "1234567" not in text


# Being changed

def reload(gate, text, good: bool):
    before = len(gate.log())
    gate.path.write_text(text)
    gate.signal(signal.SIGHUP)

    def answered():
        return [line for line in gate.log()[before:] if "reload" in json.dumps(line).lower()]

    until(answered, what="a log line about the reload")
    assert gate.process.poll() is None
    return answered()


def test_reload_takes_a_good_config_without_dropping_a_connection(start, portal, beta):
    portal.clear()
    beta.clear()
    text = config_text(portal.url)
    gate = start(text)
    connection = http.client.HTTPConnection(*gate.data, timeout=10 * PATIENCE)
    path, other = f"/rest/1/{KEY}/profile", f"/rest/1/{OTHER_KEY}/profile"
    assert request_on(connection, "POST", path, b"").status == 200
    assert request_on(connection, "POST", other, b"").status == 401
    local = connection.sock.getsockname()
    added = f'[clients.added]\nkey_sha256 = "{sha256(OTHER_KEY)}"\nportals = ["acme"]\n'
    reload(gate, config_text(portal.url, clients=added, client='deny = ["profile"]'), True)
    until(lambda: request_on(connection, "POST", other, b"").status == 200, what="the added client")
    assert request_on(connection, "POST", path, b"").status == 403
    assert connection.sock.getsockname() == local
    reload(gate, config_text(beta.url), True)
    until(lambda: request_on(connection, "POST", other, b"").status == 401, what="the removed client")
    assert request_on(connection, "POST", path, b"").status == 200
    assert len(beta.received) >= 1
    connection.close()


@pytest.mark.parametrize("damage", ["syntax", "unknown key", "empty", "missing", "secret"])
def test_reload_of_a_bad_config_changes_nothing(start, portal, damage):
    portal.clear()
    text = config_text(portal.url)
    gate = start(text)
    if damage == "missing":
        gate.path.unlink()
        before = len(gate.log())
        gate.signal(signal.SIGHUP)
        until(lambda: len(gate.log()) > before, what="a log line")
    else:
        bad = {"syntax": text + "\n[", "unknown key": text + "\n[nonsense]\na = 1\n", "empty": "",
               "secret": text.replace("env:ACME_WEBHOOK", "env:GONE")}[damage]
        reload(gate, bad, False)
    assert gate.call("profile", {}).status == 200
    assert "level" in json.dumps(gate.log()[-1]) or gate.log()
    reload(gate, config_text(portal.url, client='deny = ["profile"]'), True)
    until(lambda: gate.call("profile", {}).status == 403, what="the repaired config")


def test_reload_under_load_loses_nothing(start, portal):
    portal.clear()
    gate = start(config_text(portal.url))
    stop = threading.Event()
    statuses = []

    def caller():
        connection = http.client.HTTPConnection(*gate.data, timeout=10 * PATIENCE)
        while not stop.is_set():
            statuses.append(request_on(connection, "POST", f"/rest/1/{KEY}/profile", b"").status)

    threads = [threading.Thread(target=caller, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for i in range(10):
            seen = len(statuses)
            gate.path.write_text(config_text(portal.url, client=f"weight = {i + 1}"))
            gate.signal(signal.SIGHUP)
            until(lambda: len(gate.log(event="reload", ok=True)) == i + 1, what=f"reload {i + 1}")
            until(lambda: len(statuses) >= seen + 10, what=f"calls during and after reload {i + 1}")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}


# Ending

def test_sigterm_drains(start, portal):
    portal.clear()
    gate = start(config_text(portal.url, server='drain_delay = "700ms"'))
    release = threading.Event()
    portal.handler = lambda _: Answer(200, b'{"result":"late"}', wait_for=release)
    idle = http.client.HTTPConnection(*gate.data, timeout=10 * PATIENCE)
    assert request_on(idle, "GET", "/healthz").status == 200
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        flying = pool.submit(gate.call, "crm.deal.add", {"fields": {}})
        until(lambda: portal.received, what="the call in flight")
        gate.signal(signal.SIGTERM)
        answers = []

        def unready():
            answers.append(gate.get("/readyz"))
            return answers[-1].status == 503

        until(unready, what="readyz 503")
        assert b"drain" in answers[-1].body
        until(lambda: not listening(gate), what="the closed listener")
        assert gate.process.poll() is None
        release.set()
        assert flying.result().json["result"] == "late"
    assert gate.wait() == 0
    gate.stop()


def test_calls_are_served_until_the_balancer_has_noticed(start, portal):
    """Between "not ready" and the closed listener calls still come, and nobody else can serve them yet."""
    portal.clear()
    gate = start(config_text(portal.url, server='drain_delay = "1s"'))
    kept = http.client.HTTPConnection(*gate.data, timeout=10 * PATIENCE)
    assert request_on(kept, "POST", f"/rest/1/{KEY}/profile", b"").status == 200
    gate.signal(signal.SIGTERM)
    until(lambda: gate.get("/readyz").status == 503, what="readyz 503")
    assert gate.call("profile", {}).status == 200
    assert request_on(kept, "POST", f"/rest/1/{KEY}/profile", b"").status == 200
    kept.close()
    assert gate.wait() == 0


def listening(gate) -> bool:
    try:
        socket.create_connection(gate.data, timeout=1).close()
        return True
    except OSError:
        return False


def test_an_idle_gateway_ends_at_once(start, portal):
    portal.clear()
    gate = start(config_text(portal.url))
    idle = [socket.create_connection(gate.data) for _ in range(20)]
    assert gate.call("profile", {}).status == 200
    before = time.monotonic()
    gate.signal(signal.SIGTERM)
    assert gate.wait() == 0
    assert time.monotonic() - before < 5 * PATIENCE
    for connection in idle:
        connection.close()


def test_sigint_drains_too(start, portal):
    gate = start(config_text(portal.url))
    gate.signal(signal.SIGINT)
    assert gate.wait() == 0


def test_the_grace_ends_what_does_not_end(start, portal):
    portal.clear()
    gate = start(config_text(portal.url, server='shutdown_grace = "500ms"'))
    release = threading.Event()
    portal.handler = lambda _: Answer(200, b"{}", wait_for=release)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        flying = pool.submit(lambda: outcome(gate))
        until(lambda: portal.received, what="the call in flight")
        gate.signal(signal.SIGTERM)
        assert gate.wait() == 0
        assert flying.result() in ("broken", 409, 503, 504)
    release.set()


def outcome(gate):
    try:
        return gate.call("crm.deal.add", {"fields": {}}).status
    except (OSError, http.client.HTTPException):
        return "broken"


def test_a_second_sigterm_ends_at_once(start, portal):
    portal.clear()
    gate = start(config_text(portal.url))
    release = threading.Event()
    portal.handler = lambda _: Answer(200, b"{}", wait_for=release)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        flying = pool.submit(outcome, gate)
        until(lambda: portal.received, what="the call in flight")
        gate.signal(signal.SIGTERM)
        until(lambda: gate.process.poll() is not None or not listening(gate), what="the drain")
        before = time.monotonic()
        gate.signal(signal.SIGTERM)
        gate.wait(5)
        assert time.monotonic() - before < 3 * PATIENCE
        assert flying.result() in ("broken", 409, 503, 504)
    release.set()
    gate.stopped = True


def test_a_vanished_client_harms_nobody(gate, portal):
    release = threading.Event()
    portal.handler = lambda _: Answer(200, b'{"result":1}', wait_for=release)
    raw = Raw(gate.data)
    raw.send(f"POST /rest/1/{KEY}/crm.deal.list HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    until(lambda: portal.received, what="the call")
    raw.close()
    release.set()
    portal.handler = lambda _: result(True)
    assert gate.call("profile", {}).status == 200
