"""The gateway in front of b24sim: budgets, and two thousand calls through random trouble."""
import concurrent.futures
import http.client
import json
import random
import threading
import time

import pytest

from harness import KEY, PATIENCE, SANITIZER, SECRET, Gate, Sim, config_text, request_on, until

WEBHOOK = {"user": 1, "secret": SECRET}


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    sim.portal("acme", webhooks=[WEBHOOK], plan="none")
    yield sim
    sim.stop()


def behind(start, sim, settings: dict, portal: str = "", **parts) -> Gate:
    sim.reset()
    sim.portal("acme", **settings)
    # Each call is a hit of its own: what travelling together does to them is shown elsewhere.
    text = config_text(sim.url + "/acme", portal=portal + "\ncoalesce = { enabled = false }", **parts)
    if "burst" in portal:
        text = text.replace('plan = "none"\n', "")
    return start(text)


def many(gate: Gate, calls, connections: int):
    """Runs each call of the list once over so many connections; the answers in the order of the list."""
    answers = [None] * len(calls)
    numbers = iter(range(len(calls)))
    lock = threading.Lock()

    def work():
        connection = http.client.HTTPConnection(*gate.data, timeout=60 * PATIENCE)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            path, body, headers = calls[number]
            answers[number] = request_on(connection, "POST", path, body, headers)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


JSON = {"Content-Type": "application/json"}


def hook(method: str, params=None, **headers):
    return f"/rest/1/{KEY}/{method}", json.dumps(params or {}).encode(), {**JSON, **headers}


def test_the_road_from_end_to_end(start, sim):
    gate = behind(start, sim, {"plan": "none"})
    added = gate.call("crm.deal.add", {"fields": {"TITLE": "One", "OPPORTUNITY": "10"}})
    assert added.status == 200, added
    assert added.json["time"]["operating"] is not None
    row = gate.call("crm.deal.get", {"id": added.json["result"]}).json["result"]
    assert row["TITLE"] == "One"
    listed = gate.call("crm.deal.list", {"filter": {"ID": row["ID"]}, "select": ["ID", "TITLE"]}).json
    assert listed["total"] == 1 and listed["result"][0]["TITLE"] == "One"
    batch = gate.call("batch", {"cmd": {"a": f"crm.deal.get?id={row['ID']}", "b": "crm.deal.get?id=999999"}})
    result = batch.json["result"]
    assert result["result"]["a"]["TITLE"] == "One" and result["result_error"]["b"]["gateway"]["executed"] == "no"
    assert gate.call("no.such.method", {}).gateway["class"] == "method_unknown"
    task = gate.call("tasks.task.add", {"fields": {"title": "T", "creatorId": 1, "responsibleId": 1}},
                     path=f"/rest/api/1/{KEY}/tasks.task.add")
    assert task.status == 200, task
    assert gate.call("server.time", {}).status == 200


def test_a_burst_is_paced_and_the_portal_refuses_none(start, sim):
    """The standard plan at 20 times the rate: what takes 75 s there takes 4 s here."""
    plan = {"burst": 50, "rate": 40}
    gate = behind(start, sim, {**plan, "webhooks": [WEBHOOK]}, portal="burst = 50\nrate = 40")
    before = time.monotonic()
    answers = many(gate, [hook("crm.deal.list") for _ in range(200)], 50)
    took = time.monotonic() - before
    assert [answer.status for answer in answers] == [200] * 200
    stats = sim.stats("acme")
    assert stats["refused"]["rate"] == 0 and stats["hits"] == 200
    assert took > 150 / 40 * 0.8, took
    if not SANITIZER:
        assert took < 150 / 40 * 1.5 + 1, took
    waits = sorted(int(answer.header("X-B24-Wait-Ms")) for answer in answers)
    assert waits[0] < 500 * PATIENCE and waits[-1] > 500  # never more than 50 of them wait
    assert answers[0].header("RateLimit-Policy") and answers[0].header("RateLimit")


