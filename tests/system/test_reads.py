"""Identical reads under way share one call, and answers that are kept: who gets whose answer, and never an old one."""
import concurrent.futures
import contextlib
import functools
import http.client
import json
import threading
import time

import pytest

import harness
from harness import ADMIN_KEY, KEY, OTHER_SECRET, PATIENCE, SECRET, Gate, Sim, request, sha256, until
from portal import TIME, Answer, error, result

config_text = functools.partial(harness.config_text, share="")

SECOND_KEY = "b24g_0system0test0key0of0the0office00000"
SECOND_CLIENT = f"""
[clients.office]
key_sha256 = "{sha256(SECOND_KEY)}"
portals = ["acme"]
"""
THIRD_KEY = "b24g_0system0test0key0of0the0counter0000"
OTHER_CREDENTIAL = """
[portals.acme.credentials.second]
type = "webhook"
user = 2
secret = "env:BETA_WEBHOOK"
"""
OTHER_CREDENTIAL_CLIENT = f"""
[clients.counter]
key_sha256 = "{sha256(THIRD_KEY)}"
portals = ["acme"]
credentials = {{ acme = "second" }}
"""
CACHE = '[[cache]]\nmethods = ["crm.*.list", "crm.*.fields", "user.current", "disk.file.get"]\nttl = "1h"\n'
FRESH = {"Cache-Control": "no-cache"}


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    sim.portal("acme", webhooks=[{"user": 1, "secret": SECRET}, {"user": 2, "secret": OTHER_SECRET}], plan="none",
               seed={"deal": 20})
    yield sim
    sim.stop()


@pytest.fixture
def behind(start, sim):
    """A gateway in front of the simulator, which has forgotten everything."""
    def begin(portal: str = "", extra: str = "", **more) -> Gate:
        sim.reset()
        sim.control("DELETE", "/faults")
        text = config_text(sim.url + "/acme", portal=portal, portals=OTHER_CREDENTIAL,
                           clients=SECOND_CLIENT + OTHER_CREDENTIAL_CLIENT, extra=extra, **more)
        if "burst" in portal:
            text = text.replace('plan = "none"\n', "")
        return start(text)

    return begin


def executed(sim, method: str) -> int:
    return sim.stats("acme")["executions"].get(method, 0)


class Calls:
    """Calls that run beside the test."""

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(64)

    def begin(self, gate, method, params=None, **more):
        return self.pool.submit(gate.call, method, params if params is not None else {}, **more)


@pytest.fixture
def calls():
    calls = Calls()
    yield calls
    calls.pool.shutdown()


def slow(sim, method: str, ms: int) -> None:
    """Carried out at once, answered late: what comes meanwhile is not in the answer."""
    sim.faults({"method": method, "effect": "latency", "delay_after_ms": ms * PATIENCE, "times": 1_000_000})


def test_identical_reads_share_one_call(behind, sim, calls):
    gate = behind()
    slow(sim, "crm.deal.list", 700)
    leader = calls.begin(gate, "crm.deal.list")
    until(lambda: executed(sim, "crm.deal.list") == 1)
    others = [calls.begin(gate, "crm.deal.list") for _ in range(20)]
    # Other spellings of the same, and another client with the same credential.
    others.append(calls.begin(gate, "CRM.deal.list.json"))
    others.append(calls.begin(gate, "crm.deal.list", key=SECOND_KEY))
    other = calls.begin(gate, "crm.deal.list", {"start": 0})
    answers = [call.result() for call in others]
    first = leader.result()
    assert first.status == 200 and first.header("X-B24-Shared") is None
    for answer in answers:
        assert answer.status == 200 and answer.body == first.body, answer
        assert answer.header("X-B24-Shared") == "1" and answer.header("X-B24-Attempts") == "1"
        assert answer.header("Content-Type") == first.header("Content-Type")
    ids = {answer.header("X-Request-Id") for answer in answers}
    assert len(ids) == len(answers)
    assert other.result().header("X-B24-Shared") is None
    stats = sim.stats("acme")
    assert stats["executions"]["crm.deal.list"] == 2 and stats["hits"] == 2
    until(lambda: len(gate.log(event="call", shared=True)) == len(answers))
    assert gate.metric("b24gate_shared_reads_total", portal="acme") == len(answers)
    assert gate.metric("b24gate_budget_hits_total", portal="acme") == 2
    # Nothing is kept without a rule.
    assert gate.call("crm.deal.list", {}).header("X-B24-Shared") is None


