"""The portal's budget, spent over real sockets: b24sim counts as a portal does, the gateway has to keep within it.

Rates are twenty times a real plan's, so that a test takes seconds. B24GATE_LONG=1 adds the runs at the rates of the
standard plan, which take minutes and print their figures (pytest -s).
"""
import http.client
import json
import os
import threading
import time

import pytest

from harness import ADMIN_KEY, KEY, PATIENCE, SANITIZER, SECRET, Gate, Sim, config_text, request, request_on, sha256, until

WEBHOOK = {"user": 1, "secret": SECRET}
JSON = {"Content-Type": "application/json"}
KEYS = [f"b24g_0pacing0test0key0of0the0client0number{i}" for i in range(8)]
EIGHT = "".join(f'[clients.c{i}]\nkey_sha256 = "{sha256(key)}"\nportals = ["acme"]\n' for i, key in enumerate(KEYS))
LONGEST = 600 if "B24GATE_LONG" in os.environ else 60  # seconds that a call may take
long_run = pytest.mark.skipif("B24GATE_LONG" not in os.environ, reason="takes minutes; B24GATE_LONG=1 runs it")


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    sim.portal("acme", webhooks=[WEBHOOK], plan="none")
    yield sim
    sim.stop()


def behind(start, sim, settings: dict, budget: str, **parts) -> Gate:
    """A gateway whose portal has `budget` in its config, in front of a portal that has really `settings`. Each call is a
    hit of its own: what travelling together does to them is shown elsewhere."""
    plain = {"latency_ms": 0, "refuse": "", "plan": "none", "max_input_vars": 10000}
    sim.portal("acme", **{**plain, **settings})
    sim.reset()
    text = config_text(sim.url + "/acme", **parts)
    for line in ('plan = "none"\n', "assume_spent = false\n"):
        if line.split()[0] in budget or "burst" in budget and line.startswith("plan"):
            text = text.replace(line, "")
    return start(text.replace("[portals.acme.credentials", budget + "\ncoalesce = { enabled = false }\n[portals.acme.credentials", 1))


class Call(threading.Thread):
    """One call on a connection and a thread of its own, begun at once."""

    def __init__(self, gate: Gate, method: str = "profile", key: str = KEY, **headers):
        super().__init__(daemon=True)
        self.gate, self.method, self.key, self.headers = gate, method, key, headers
        self.answer, self.problem, self.done_at = None, None, None
        self.start()

    def run(self) -> None:
        headers = {name.replace("_", "-"): value for name, value in self.headers.items()}
        try:
            self.answer = self.gate.call(self.method, {}, key=self.key, headers=headers, timeout=LONGEST)
        except (OSError, http.client.HTTPException) as problem:
            self.problem = problem
        self.done_at = time.monotonic()

    def result(self):
        self.join(LONGEST * PATIENCE)
        assert self.answer is not None, f"no answer: {self.problem}"
        return self.answer

    @property
    def waited(self) -> float:
        return int(self.result().header("X-B24-Wait-Ms")) / 1000


