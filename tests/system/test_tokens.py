"""Access tokens that end: renewed unseen, once for all who wait, and what callers see when they cannot be."""
import asyncio
import base64
import concurrent.futures
import json
import resource
import threading
import time

import pytest

from harness import (KEY, OTHER_KEY, PATIENCE, SANITIZER, SECRET, Gate, Sim, appearances, request, sha256,
                     until)
from oauth import CLIENT_SECRET, ENVIRONMENT, Cloud, call_v3, import_pair, listed, oauth_config, tokens

ADMIN = {"Authorization": "Bearer admin-key-of-the-system-tests"}


@pytest.fixture(scope="module")
def sim():
    sim = Sim(("--keep-requests", "30000"))
    yield sim
    sim.stop()


@pytest.fixture
def cloud(sim):
    """The portal acme, of which nobody knows a token."""
    sim.reset()
    sim.control("POST", "/oauth", {"access_life_s": 3600, "apps": {"local.b24sim": {"refuse": ""}}})
    sim.portal("acme", plan="none", webhooks=[{"user": 1, "secret": SECRET}], revoke_tokens=True, refuse="",
               latency_ms=0, methods={"crm.deal.list": {}, "profile": {"refuse": "", "latency_ms": 0}})
    yield Cloud(sim)
    sim.reset()


@pytest.fixture
def gateway(tmp_path, sim):
    """A gateway whose acme is called with an OAuth credential; `pair` is put into its store first."""
    started = []

    def begin(pair, **parts):
        folder = tmp_path / f"gateway{len(started)}"
        folder.mkdir()
        config = oauth_config(sim, **parts)
        (folder / "b24gate.toml").write_text(config)
        import_pair(folder / "b24gate.toml", pair)
        started.append(Gate(folder, config, ENVIRONMENT))
        return started[-1]

    yield begin
    for gate in started:
        if not gate.stopped:
            gate.stop()


def at_once(gates, count: int, method: str = "crm.deal.list"):
    """So many calls at each gateway, at the same time."""
    with concurrent.futures.ThreadPoolExecutor(count * len(gates)) as pool:
        return [call.result() for call in [pool.submit(gate.call, method, {}) for gate in gates for _ in range(count)]]


class Caller(asyncio.Protocol):
    """One call on a connection of its own."""

    def __init__(self, done):
        self.done, self.data, self.status, self.took = done, b"", 0, 0.0

    def connection_made(self, transport):
        self.transport = transport

    def send(self, request: bytes):
        self.began = time.monotonic()
        self.transport.write(request)

    def data_received(self, piece):
        self.data += piece
        head, found, body = self.data.partition(b"\r\n\r\n")
        if not found or self.status:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) >= length:
            self.status, self.took = int(head[9:12]), time.monotonic() - self.began
            self.done()

    def connection_lost(self, problem):
        if not self.status:
            self.status = -1
            self.done()


async def crowd(address, count: int):
    """Opens so many connections first, and then calls on all of them. Gives status and duration of each."""
    loop = asyncio.get_running_loop()
    left, all_done = count, loop.create_future()

    def done():
        nonlocal left
        left -= 1
        if left == 0:
            all_done.set_result(None)

    callers = []
    for begin in range(0, count, 250):
        pairs = await asyncio.gather(*(loop.create_connection(lambda: Caller(done), *address,
                                                              local_addr=(f"127.0.1.{1 + begin // 250}", 0))
                                       for _ in range(min(250, count - begin))))
        callers += [caller for _, caller in pairs]
    head = f"POST /rest/1/{KEY}/crm.deal.list HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n".encode()
    for number, caller in enumerate(callers):  # no two are the same, or they would share an answer
        body = b'{"select":["ID"],"filter":{"ID":%d}}' % number
        caller.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await asyncio.wait_for(all_done, 100)
    for caller in callers:
        caller.transport.abort()
    return [(caller.status, caller.took) for caller in callers]