@pytest.mark.parametrize("what", ["credential", "no-cache", "setting", "write", "time", "head"])
def test_what_is_not_shared(behind, sim, calls, what):
    gate = behind(portal="share_reads = false" if what == "setting" else "")
    method = {"write": "crm.deal.add", "time": "server.time"}.get(what, "crm.deal.list")
    slow(sim, method, 500)
    params = {"fields": {"TITLE": "x", "ORIGIN_ID": "once"}} if what == "write" else {}
    leader = calls.begin(gate, method, params)
    until(lambda: executed(sim, method) == 1)
    more = {"credential": {"key": THIRD_KEY}, "no-cache": {"headers": FRESH}, "head": {"verb": "HEAD"}}.get(what, {})
    second = calls.begin(gate, method, None if what == "head" else params, **more)
    assert leader.result().status == 200 and second.result().status == 200
    assert second.result().header("X-B24-Shared") is None
    assert executed(sim, method) == 2


def test_who_waits_for_budget_shares_too(behind, sim, calls):
    """One call's worth of budget for a crowd."""
    gate = behind(portal="burst = 1\nrate = 1\n[portals.acme.coalesce]\nenabled = false")
    sim.portal("acme", plan="none")
    assert gate.call("profile", {}).status == 200
    crowd = [calls.begin(gate, "crm.deal.list") for _ in range(30)]
    answers = [call.result() for call in crowd]
    assert {answer.status for answer in answers} == {200}
    assert executed(sim, "crm.deal.list") <= 2
    assert sum(answer.header("X-B24-Shared") == "1" for answer in answers) >= 28


@pytest.mark.parametrize("extra", ["", CACHE], ids=["shared", "kept"])
def test_everybody_reads_what_he_wrote(behind, sim, extra):
    """Each writes into a row of its own and reads all rows; the reads of all are the same read."""
    gate = behind(extra=extra)
    sim.faults({"method": "crm.deal.list", "effect": "latency", "delay_after_ms": 15, "times": 1_000_000})
    ids = [row["ID"] for row in gate.call("crm.deal.list", {}).json["result"]][:8]
    params = {"select": ["ID", "TITLE"], "order": {"ID": "ASC"}}
    end = time.monotonic() + 3 * min(PATIENCE, 3)
    counts = {"1": 0, "kept": 0, None: 0}
    wrong = []

    def work(row):
        number = 0
        while time.monotonic() < end and not wrong:
            number += 1
            title = f"{row}-{number}"
            updated = gate.call("crm.deal.update", {"id": row, "fields": {"TITLE": title}})
            assert updated.status == 200, updated
            for _ in range(4):
                answer = gate.call("crm.deal.list", params)
                assert answer.status == 200, answer
                seen = {entry["ID"]: entry["TITLE"] for entry in answer.json["result"]}[row]
                if seen != title:
                    wrong.append((title, seen, answer.headers))
                counts["kept" if answer.header("Age") else answer.header("X-B24-Shared")] += 1

    with concurrent.futures.ThreadPoolExecutor(len(ids)) as pool:
        for done in [pool.submit(work, row) for row in ids]:
            done.result()
    assert not wrong, wrong[:3]
    assert counts["1"] > 10 or extra, counts
    assert counts[None] > 10, counts