def test_a_portal_that_is_stricter_than_configured(start, sim):
    """Somebody else spends the same budget: refusals of the portal are waited out, and no caller sees one."""
    gate = behind(start, sim, {"burst": 10, "rate": 40, "webhooks": [WEBHOOK]}, portal="burst = 50\nrate = 40")
    answers = many(gate, [hook("crm.deal.add", {"fields": {"TITLE": "x", "ORIGIN_ID": f"strict{i}"}}) for i in range(60)], 20)
    assert [answer.status for answer in answers] == [200] * 60
    stats = sim.stats("acme")
    assert stats["refused"]["rate"] > 0
    assert stats["executions"]["crm.deal.add"] == 60 and stats["duplicates"] == 0


def test_a_deadline_that_cannot_be_met_is_told_at_once(start, sim):
    gate = behind(start, sim, {"burst": 5, "rate": 0.5, "webhooks": [WEBHOOK]}, portal="burst = 5\nrate = 0.5")
    for _ in range(5):
        assert gate.call("profile", {}).status == 200
    before = time.monotonic()
    answer = gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "1000"})
    assert (answer.status, answer.code) == (504, "GATEWAY_DEADLINE"), answer
    assert time.monotonic() - before < 0.6 * PATIENCE
    assert answer.gateway["retryable"] and int(answer.header("Retry-After")) >= 1
    assert sim.stats("acme")["hits"] == 5


def test_a_full_queue_is_told_at_once(start, sim):
    gate = behind(start, sim, {"burst": 2, "rate": 2, "webhooks": [WEBHOOK]}, portal="burst = 2\nrate = 2\nmax_queue = 4")
    answers = many(gate, [hook("profile") for _ in range(16)], 16)
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 503} and 4 <= statuses.count(200) <= 9, statuses
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.code == "GATEWAY_QUEUE_FULL" and int(refused.header("Retry-After")) >= 1


def test_a_caller_that_hangs_up_costs_no_budget(start, sim):
    gate = behind(start, sim, {"burst": 1, "rate": 1, "webhooks": [WEBHOOK]}, portal="burst = 1\nrate = 1")
    assert gate.call("profile", {}).status == 200
    waiting = []
    for _ in range(5):
        connection = http.client.HTTPConnection(*gate.data, timeout=10)
        path, body, headers = hook("profile")
        connection.request("POST", path, body, headers)
        waiting.append(connection)
    until(lambda: gate.metric("b24gate_queue_length", portal="acme") == 5, what="five in the queue")
    for connection in waiting:
        connection.close()
    until(lambda: gate.metric("b24gate_queue_length", portal="acme") == 0, what="an empty queue")
    assert gate.call("profile", {}).status == 200
    assert sim.stats("acme")["hits"] <= 3


def test_max_in_flight(start, sim):
    gate = behind(start, sim, {"plan": "none", "latency_ms": 50, "webhooks": [WEBHOOK]}, portal="max_in_flight = 3")
    assert {answer.status for answer in many(gate, [hook("profile") for _ in range(60)], 30)} == {200}
    assert sim.stats("acme")["max_in_flight"] <= 3
    sim.portal("acme", latency_ms=0)


@pytest.mark.parametrize("effect,status", [("reset_before", 409), ("reset_after", 409), ("truncate", 409), ("html", 409)])
def test_an_unsafe_write_runs_once_at_most(start, sim, effect, status):
    gate = behind(start, sim, {"plan": "none"})
    sim.faults({"method": "crm.deal.add", "effect": effect})
    answer = gate.call("crm.deal.add", {"fields": {"TITLE": "x", "ORIGIN_ID": f"once-{effect}"}})
    assert answer.status == status, answer
    stats = sim.stats("acme")
    assert stats["executions"].get("crm.deal.add", 0) <= 1 and stats["hits"] == 1


FAULTS = [
    {"method": "*", "effect": "reset_before", "probability": 0.02},
    {"method": "*", "effect": "reset_after", "probability": 0.02},
    {"method": "*", "effect": "close_before", "probability": 0.02},
    {"method": "*", "effect": "close_after", "probability": 0.02},
    {"method": "*", "effect": "html", "status": 502, "probability": 0.02},
    {"method": "*", "effect": "html", "status": 500, "execute": True, "probability": 0.02},
    {"method": "*", "effect": "truncate", "bytes": 7, "probability": 0.02},
    {"method": "*", "effect": "cut", "bytes": 40, "probability": 0.01},
    {"method": "*", "effect": "garbage", "probability": 0.01},
    {"method": "*", "effect": "empty", "probability": 0.01},
    {"method": "*", "effect": "drip", "bytes": 100, "interval_ms": 1, "probability": 0.02},
    {"method": "*", "effect": "latency", "delay_ms": 30, "probability": 0.05},
    {"method": "*", "effect": "error", "code": "INTERNAL_SERVER_ERROR", "probability": 0.02},
    {"method": "*", "effect": "error", "code": "QUERY_LIMIT_EXCEEDED", "probability": 0.005},
]