def test_ten_thousand_calls_and_one_refresh(cloud, gateway):
    count = {"": 10_000, "address": 2_000, "thread": 500}[SANITIZER]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    assert limits[1] > count + 2000, f"the limit of open files is too low: {limits}"
    gate = gateway(cloud.issue(), server="max_connections = 20000",
                   portal="max_in_flight = 1000\nmax_queue = 20000", client='timeout = "90s"')
    usual = asyncio.run(crowd(gate.data, count))
    assert {status for status, _ in usual} == {200}
    own_turn = max(took for _, took in usual)
    # All are there before there is a new one, and up to a thousand at the portal before the first of them is told.
    # (A token request has ten seconds, under a sanitizer too.)
    refresh, told = 3.0, 1.0
    cloud.expire()
    cloud.fault(effect="latency", delay_after_ms=refresh * 1000)
    cloud.sim.faults({"portal": "acme", "effect": "latency", "delay_ms": told * 1000, "times": 1000})
    before = cloud.counts

    async def crowd_with_a_new_token():
        calls = asyncio.create_task(crowd(gate.data, count))
        while not calls.done() and cloud.counts["requests_total"] == before["requests_total"]:
            await asyncio.sleep(0.05)
        cloud.heal()  # only those that are refused are told late
        return await calls

    answers = asyncio.run(crowd_with_a_new_token())
    assert {status for status, _ in answers} == {200}
    after = cloud.counts
    assert after["refreshes"] - before["refreshes"] == 1
    assert after["requests_total"] - before["requests_total"] == 1
    assert cloud.sim.stats("acme")["errors"]["expired_token"] >= 100
    assert gate.metric("b24gate_in_flight") == 0 and gate.metric("b24gate_queue_length") == 0
    longest = max(took for _, took in answers)
    # A call that was refused is sent twice, and both times it has its turn among all the others.
    assert longest < told + refresh + 3 * own_turn + 1 * PATIENCE, (longest, own_turn)
    assert gate.metric("b24gate_token_refreshes_total", result="ok") == 1
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def refused_tokens(cloud) -> int:
    """How many calls came with a token that has expired, or that another gateway has just had replaced."""
    errors = cloud.sim.stats("acme")["errors"]
    return errors.get("expired_token", 0) + errors.get("invalid_token", 0)


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_one_refresh_among_processes(cloud, sim, start, tmp_path, engine, request):
    """All of them see each expiry at the same time."""
    store = request.getfixturevalue("postgres") if engine == "postgresql" else f"sqlite:{tmp_path}/shared.db"
    environment = {**ENVIRONMENT, "STORE_URL": store}
    config = oauth_config(sim, "env:STORE_URL")
    first = start(config, environment=environment)
    import_pair(first, cloud.issue(), environment=environment)
    gates = [first] + [start(config, environment=environment) for _ in range(3 if engine == "postgresql" else 1)]
    for gate in gates:
        until(lambda gate=gate: gate.call("server.time", {}).status == 200, 4)
    cloud.fault(effect="latency", delay_after_ms=50)
    expiries = 6
    for number in range(1, expiries + 1):
        before = refused_tokens(cloud)
        cloud.expire()
        answers = at_once(gates, 6)
        assert {answer.status for answer in answers} == {200}, answers
        counts = cloud.counts
        assert (counts["refreshes"], counts["requests_total"]) == (number, number), counts
        assert refused_tokens(cloud) >= before + len(gates)
    refreshed = [gate.metric("b24gate_token_refreshes_total", result="ok") for gate in gates]
    assert sum(refreshed) == expiries, refreshed
    assert not [line for gate in gates for line in gate.log(event="needs_reauth")]


# What the portal says, and whether it is about an expired token.