def test_a_read_begun_before_a_write_is_no_answer_behind_it(behind, sim, calls):
    gate = behind(extra=CACHE)
    slow(sim, "crm.deal.list", 600)
    row = {"filter": {"ID": "1"}, "select": ["ID", "TITLE"]}
    old = calls.begin(gate, "crm.deal.list", row)
    until(lambda: executed(sim, "crm.deal.list") == 1)
    assert gate.call("crm.deal.update", {"id": 1, "fields": {"TITLE": "new"}}).status == 200
    new = calls.begin(gate, "crm.deal.list", row)
    assert new.result().json["result"][0]["TITLE"] == "new"
    assert new.result().header("X-B24-Shared") is None
    assert old.result().json["result"][0]["TITLE"] != "new"
    # Nor was the old one kept.
    kept = gate.call("crm.deal.list", row)
    assert kept.header("Age") is not None and kept.json["result"][0]["TITLE"] == "new"


def test_a_follower_keeps_its_own_deadline(behind, sim, calls):
    gate = behind()
    slow(sim, "crm.deal.list", 1500)
    leader = calls.begin(gate, "crm.deal.list")
    until(lambda: executed(sim, "crm.deal.list") == 1)
    before = time.monotonic()
    answer = gate.call("crm.deal.list", {}, headers={"X-B24-Timeout-Ms": "200"})
    assert (answer.status, answer.code) == (504, "GATEWAY_DEADLINE"), answer
    assert 0.15 < time.monotonic() - before < 1.0 * PATIENCE
    assert answer.gateway["executed"] == "no" and answer.gateway["retryable"]
    assert leader.result().status == 200
    assert executed(sim, "crm.deal.list") == 1


def test_a_leaders_deadline_is_its_own(behind, sim, calls):
    gate = behind()
    slow(sim, "crm.deal.list", 1000)
    leader = calls.begin(gate, "crm.deal.list", headers={"X-B24-Timeout-Ms": str(400 * PATIENCE)})
    until(lambda: executed(sim, "crm.deal.list") == 1)
    followers = [calls.begin(gate, "crm.deal.list") for _ in range(5)]
    assert leader.result().status == 504
    answers = [follower.result() for follower in followers]
    assert [answer.status for answer in answers] == [200] * 5
    assert executed(sim, "crm.deal.list") == 2
    assert sum(answer.header("X-B24-Shared") == "1" for answer in answers) == 4


@contextlib.contextmanager
def caller(gate, method, key=KEY):
    """A call whose connection the test holds."""
    connection = http.client.HTTPConnection(*gate.data, timeout=20 * PATIENCE)
    connection.request("POST", f"/rest/1/{key}/{method}", b"{}", {"Content-Type": "application/json"})
    try:
        yield connection
    finally:
        connection.close()


def test_a_leader_hangs_up_in_the_queue(behind, sim, calls):
    gate = behind(portal="burst = 1\nrate = 0.5\n[portals.acme.coalesce]\nenabled = false")
    sim.portal("acme", plan="none")
    assert gate.call("profile", {}).status == 200
    with caller(gate, "crm.deal.list"):
        until(lambda: gate.metric("b24gate_queue_length", portal="acme") == 1)
        followers = [calls.begin(gate, "crm.deal.list") for _ in range(3)]
        with caller(gate, "crm.deal.list"):  # a follower that goes too
            time.sleep(0.2)
    answers = [follower.result() for follower in followers]
    assert [answer.status for answer in answers] == [200] * 3
    assert executed(sim, "crm.deal.list") == 1
    assert gate.metric("b24gate_queue_length", portal="acme") == 0


def test_a_leader_hangs_up_at_the_portal(behind, sim, calls):
    gate = behind()
    slow(sim, "crm.deal.list", 600)
    with caller(gate, "crm.deal.list"):
        until(lambda: executed(sim, "crm.deal.list") == 1)
        follower = calls.begin(gate, "crm.deal.list")
        time.sleep(0.2)
    assert follower.result().status == 200
    assert executed(sim, "crm.deal.list") == 1