def portal_state(gate: Gate) -> dict:
    answer = gate.get("/api/v1/portals", admin=True, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status == 200, answer
    return answer.json["portals"][0]


def queued(gate: Gate, count: int):
    until(lambda: portal_state(gate)["queue"]["length"] >= count, what=f"{count} calls in the queue")


class Outsider(threading.Thread):
    """A program that calls the same portal from the same address, past the gateway, evenly and without asking."""

    def __init__(self, sim: Sim, rate: float):
        super().__init__(daemon=True)
        self.sim, self.rate, self.statuses, self.over = sim, rate, [], threading.Event()
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection(*self.sim.http, timeout=20, source_address=("127.0.0.1", 0))
        due = time.monotonic()
        while not self.over.wait(max(0.0, due - time.monotonic())):
            due += 1 / self.rate
            answer = request_on(connection, "POST", f"/acme/rest/1/{SECRET}/user.current", b"{}", JSON)
            self.statuses.append(answer.status)
        connection.close()

    def stop(self) -> None:
        self.over.set()
        self.join(30)


def burst_of_eight(gate: Gate, sim: Sim, each: int) -> dict:
    """All calls of eight clients at once; figures."""
    before = time.monotonic()
    calls = {key: [] for key in KEYS}
    for _ in range(each):
        for key, own in calls.items():
            own.append(Call(gate, key=key))
    answers = [call.result() for own in calls.values() for call in own]
    stats = sim.stats("acme")
    return {
        "seconds": round(time.monotonic() - before, 2),
        "statuses": {status: sum(a.status == status for a in answers) for status in {a.status for a in answers}},
        "hits": stats["hits"],
        "refused_by_portal": stats["refused"]["rate"],
        "repeated": sum(a.header("X-B24-Attempts") != "1" for a in answers),
        "client_ends": [round(max(call.done_at for call in own) - before, 2) for own in calls.values()],
        "client_waits": [round(sum(call.waited for call in own) / each, 2) for own in calls.values()],
        "answers": answers,
    }


def test_eight_clients_in_a_burst(start, sim):
    gate = behind(start, sim, {"burst": 100, "rate": 40}, "burst = 100\nrate = 40", clients=EIGHT)
    seen = burst_of_eight(gate, sim, 50)
    assert seen["statuses"] == {200: 400}
    assert (seen["refused_by_portal"], seen["hits"], seen["repeated"]) == (0, 400, 0)
    assert seen["seconds"] > 300 / 40 * 0.95
    if not SANITIZER:
        assert seen["seconds"] < 300 / 40 * 1.1 + 1.5, seen["seconds"]
    # All asked for the same: all get the same.
    assert max(seen["client_waits"]) < 1.25 * min(seen["client_waits"]) + 0.5, seen["client_waits"]
    policy, state = seen["answers"][0].header("RateLimit-Policy"), seen["answers"][0].header("RateLimit")
    assert policy == '"bucket";q=100;w=3', policy
    assert state.startswith('"bucket";r=') and ";t=" in state, state


def test_eight_clients_and_a_program_that_nobody_controls(start, sim):
    gate = behind(start, sim, {"burst": 100, "rate": 40}, "burst = 100\nrate = 40", clients=EIGHT)
    outsider = Outsider(sim, 10)
    try:
        seen = burst_of_eight(gate, sim, 50)
    finally:
        outsider.stop()
    print({name: seen[name] for name in ("seconds", "hits", "refused_by_portal", "repeated")})
    assert seen["statuses"] == {200: 400}
    assert len(outsider.statuses) > 50 * 0.5
    assert gate.metric("b24gate_portal_refusals_total", portal="acme", limit="rate") >= seen["repeated"]
    # The share of refusals shows only over minutes; here it must not run away.
    assert seen["refused_by_portal"] < 0.25 * seen["hits"]


def test_a_restart_does_not_burst_blindly(start, sim):
    gate = behind(start, sim, {"burst": 20, "rate": 10}, "burst = 20\nrate = 10\nassume_spent = true")
    for _ in range(20):  # what the process before this one may have sent
        assert request(sim.http, "POST", f"/acme/rest/1/{SECRET}/profile", b"{}", JSON, source="127.0.0.1").status == 200
    assert {call.result().status for call in [Call(gate) for _ in range(20)]} == {200}
    assert sim.stats("acme")["refused"]["rate"] == 0


def test_a_deadline_that_cannot_be_met_is_told_at_once_and_truly(start, sim):
    gate = behind(start, sim, {"burst": 4, "rate": 2}, "burst = 4\nrate = 2")
    waiting = [Call(gate) for _ in range(12)]
    queued(gate, 8)
    before = time.monotonic()
    refused = gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "1500"})
    assert time.monotonic() - before < 0.5 * PATIENCE
    assert (refused.status, refused.code) == (504, "GATEWAY_DEADLINE"), refused
    assert refused.gateway["executed"] == "no" and refused.gateway["retryable"]
    retry_after = int(refused.header("Retry-After"))
    assert 1 <= retry_after <= 5, refused
    assert {call.result().status for call in waiting} == {200}
    time.sleep(max(0.0, before + retry_after - time.monotonic()))
    assert gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "1500"}).status == 200
    assert sim.stats("acme")["hits"] == 13 and sim.stats("acme")["refused"]["rate"] == 0
    assert gate.metric("b24gate_gateway_refusals_total", portal="acme", reason="deadline") == 1