def test_what_is_no_expiry_is_not_refreshed(cloud, gateway, sim):
    gate = gateway(cloud.issue())
    for code, status, error_class in (("METHOD_CONFIRM_WAITING", 401, "permission"),
                                      ("METHOD_CONFIRM_DENIED", 403, "permission"),
                                      ("CONNECTION_ERROR", 500, "server")):
        sim.faults({"portal": "acme", "method": "profile", "code": code, "status": status, "times": 10})
        answer = gate.call("profile", {})
        assert (answer.code, answer.gateway["class"]) == (code, error_class), answer
        cloud.heal()
    sim.faults({"portal": "acme", "method": "profile", "effect": "answer", "status": 401, "body": "<html>401</html>",
                "headers": {"Content-Type": "text/html"}, "times": 10})
    answer = gate.call("profile", {})
    assert answer.status == 401 and answer.gateway["origin"] in ("portal", "network"), answer
    cloud.heal()
    assert gate.call("profile", {}).status == 200
    assert cloud.asked == 0


def test_a_401_of_rest_3_is_looked_into(cloud, gateway, sim):
    gate = gateway(cloud.issue())
    cloud.expire()
    answer = call_v3(gate, KEY)
    assert answer.status == 200, answer
    assert (cloud.counts["refreshes"], cloud.asked) == (1, 1)
    # The same answer to something else than an expired token.
    sim.faults({"portal": "acme", "method": "tasks.task.list", "times": 5, "effect": "answer", "status": 401,
                "headers": {"Content-Type": "application/json"},
                "body": {"error": {"code": "BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION", "message": "No"}}})
    refused = call_v3(gate, KEY)
    assert refused.status in (401, 403) and refused.gateway["executed"] == "no", refused
    assert (cloud.counts["refreshes"], cloud.asked) == (1, 1)
    cloud.heal()
    assert call_v3(gate, KEY).status == 200


def test_an_unknown_token_is_refreshed_once(cloud, gateway):
    """Its chain is good: another process had used it. Then the chain is gone as well."""
    pair = cloud.issue()
    gate = gateway(pair)
    cloud.sim.faults({"portal": "acme", "method": "profile", "code": "invalid_token", "status": 401})
    assert gate.call("profile", {}).status == 200
    assert cloud.counts["refreshes"] == 1
    cloud.sim.faults({"portal": "acme", "method": "profile", "code": "invalid_token", "status": 401, "times": 100})
    answer = gate.call("profile", {})
    assert (answer.status, answer.gateway["class"]) == (401, "auth_invalid"), answer
    assert cloud.counts["refreshes"] == 2
    cloud.heal()
    hits = cloud.sim.stats("acme")["hits"]
    answer = gate.call("profile", {})
    assert (answer.status, answer.code) == (401, "GATEWAY_REAUTH_REQUIRED"), answer
    assert (cloud.sim.stats("acme")["hits"], cloud.asked) == (hits, 2)
    until(lambda: listed(gate)["state"] == "needs_reauth", 3)


# What the authorization server says.

PASSING = {
    # the fault, then the class, the origin and the status that callers get
    "down": ({"effect": "reset"}, ("network", "network", 502)),
    "garbage": ({"effect": "garbage", "bytes": 200}, ("network", "network", 502)),
    "html 200": ({"effect": "answer", "status": 200, "body": "<html><body>Maintenance</body></html>",
                  "headers": {"Content-Type": "text/html"}}, ("server", "oauth", 502)),
    "half a pair": ({"effect": "answer", "status": 200, "body": {"access_token": "halfapairhalfapair"}},
                    ("server", "oauth", 502)),
    "502": ({"effect": "html", "status": 502}, ("server", "oauth", 502)),
    "429": ({"effect": "answer", "status": 429, "body": {"error": "QUERY_LIMIT_EXCEEDED"}},
            ("rate_limit", "oauth", 503)),
}