def test_the_portals_verdict_is_shared_and_its_trouble_is_not(start, portal, calls):
    portal.clear()
    gate = start(config_text(portal.url))
    go = threading.Event()
    portal.handler = lambda _: Answer(400, error(400, "ERROR_ARGUMENT", "Argument 'x' is bad").body, wait_for=go)
    waiting = [calls.begin(gate, "crm.deal.list", headers={"X-Request-ID": f"mine-{i}"}) for i in range(6)]
    until(lambda: len(portal.received) == 1)
    time.sleep(0.3 * PATIENCE)
    go.set()
    for number, call in enumerate(waiting):
        answer = call.result()
        assert (answer.status, answer.code, answer.gateway["class"]) == (400, "ERROR_ARGUMENT", "validation"), answer
        assert answer.gateway["request_id"] == answer.header("X-Request-Id") == f"mine-{number}"
    assert len(portal.received) == 1

    portal.clear()
    go = threading.Event()
    portal.handler = lambda _: Answer(502, b"<html>bad gateway</html>", [("Content-Type", "text/html")], wait_for=go)
    waiting = [calls.begin(gate, "crm.deal.list") for _ in range(6)]
    until(lambda: len(portal.received) == 1)
    time.sleep(0.3 * PATIENCE)
    go.set()
    assert {call.result().status for call in waiting} == {502}
    # Two have led, one behind the other, and then everybody went his own way: each with four attempts.
    assert len(portal.received) == 24


def test_a_long_answer_streams_to_each(start, portal, calls):
    portal.clear()
    gate = start(config_text(portal.url))
    body = json.dumps({"result": ["x" * 100] * 20_000, "time": TIME}).encode()
    go = threading.Event()
    portal.handler = lambda _: Answer(200, body, wait_for=go)
    waiting = [calls.begin(gate, "crm.deal.list") for _ in range(4)]
    until(lambda: len(portal.received) == 1)
    time.sleep(0.3 * PATIENCE)
    go.set()
    assert [call.result().body == body for call in waiting] == [True] * 4
    assert len(portal.received) == 4


def test_links_are_each_clients_own(start, portal, calls):
    portal.clear()
    gate = start(config_text(portal.url, clients=SECOND_CLIENT, extra=CACHE))
    go = threading.Event()
    link = f"{portal.url}/rest/1/{SECRET}/download/?token=disk%7Cx"
    body = json.dumps({"result": {"DOWNLOAD_URL": link}, "time": TIME}).encode()
    portal.handler = lambda _: Answer(200, body, wait_for=go)
    first = calls.begin(gate, "disk.file.get", {"id": 5})
    until(lambda: len(portal.received) == 1)
    second = calls.begin(gate, "disk.file.get", {"id": 5}, key=SECOND_KEY)
    time.sleep(0.3 * PATIENCE)
    go.set()
    first, second = first.result(), second.result()
    kept, kept_second = gate.call("disk.file.get", {"id": 5}), gate.call("disk.file.get", {"id": 5}, key=SECOND_KEY)
    assert len(portal.received) == 1
    assert second.header("X-B24-Shared") == "1"
    for answer, key in ((first, KEY), (second, SECOND_KEY), (kept, KEY), (kept_second, SECOND_KEY)):
        assert answer.status == 200
        assert SECRET.encode() not in answer.everything
        expected = f"http://{gate.data[0]}:{gate.data[1]}/rest/1/{key}/download/?token=disk%7Cx"
        assert answer.json["result"]["DOWNLOAD_URL"] == expected
    assert kept.header("Age") == "0" and kept_second.header("Age") == "0"