def test_a_deadline_that_passes_in_the_queue_costs_nothing(start, sim):
    # Nobody can know that the first call takes so long, so the second one is let in and expires.
    gate = behind(start, sim, {"latency_ms": 1500 * PATIENCE}, "max_in_flight = 1")
    slow = Call(gate)
    until(lambda: sim.stats("acme")["in_flight"] == 1, what="the first call at the portal")
    before = time.monotonic()
    late = gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "400"})
    took = time.monotonic() - before
    assert (late.status, late.code) == (504, "GATEWAY_DEADLINE"), late
    assert late.gateway["executed"] == "no" and late.header("X-B24-Attempts") == "0"
    assert 0.35 < took < 1.2 * PATIENCE, took
    assert slow.result().status == 200
    assert sim.stats("acme")["hits"] == 1
    assert gate.metric("b24gate_gateway_refusals_total", portal="acme", reason="expired") == 1


def test_a_caller_that_hangs_up_leaves_the_queue_at_once(start, sim):
    gate = behind(start, sim, {"latency_ms": 1500 * PATIENCE}, "max_in_flight = 1")
    slow = Call(gate)
    until(lambda: sim.stats("acme")["in_flight"] == 1, what="the first call at the portal")
    connection = http.client.HTTPConnection(*gate.data, timeout=20)
    connection.request("POST", f"/rest/1/{KEY}/profile", b"{}", JSON)
    queued(gate, 1)
    connection.close()
    until(lambda: portal_state(gate)["queue"]["length"] == 0, 1, what="an empty queue")
    assert slow.result().status == 200
    assert sim.stats("acme")["hits"] == 1
    assert portal_state(gate)["queue"]["cancelled"] == 1


def test_operating_time_that_is_used_up_is_waited_out(start, sim):
    gate = behind(start, sim, {}, 'plan = "none"')
    costly = {"result": [], "time": {"start": 0, "finish": 0, "duration": 0, "processing": 0, "operating": 300,
                                     "operating_reset_at": int(time.time()) + 4}}
    sim.faults({"method": "crm.deal.list", "effect": "answer", "status": 200, "body": json.dumps(costly),
                "headers": {"Content-Type": "application/json"}},
               {"method": "crm.deal.list", "code": "OPERATION_TIME_LIMIT"})
    assert gate.call("crm.deal.list", {}).status == 200
    before = time.monotonic()
    first = Call(gate, "crm.deal.list")
    queued(gate, 1)
    for _ in range(5):  # other methods do not notice
        other = gate.call("crm.contact.list", {})
        assert other.status == 200 and int(other.header("X-B24-Wait-Ms")) < 300 * PATIENCE
    hits = sim.stats("acme")["hits"]
    hasty = gate.call("crm.deal.list", {}, headers={"X-B24-Timeout-Ms": "200"})
    assert (hasty.status, hasty.code) == (504, "GATEWAY_DEADLINE"), hasty
    assert int(hasty.header("Retry-After")) >= 1 and sim.stats("acme")["hits"] == hits
    held = next(counter for counter in portal_state(gate)["operating"] if counter["method"] == "crm.deal.list")
    assert held["held_for_ms"] > 0 and held["used_s"] == 300, held
    assert gate.metric("b24gate_operating_used_ratio", portal="acme", credential="main") > 0.6
    answer = first.result()
    assert answer.status == 200 and answer.header("X-B24-Attempts") == "2", answer
    assert first.done_at - before > 1.5
    assert gate.metric("b24gate_portal_refusals_total", portal="acme", limit="operating") == 1


def test_overload_opens_the_breaker_until_a_probe_passes(start, sim):
    gate = behind(start, sim, {"refuse": "OVERLOAD_LIMIT"}, 'plan = "none"')
    first = gate.call("profile", {})
    assert first.code == "OVERLOAD_LIMIT", first
    before = time.monotonic()
    second = gate.call("profile", {})
    assert second.code == "OVERLOAD_LIMIT" and second.header("X-B24-Attempts") == "0", second
    assert 1 <= int(second.header("Retry-After")) <= 5
    assert time.monotonic() - before < 0.5 * PATIENCE and sim.stats("acme")["hits"] == 1
    (breaker,) = portal_state(gate)["breakers"]
    assert breaker["state"] == "open" and breaker["credential"] == "main" and "OVERLOAD_LIMIT" in breaker["why"]
    assert gate.metric("b24gate_breaker_state", portal="acme", state="open") == 1
    sim.portal("acme", refuse="")
    time.sleep(int(second.header("Retry-After")))
    assert gate.call("profile", {}).status == 200
    assert portal_state(gate)["breakers"] == []
    assert gate.call("profile", {}).status == 200 and sim.stats("acme")["hits"] == 3