@pytest.mark.parametrize("name", PASSING)
def test_trouble_of_the_authorization_server_passes(cloud, gateway, name):
    fault, (error_class, origin, status) = PASSING[name]
    gate = gateway(cloud.issue(), client='timeout = "2s"')
    cloud.fault(**fault)
    cloud.expire()
    before = time.monotonic()
    answers = at_once([gate], 20, "profile")
    for _ in range(30):  # those who come later find it backing off, and are told at once
        answers.append(gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "400"}))
    took = time.monotonic() - before
    told = 0
    for answer in answers:
        gateway_says = answer.gateway
        assert gateway_says["executed"] == "no" and gateway_says["retryable"], answer
        assert int(answer.header("Retry-After")) >= 1, answer
        if answer.code == "GATEWAY_DEADLINE":  # the server was just being asked
            continue
        assert (gateway_says["class"], gateway_says["origin"], answer.status) == (error_class, origin, status), answer
        told += 1
    assert told > 25, told
    # Half a second, a second, two... apart at the least; a connection that broke is tried twice in a row.
    most = 1
    pause = 0.5
    while pause < took:
        most, pause = most + 1, pause * 2 + 0.5
    assert 1 <= cloud.asked <= 2 * most, (cloud.asked, took)
    assert listed(gate)["state"] in ("active", "expired")
    assert gate.metric("b24gate_token_refreshes_total", result="failed") >= 1
    cloud.heal()
    until(lambda: gate.call("profile", {}).status == 200, 10, "recovery")
    assert cloud.counts["refreshes"] == 1


def test_a_silent_authorization_server(cloud, gateway):
    """Twice the 8 s that it is given, at once, for the second try often gets through; the callers wait no longer."""
    gate = gateway(cloud.issue())
    cloud.fault(effect="hang")
    cloud.expire()
    before = time.monotonic()
    answer = gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "1000"})
    assert answer.status == 504 and time.monotonic() - before < 2 * PATIENCE, answer
    assert answer.code == "GATEWAY_DEADLINE" and answer.gateway["executed"] == "no", answer
    cloud.heal()
    answers = at_once([gate], 5, "profile")  # they wait for the refresh that is under way
    assert {answer.status for answer in answers} == {200}, answers
    assert 7 < time.monotonic() - before < 10 * PATIENCE
    assert (cloud.asked, cloud.counts["refreshes"]) == (2, 1)


FINAL = {
    "wrong_client": ({"effect": "answer", "status": 200, "body": {"error": "wrong_client"}}, "wrong_client"),
    "invalid_grant": ({"effect": "answer", "status": 400, "body": {"error": "invalid_grant"}}, "invalid_grant"),
    "invalid_client": ({"effect": "answer", "status": 401, "body": {"error": "invalid_client"}}, "invalid_client"),
    "NOT_INSTALLED": ({"effect": "answer", "status": 401, "body": {"error": "NOT_INSTALLED"}}, "NOT_INSTALLED"),
}


@pytest.mark.parametrize("name", FINAL)
def test_a_lost_authorization_fails_fast_until_there_is_a_new_one(cloud, gateway, name):
    fault, reason = FINAL[name]
    gate = gateway(cloud.issue())
    cloud.fault(**fault)
    cloud.expire()
    for answer in at_once([gate], 10) + at_once([gate], 10):
        assert (answer.status, answer.code) == (401, "GATEWAY_REAUTH_REQUIRED"), answer
        assert answer.gateway["class"] == "gateway" and "/oauth/install" in answer.json["error_description"], answer
        assert not answer.gateway["retryable"] and reason in answer.json["error_description"]
    assert cloud.asked == 1
    row = listed(gate)
    assert (row["state"], row["reason"]) == ("needs_reauth", reason)
    until(lambda: gate.log(event="needs_reauth", reason=reason))
    cloud.heal()
    before = time.monotonic()
    assert gate.call("profile", {}).code == "GATEWAY_REAUTH_REQUIRED"
    assert time.monotonic() - before < 0.5 * PATIENCE
    import_pair(gate, cloud.issue())
    until(lambda: gate.call("profile", {}).status == 200, 3, "the imported tokens")
    assert cloud.asked == 1
    assert listed(gate)["state"] == "active"