UNSAFE = ("crm.deal.add", "crm.contact.add", "tasks.task.add")


# Nobody can say of a method that is not in the table that repeating it is safe.
UNKNOWN = ("no.such.method",)


def chaos_call(number: int, random_source: random.Random):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    marker = f"chaos-{number}"
    kind = random_source.randrange(10)
    if kind < 2:
        return hook("crm.deal.add", {"fields": {"TITLE": "x", "ORIGIN_ID": marker}})
    if kind == 2:
        return f"/rest/1/{KEY}/crm.contact.add.json", f"fields[NAME]=y&fields[ORIGIN_ID]={marker}".encode(), form
    if kind == 3:
        return (f"/rest/api/1/{KEY}/tasks.task.add", json.dumps(
            {"fields": {"title": marker, "creatorId": 1, "responsibleId": 1, "xmlId": marker}}).encode(), JSON)
    if kind == 4:
        return hook("crm.deal.update", {"id": 1 + number % 20, "fields": {"TITLE": marker}})
    if kind == 5:
        return f"/rest/api/1/{KEY}/tasks.task.list", json.dumps({"pagination": {"limit": 5}}).encode(), JSON
    if kind == 6:
        return hook("batch", {"cmd": {"a": "crm.deal.list", "b": "profile"}})
    if kind == 7:
        return hook("no.such.method")
    if kind == 8:
        return f"/rest/crm.deal.list?auth={KEY}", b"", {}
    return hook("crm.deal.list", {"filter": {">ID": 0}, "select": ["ID", "TITLE"]})


def test_two_thousand_calls_through_trouble(start, sim):
    count = 2000 if not SANITIZER else 800
    gate = behind(start, sim, {"plan": "none", "webhooks": [WEBHOOK], "seed": {"deal": 20}}, portal="max_in_flight = 40",
                  client='timeout = "20s"')
    source = random.Random(7)
    many(gate, [chaos_call(i, source) for i in range(100_000, 100_200)], 64)  # buffers and pools reach their size
    sim.reset()
    sim.faults(*FAULTS)
    before = gate.rss()
    calls = [chaos_call(i, source) for i in range(count)]
    answers = many(gate, calls, 64)
    after = gate.rss()
    by_status = {}
    for (path, _, _), answer in zip(calls, answers):
        assert answer is not None
        body = answer.json  # well-formed
        assert answer.header("X-Request-Id"), answer
        by_status[answer.status] = by_status.get(answer.status, 0) + 1
        if answer.status == 200:
            assert "result" in body and "time" in body, answer
        else:
            gateway = body["gateway"]
            assert gateway["request_id"] == answer.header("X-Request-Id")
            if answer.status == 409:
                assert gateway["executed"] == "unknown" and any(name in path for name in UNSAFE + UNKNOWN), (path, answer)
            elif any(name in path for name in UNSAFE):
                assert gateway["executed"] != "unknown", (path, answer)
    ids = [answer.header("X-Request-Id") for answer in answers]
    assert len(set(ids)) == len(ids)
    stats = sim.stats("acme")
    assert stats["duplicates"] == 0, stats["duplicate_markers"]
    assert stats["faults"] > count * 0.1
    assert by_status[200] > count * 0.75, by_status
    for name in UNSAFE:
        mine = [answer.status for (path, _, _), answer in zip(calls, answers) if f"/{name}" in path]
        executed = stats["executions"].get(name, 0)
        assert mine.count(200) <= executed <= mine.count(200) + mine.count(409), (name, executed)
    if not SANITIZER:
        assert after - before < 16 << 20, (before >> 20, after >> 20)
    assert gate.metric("b24gate_queue_length") == 0 and gate.metric("b24gate_in_flight") == 0
    gate.check_reports()