PRIORITIES = f"""
[clients.screen]
key_sha256 = "{sha256(KEYS[0])}"
portals = ["acme"]
priority = "interactive"
[clients.import]
key_sha256 = "{sha256(KEYS[1])}"
portals = ["acme"]
priority = "bulk"
[clients.job]
key_sha256 = "{sha256(KEYS[2])}"
portals = ["acme"]
priority = "bulk"
"""


def test_a_screen_passes_an_import_and_nobody_makes_himself_a_screen(start, sim):
    gate = behind(start, sim, {"burst": 4, "rate": 10}, "burst = 4\nrate = 10", clients=PRIORITIES)
    bulk = [Call(gate, key=KEYS[1]) for _ in range(40)]
    queued(gate, 35)
    state = portal_state(gate)["queue"]
    assert state["by_client"]["import"]["bulk"] == state["by_priority"]["bulk"] >= 30
    assert state["predicted_wait_ms"]["interactive"] < 500
    screen = Call(gate, key=KEYS[0])
    raised = [Call(gate, key=KEYS[1], X_B24_Priority="interactive") for _ in range(3)]
    assert screen.waited < 0.5 * PATIENCE
    assert min(call.waited for call in raised) > 1.5
    lowered = [Call(gate, key=KEYS[0], X_B24_Priority="bulk") for _ in range(1)]
    assert {call.result().status for call in [screen, *raised, *bulk, *lowered]} == {200}
    assert sim.stats("acme")["refused"]["rate"] == 0


def test_observe_delays_nothing_and_says_what_would_have_been(start, sim):
    gate = behind(start, sim, {}, 'mode = "observe"\nburst = 5\nrate = 1')
    before = time.monotonic()
    answers = [call.result() for call in [Call(gate) for _ in range(30)]]
    assert time.monotonic() - before < 3 * PATIENCE
    assert {(a.status, a.header("X-B24-Attempts")) for a in answers} == {(200, "1")}
    assert max(int(a.header("X-B24-Wait-Ms")) for a in answers) < 50 * PATIENCE
    assert sim.stats("acme")["hits"] == 30
    state = portal_state(gate)
    assert state["mode"] == "observe" and state["queue"]["length"] == 0
    assert state["would_have"]["delayed"] >= 20 and state["would_have"]["delay_max_s"] > 20, state["would_have"]
    assert gate.metric("b24gate_observe_would_delay_total", portal="acme") >= 20
    until(lambda: len(gate.log(event="call")) == 30, what="30 lines in the log")
    would = sorted(line["would_wait_ms"] for line in gate.log(event="call"))
    assert would[0] == 0 and would[-1] > 20_000
    hasty = gate.call("profile", {}, headers={"X-B24-Timeout-Ms": "1000"})
    assert hasty.status == 200
    until(lambda: len(gate.log(event="call", would_refuse=True)) == 1, what="a call that would have been refused")
    # The portal's own refusal is handed on: nothing is sent again in its name.
    sim.faults({"code": "QUERY_LIMIT_EXCEEDED"})
    refused = gate.call("profile", {})
    assert refused.code == "QUERY_LIMIT_EXCEEDED" and refused.header("X-B24-Attempts") == "1", refused


def test_plan_auto_asks_the_portal(start, sim):
    gate = behind(start, sim, {"plan": "enterprise"}, 'plan = "auto"')
    assert portal_state(gate)["budget"]["plan_rate"] == 2
    assert sim.stats("acme")["hits"] == 0  # nobody has asked for anything yet
    assert gate.call("profile", {}).status == 200
    until(lambda: gate.log(event="plan_learnt"), what="plan_learnt in the log")
    (line,) = gate.log(event="plan_learnt")
    assert (line["portal"], line["burst"], line["rate"]) == ("acme", 250, 5) and line["license"].startswith("ent")
    budget = portal_state(gate)["budget"]
    assert (budget["plan"], budget["plan_learnt"], budget["burst"], budget["rate"]) == ("auto", True, 250, 5)
    assert gate.call("profile", {}).header("RateLimit-Policy") == '"bucket";q=250;w=50'
    assert sim.stats("acme")["executions"] == {"profile": 2, "app.info": 1}
    assert gate.metric("b24gate_budget_hits_total", portal="acme", client="-") == 1