def test_a_portal_that_has_not_paid(cloud, gateway, sim):
    """The same answer from a gateway that has not heard it itself."""
    gate = gateway(cloud.issue())
    sim.control("POST", "/oauth", {"apps": {"local.b24sim": {"refuse": "PAYMENT_REQUIRED"}}})
    cloud.expire()
    answers = at_once([gate], 5)
    gate.stop()
    again = Gate(gate.path.parent, gate.path.read_text(), ENVIRONMENT)
    try:
        answers += at_once([again], 5)
        for answer in answers:
            assert (answer.status, answer.gateway["class"], answer.code) == (402, "plan", "PAYMENT_REQUIRED"), answer
        assert cloud.asked == 1
        # Whoever has paid need not wait for a day.
        sim.control("POST", "/oauth", {"apps": {"local.b24sim": {"refuse": ""}}})
        done = tokens(again, "refresh", "acme")
        assert done.returncode == 0, done
        until(lambda: again.call("profile", {}).status == 200, 4)
    finally:
        again.stop()


def test_an_answer_that_was_lost_is_remembered(cloud, gateway, sim):
    """The server has rotated the tokens and nobody knows the new ones: whoever reads of it must know why."""
    gate = gateway(cloud.issue(), client='timeout = "10s"')
    cloud.fault(effect="html", status=502, execute=True, times=1)
    cloud.expire()
    until(lambda: gate.call("profile", {}).code == "GATEWAY_REAUTH_REQUIRED", 10)
    assert cloud.counts["refreshes"] == 1
    row = listed(gate)
    assert (row["state"], row["reason"]) == ("needs_reauth", "invalid_grant_after_lost_answer")
    until(lambda: gate.log(event="needs_reauth", reason="invalid_grant_after_lost_answer"))


# Several credentials.

def test_nobody_travels_with_anothers_credential(cloud, start, sim):
    """Three clients with a credential each, tokens that end all the time, and every request that reaches the portal."""
    extra_credentials = "".join(
        f'[portals.acme.credentials.{name}]\ntype = "oauth"\nclient_id = "local.b24sim"\n'
        f'client_secret = "env:CLIENT_SECRET"\ntoken_url = "{sim.url}/oauth/token/"\n' for name in ("second",))
    hook = '[portals.acme.credentials.hook]\ntype = "webhook"\nuser = 1\nsecret = "env:ACME_WEBHOOK"\n'
    keys = {"main": KEY, "second": OTHER_KEY, "hook": OTHER_KEY[:-1] + "1"}
    clients = "".join(f'[clients.{name}]\nkey_sha256 = "{sha256(keys[name])}"\nportals = ["acme"]\n'
                      f'credentials = {{ acme = "{name}" }}\n' for name in ("second", "hook"))
    gate = start(oauth_config(sim, portal="max_in_flight = 40", portals=extra_credentials + hook,
                              client='credentials = { acme = "main" }', clients=clients), environment=ENVIRONMENT)
    users = {"main": 1, "second": 2}
    owners = {}

    def learn():
        for pair in sim.control("GET", "/portals/acme/tokens"):
            owners[pair["access_token"]] = next(name for name, user in users.items() if user == pair["user_id"])

    for name, user in users.items():
        import_pair(gate, cloud.issue(user=user), credential=name)
    learn()
    for key in keys.values():
        until(lambda key=key: gate.call("server.time", {}, key=key).status == 200, 4)
    stop = threading.Event()
    failures = []
    done = [0] * 12

    def work(number, name):
        while not stop.is_set():
            answer = gate.call("sim.echo", {"client": name, "number": done[number]}, key=keys[name])
            done[number] += 1
            if answer.status != 200 or answer.json["result"]["client"] != name:
                failures.append(answer)

    threads = [threading.Thread(target=work, args=(number, list(keys)[number % 3])) for number in range(len(done))]
    for thread in threads:
        thread.start()
    for number in range(1, 9):
        cloud.expire()
        until(lambda: cloud.counts["refreshes"] == 2 * number, 5, "both refreshes")
        learn()
        # A call is renewed for once: none may still be under way with the token before.
        before = list(done)
        until(lambda: all(now >= was + 2 for now, was in zip(done, before)), 5)
    stop.set()
    for thread in threads:
        thread.join()
    learn()
    assert not failures, failures[:3]
    seen = {name: 0 for name in keys}
    for one in sim.control("GET", "/requests?portal=acme"):
        path = one["line"].split(" ")[1]
        if "sim.echo" not in path:
            continue
        head, body = base64.b64decode(one["head_base64"]).decode(), base64.b64decode(one["body_base64"]).decode()
        client = json.loads(body)["client"]
        if f"/rest/1/{SECRET}/" in path:
            used = "hook"
        else:
            tokens_seen = {owner for token, owner in owners.items() if token in head or token in body}
            assert len(tokens_seen) == 1, one
            used = tokens_seen.pop()
        assert used == client, one
        seen[client] += 1
    assert min(seen.values()) > 20, seen
    assert cloud.counts["refreshes"] == 16