def test_a_stop_tells_those_who_wait(start, portal, calls):
    portal.clear()
    gate = start(config_text(portal.url, server='shutdown_grace = "3s"'))
    go = threading.Event()
    portal.handler = lambda _: Answer(200, result(True).body, wait_for=go)
    leader = calls.begin(gate, "crm.deal.list")
    until(lambda: len(portal.received) == 1)
    followers = [calls.begin(gate, "crm.deal.list") for _ in range(5)]
    time.sleep(0.3 * PATIENCE)
    stopping = threading.Thread(target=gate.stop)
    stopping.start()
    for follower in followers:
        answer = follower.result()
        assert (answer.status, answer.code) == (503, "GATEWAY_DRAINING"), answer
    go.set()
    assert leader.result().status == 200
    stopping.join()


# --- answers that are kept ---

def test_a_kept_answer(behind, sim):
    gate = behind(extra=CACHE)
    first = gate.call("user.current", {})
    assert first.status == 200 and first.header("Age") is None
    second = gate.call("user.current", {})
    assert second.status == 200 and second.body == first.body
    assert second.header("Age") == "0" and second.header("X-B24-Attempts") == "0"
    assert second.header("Content-Type") == first.header("Content-Type")
    until(lambda: int(gate.call("user.current", {}).header("Age")) >= 1)
    assert gate.call("user.current", {}, key=SECOND_KEY).header("Age") is not None
    assert gate.call("user.current", {}, key=THIRD_KEY).header("Age") is None  # another credential
    assert gate.call("user.current", {"x": 1}).header("Age") is None
    assert gate.call("user.get", {}).header("Age") is None
    assert gate.call("user.get", {}).header("Age") is None  # no rule names it
    assert executed(sim, "user.current") == 3
    assert gate.metric("b24gate_cache_misses_total", portal="acme") == 3
    assert gate.metric("b24gate_cache_hits_total", portal="acme") >= 3
    assert gate.metric("b24gate_cache_bytes") > 0
    record = gate.log(event="call", cache="hit")[0]
    assert record["attempts"] == 0 and record["class"] == "ok" and record["method"] == "user.current"
    assert gate.metric("b24gate_budget_hits_total", portal="acme") == sim.stats("acme")["hits"]


def test_who_wants_it_fresh_gets_it_fresh(behind, sim):
    gate = behind(extra=CACHE)
    gate.call("user.current", {})
    for number, header in enumerate(({"Cache-Control": "no-cache"}, {"Cache-Control": "max-age=0"}, {"Pragma": "no-cache"},
                                     {"Cache-Control": "no-store"}), 2):
        assert gate.call("user.current", {}, headers=header).header("Age") is None
        assert executed(sim, "user.current") == number
    assert gate.call("user.current", {}).header("Age") is not None
    # What came with no-store is not kept.
    assert gate.call("user.current", {"x": 1}, headers={"Cache-Control": "no-store"}).header("Age") is None
    assert gate.call("user.current", {"x": 1}, headers=FRESH).header("Age") is None
    assert gate.call("user.current", {"x": 1}).header("Age") is not None


def test_an_answer_is_good_for_its_time(behind, sim):
    gate = behind(extra='[[cache]]\nmethods = ["user.current"]\nttl = "1s"\n')
    gate.call("user.current", {})
    ages = []

    def asked_again():
        ages.append(gate.call("user.current", {}).header("Age"))
        return executed(sim, "user.current") == 2

    until(asked_again)
    assert set(ages[:-1]) == {"0"} and ages[-1] is None