def test_plan_auto_lives_without_an_answer(start, sim):
    gate = behind(start, sim, {"plan": "standard"}, 'plan = "auto"')
    sim.faults({"method": "app.info", "code": "ACCESS_DENIED", "times": 5})
    for _ in range(3):
        assert gate.call("profile", {}).status == 200
    until(lambda: gate.log(event="plan_not_learnt"), what="plan_not_learnt in the log")
    for _ in range(3):
        assert gate.call("profile", {}).status == 200
    assert sim.stats("acme")["hits"] == 7 and sim.stats("acme")["executions"] == {"profile": 6}
    budget = portal_state(gate)["budget"]
    assert (budget["plan_learnt"], budget["license"], budget["rate"]) == (False, None, 2)


def test_a_reload_that_changes_the_plan_lets_go_who_waits(start, sim):
    gate = behind(start, sim, {}, "burst = 2\nrate = 0.1")
    calls = [Call(gate) for _ in range(12)]
    queued(gate, 10)
    before = time.monotonic()
    gate.path.write_text(gate.path.read_text().replace("burst = 2\nrate = 0.1", "burst = 50\nrate = 50"))
    answer = request(gate.admin, "POST", "/api/v1/reload", b"", {"Authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status == 200 and answer.json["reloaded"], answer
    assert {call.result().status for call in calls} == {200}
    assert time.monotonic() - before < 5 * PATIENCE
    assert sim.stats("acme")["hits"] == 12


def test_numbers_are_written_for_people(start, sim):
    gate = behind(start, sim, {}, "burst = 50\nrate = 0.3333")
    assert gate.call("profile", {}).status == 200
    answer = gate.get("/api/v1/portals", admin=True, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    text = answer.body.decode()
    assert '"burst":50,' in text and '"rate":0.333,' in text, text


@long_run
@pytest.mark.parametrize("outsider_rate", [0, 1])
def test_eight_clients_at_the_standard_plan(start, sim, outsider_rate):
    """The figures of the documentation: 400 calls on 50 and 2 a second, bound (400 - 50) / 2 = 175 s."""
    clients = EIGHT.replace('portals = ["acme"]\n', 'portals = ["acme"]\ntimeout = "10m"\n')
    gate = behind(start, sim, {"plan": "standard"}, 'plan = "standard"', clients=clients)
    outsider = Outsider(sim, outsider_rate) if outsider_rate else None
    try:
        seen = burst_of_eight(gate, sim, 50)
    finally:
        if outsider:
            outsider.stop()
    answers = seen.pop("answers")
    print("\n" + json.dumps({"outsider_per_second": outsider_rate, **seen,
                             "slowest_wait_s": max(int(a.header("X-B24-Wait-Ms")) for a in answers) / 1000}))
    assert seen["statuses"] == {200: 400}
    assert max(seen["client_waits"]) < 1.2 * min(seen["client_waits"])  # who came first has had more of the burst
    if not outsider:
        assert (seen["refused_by_portal"], seen["hits"]) == (0, 400)
        assert 175 * 0.99 < seen["seconds"] < 175 * 1.01 + 1.5
    else:
        assert seen["refused_by_portal"] < 0.02 * seen["hits"]


@long_run
def test_two_hundred_calls_get_two_hundred_answers_with_every_default(start, sim):
    """From a bucket that is taken to be spent, within the default timeout of a client."""
    gate = behind(start, sim, {"plan": "standard"}, 'plan = "standard"\nassume_spent = true')
    before = time.monotonic()
    calls = [Call(gate) for _ in range(200)]
    assert [call.result().status for call in calls] == [200] * 200
    print(f"\n200 calls from a spent bucket: {time.monotonic() - before:.1f} s")
    assert sim.stats("acme")["refused"]["rate"] == 0