# What is said.

def test_tokens_show_nowhere(cloud, gateway, sim):
    """Every token there ever was, in everything that the gateway said, also where the servers echo what they got."""
    gate = gateway(cloud.issue(), extra='[log]\nlevel = "trace"\nparams = true\n', client='timeout = "3s"')
    answers = []

    def calls():
        answers.extend([gate.call("profile", {}), gate.call("crm.deal.list", {"filter": {"ID": 1}}),
                        gate.call("batch", {"cmd": {"a": "profile", "b": "no.such"}}), call_v3(gate, KEY),
                        gate.call("disk.file.get", {"id": 2}), gate.call("no.such", {})])

    calls()
    for _ in range(2):
        cloud.expire()
        calls()
        cloud.see()
    pair = sim.control("GET", "/portals/acme/tokens")[-1]
    everything = f"{pair['access_token']} {pair['refresh_token']} {CLIENT_SECRET}"
    for status in (400, 500):
        sim.faults({"portal": "acme", "times": 3, "effect": "answer", "status": status,
                    "headers": {"Content-Type": "application/json"},
                    "body": {"error": "ODD", "error_description": f"auth={pair['access_token']} is odd"}})
        answers.append(gate.call("profile", {}))
        cloud.heal()
    cloud.expire()
    for body in ({"error": "odd", "error_description": everything}, {"error": everything.replace(" ", "_")},
                 everything):
        cloud.fault(effect="answer", status=400, body=body, headers={"Content-Type": "application/json"})
        done = tokens(gate, "refresh", "acme")
        assert done.returncode == 1, done
        answers.append(gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "500"}))
        for secret in cloud.issued + [CLIENT_SECRET, ENVIRONMENT["STORE_KEY"]]:
            assert secret not in done.stdout + done.stderr, done
        cloud.heal()
    until(lambda: gate.call("profile", {}).status == 200, 10)
    cloud.see()
    cloud.revoke()
    calls()
    cloud.see()
    answers += [request(gate.admin, "GET", path, headers=ADMIN) for path in ("/metrics", "/readyz", "/api/v1/portals")]
    listing = tokens(gate, "list", "--json").stdout + tokens(gate, "list").stdout
    gate.stop()
    said = gate.output.encode() + listing.encode()
    assert len(cloud.issued) >= 8
    for secret in cloud.issued + [CLIENT_SECRET, ENVIRONMENT["STORE_KEY"]]:
        for form in appearances(secret):
            assert form not in said, (secret, [line for line in gate.output.splitlines() if form.decode() in line][:3])
            for answer in answers:
                assert form not in answer.everything, (secret, answer)