WRITES = [
    ("crm.deal.add", {"fields": {"TITLE": "x"}}, True),
    ("crm.deal.update", {"id": 1, "fields": {"TITLE": "x"}}, True),
    ("crm.item.add", {"entityTypeId": 2, "fields": {"title": "x"}}, True),
    ("batch", {"cmd": {"a": "crm.deal.list", "b": "crm.deal.update?id=1&fields[TITLE]=x"}}, True),
    ("batch", {"cmd": {"a": "crm.deal.list", "b": "profile"}}, False),
    ("no.such.method", {}, True),
    ("tasks.task.add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1}}, False),
    ("crm.deal.get", {"id": 1}, False),
]


@pytest.mark.parametrize("method,params,drops", WRITES)
def test_a_write_drops_what_it_may_have_changed(behind, sim, method, params, drops):
    gate = behind(extra=CACHE)
    gate.call("crm.deal.list", {})
    gate.call("crm.deal.list", {}, key=THIRD_KEY)
    assert gate.call("crm.deal.list", {}).header("Age") is not None
    gate.call(method, params)
    assert (gate.call("crm.deal.list", {}).header("Age") is None) == drops
    # For every credential: the rows are the same.
    assert (gate.call("crm.deal.list", {}, key=THIRD_KEY).header("Age") is None) == drops
    assert gate.metric("b24gate_cache_drops_total", portal="acme") == (2 if drops else 0)


def test_errors_are_not_kept(portal, start):
    portal.clear()
    gate = start(config_text(portal.url, extra=CACHE))
    portal.script(error(400, "ERROR_ARGUMENT"), Answer(200, error(200, "ERROR_CORE", "x").body))
    assert gate.call("user.current", {}).status == 400
    assert gate.call("user.current", {}).status == 400
    assert gate.call("user.current", {}).status == 200
    assert gate.call("user.current", {}).header("Age") == "0"
    assert len(portal.received) == 3


def test_after_a_write_of_unknown_outcome_nothing_is_kept_for_a_while(portal, start):
    portal.clear()
    gate = start(config_text(portal.url, extra=CACHE))
    gate.call("crm.deal.list", {})
    portal.script(Answer(raw=b"", then="reset"))
    assert gate.call("crm.deal.add", {"fields": {"TITLE": "x"}}).status == 409
    for _ in range(3):
        assert gate.call("crm.deal.list", {}).header("Age") is None
    assert gate.call("user.current", {}).header("Age") is None
    assert gate.call("user.current", {}).header("Age") == "0"


def reload(gate, text: str) -> None:
    gate.path.write_text(text)
    answer = request(gate.admin, "POST", "/api/v1/reload", b"", {"Authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status == 200, answer


def test_a_reload(behind, sim):
    gate = behind(extra=CACHE)
    text = gate.path.read_text()
    gate.call("user.current", {})
    reload(gate, text + '\n[log]\nlevel = "info"\n')
    assert gate.call("user.current", {}).header("Age") is not None
    # The same name may now be another user.
    reload(gate, text.replace('user = 1\nsecret = "env:ACME_WEBHOOK"', 'user = 2\nsecret = "env:BETA_WEBHOOK"'))
    assert gate.metric("b24gate_cache_bytes") == 0
    other = gate.call("user.current", {})
    assert other.header("Age") is None and other.json["result"]["ID"] == "2"
    reload(gate, text.replace('ttl = "1h"', 'ttl = "2h"'))
    assert gate.call("user.current", {}).header("Age") is None
    assert gate.call("user.current", {}).header("Age") is not None
    reload(gate, text.replace(CACHE, ""))
    assert gate.call("user.current", {}).header("Age") is None
    assert gate.call("user.current", {}).header("Age") is None


def test_memory_is_bounded(portal, start):
    portal.clear()
    gate = start(config_text(portal.url, extra='[[cache]]\nmethods = ["crm.*"]\nttl = "1h"\nmax_bytes = "300KiB"\n'))
    body = result("x" * 20_000).body
    portal.handler = lambda _: Answer(200, body)
    for number in range(60):
        gate.call("crm.deal.list", {"start": number})
    assert 200 << 10 < gate.metric("b24gate_cache_bytes") <= 300 << 10
    assert gate.call("crm.deal.list", {"start": 59}).header("Age") == "0"
    assert gate.call("crm.deal.list", {"start": 0}).header("Age") is None
