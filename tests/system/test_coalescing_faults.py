"""What becomes of calls whose batch goes wrong: each ends as it would have alone, and is carried out no more often than it may be."""
import os
import signal
import time

import pytest

from crowd import WEBHOOK, Call, batched, batches_seen, crowd, crowded, gets
from harness import ADMIN_KEY, PATIENCE, Gate, Sim, until

WRITES = 'coalesce = { writes = ["crm.deal.*"] }'
COUNT = 20


@pytest.fixture(scope="module")
def sim():
    sim = Sim(("--keep-requests", "5000"))
    yield sim
    sim.stop()


def fault(sim: Sim, **fault) -> None:
    sim.faults({"method": "batch", "times": 1, **fault})


def executions(sim: Sim, method: str) -> int:
    return sim.stats("acme")["executions"].get(method, 0)


def portal_state(gate: Gate) -> dict:
    answer = gate.get("/api/v1/portals", admin=True, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    return answer.json["portals"][0]


def same_count(gate: Gate, sim: Sim) -> None:
    """What the gateway has counted is what the portal has."""
    assert gate.metric("b24gate_budget_hits_total", portal="acme") == sim.stats("acme")["hits"]


def at_rest(gate: Gate) -> None:
    until(lambda: gate.metric("b24gate_queue_length") == 0 and gate.metric("b24gate_in_flight") == 0, what="nothing in flight")


def rows(answers) -> list:
    return [answer.json["result"]["ID"] for answer in answers]


WANTED = [str(1 + i % 50) for i in range(COUNT)]


# --- limits -----------------------------------------------------------------------------------------------------------

def test_query_limit_for_the_whole(start, sim):
    gate = crowded(start, sim)
    fault(sim, code="QUERY_LIMIT_EXCEEDED", times=2)
    answers = crowd(gate, gets(COUNT))
    assert {answer.status for answer in answers} == {200}
    assert rows(answers) == WANTED and executions(sim, "crm.deal.get") == COUNT
    assert max(int(answer.header("X-B24-Attempts")) for answer in answers) >= 2
    assert sum(batched(answer) > 1 for answer in answers) >= COUNT / 2  # they go on together
    same_count(gate, sim)
    at_rest(gate)


def test_query_limit_for_some(start, sim):
    """The others are answered at once."""
    gate = crowded(start, sim, rate=10)
    sim.portal("acme", methods={"crm.contact.get": {"refuse": "QUERY_LIMIT_EXCEEDED"}})
    calls = [call.send(gate) for call in gets(COUNT) + gets(6, "crm.contact.get")]
    assert rows([call.answer() for call in calls[:COUNT]]) == WANTED
    sim.portal("acme", methods={"crm.contact.get": None})
    late = [call.answer() for call in calls[COUNT:]]
    assert {answer.status for answer in late} == {200}
    assert executions(sim, "crm.deal.get") == COUNT
    same_count(gate, sim)
    at_rest(gate)


def test_operating_limit_for_some(start, sim):
    """They wait for the method's reset, and when that is too late they are told so; the others are answered at once."""
    gate = crowded(start, sim, rate=10)
    sim.portal("acme", methods={"crm.contact.get": {"refuse": "OPERATION_TIME_LIMIT"}})
    calls = [call.send(gate, {"X-B24-Timeout-Ms": str(4000 * PATIENCE)}) for call in gets(COUNT) + gets(6, "crm.contact.get")]
    before = time.monotonic()
    assert rows([call.answer() for call in calls[:COUNT]]) == WANTED
    assert time.monotonic() - before < 3 * PATIENCE
    for answer in [call.answer() for call in calls[COUNT:]]:
        assert answer.status in (429, 504) and answer.gateway["executed"] == "no" and answer.gateway["retryable"], answer
    sim.portal("acme", methods={"crm.contact.get": None})
    assert executions(sim, "crm.deal.get") == COUNT
    same_count(gate, sim)
    at_rest(gate)


def test_overload(start, sim):
    """No hammering: those aboard and those behind them are told at once, and the portal sees the batch alone."""
    gate = crowded(start, sim)
    fault(sim, code="OVERLOAD_LIMIT")
    answers = crowd(gate, gets(COUNT))
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) >= COUNT / 2
    for answer in refused:
        assert (answer.status, answer.code, answer.gateway["class"]) == (503, "OVERLOAD_LIMIT", "overload"), answer
        assert answer.gateway["executed"] == "no" and answer.gateway["retryable"] and int(answer.header("Retry-After")) >= 1
    hits = sim.stats("acme")["hits"]
    assert hits <= 3 and executions(sim, "crm.deal.get") == COUNT - len(refused)
    assert gate.call("crm.deal.get", {"id": 1}).status == 503 and sim.stats("acme")["hits"] == hits
    same_count(gate, sim)
    at_rest(gate)


# --- lost answers -----------------------------------------------------------------------------------------------------

LOST = {
    "502": {"effect": "html", "status": 502},
    "500 executed": {"effect": "html", "status": 500, "execute": True},
    "reset": {"effect": "reset"},
    "reset executed": {"effect": "reset_after"},
    "closed": {"effect": "close"},
    "truncated": {"effect": "truncate", "bytes": 300},
    "cut": {"effect": "cut", "bytes": 60},
    "garbage": {"effect": "garbage"},
    "empty": {"effect": "empty"},
    "no envelope": {"effect": "answer", "status": 200, "body": '{"result":{"result":[],"result_error":[]},"time":{}}'},
    "another one's": {"effect": "answer", "status": 200, "body": '{"result":{"result":{"c77":{"ID":"1"}},"result_error":[]}}'},
    "internal error": {"code": "INTERNAL_SERVER_ERROR"},
    "timeout": {"effect": "hang_after"},
    "captcha": {"effect": "captcha"},
}


@pytest.mark.parametrize("kind", LOST)
def test_reads_go_on_singly(start, sim, kind):
    gate = crowded(start, sim, portal=f'timeout = "{1 * PATIENCE}s"', rate=20)
    fault(sim, **LOST[kind])
    answers = crowd(gate, gets(COUNT))
    assert {answer.status for answer in answers} == {200}, answers
    assert rows(answers) == WANTED
    singly = [answer for answer in answers if not batched(answer)]
    lost = max(map(len, batches_seen(sim)[:1] or [[]]))
    assert len(singly) >= lost > 1, (len(singly), lost)
    assert COUNT <= executions(sim, "crm.deal.get") <= COUNT + lost
    same_count(gate, sim)
    if LOST[kind].get("effect") != "captcha":  # a page of a bot wall has nothing to do with batches
        assert gate.metric("b24gate_batch_failures_total", portal="acme") == 1
    assert len(gate.log(event="batch_failed")) == 1
    at_rest(gate)


def adds(count: int, marker: str):
    return [Call("crm.deal.add", {"fields": {"TITLE": "x", "ORIGIN_ID": f"{marker}-{i}"}}) for i in range(count)]


@pytest.mark.parametrize("kind", ["500 executed", "reset executed", "truncated", "timeout", "502", "reset", "no envelope"])
def test_a_write_of_unknown_outcome_is_not_repeated(start, sim, kind):
    gate = crowded(start, sim, portal=f'timeout = "{1 * PATIENCE}s"\n{WRITES}', rate=10)
    fault(sim, **LOST[kind])
    answers = crowd(gate, adds(COUNT, kind))
    lost = [answer for answer in answers if answer.status != 200]
    assert len(lost) >= 2
    for answer in lost:
        assert (answer.status, answer.code, answer.gateway["executed"]) == (409, "GATEWAY_OUTCOME_UNKNOWN", "unknown"), answer
        assert batched(answer) == len(lost) and not answer.gateway["retryable"] and not answer.header("Retry-After")
    stats = sim.stats("acme")
    carried_out = kind not in ("502", "reset", "no envelope")
    assert stats["duplicates"] == 0, stats["duplicate_markers"]
    assert stats["executions"]["crm.deal.add"] == COUNT - (0 if carried_out else len(lost))
    same_count(gate, sim)
    at_rest(gate)


@pytest.mark.parametrize("kind", ["reset executed", "502", "truncated"])
def test_a_write_whose_repeat_changes_nothing_is_repeated(start, sim, kind):
    gate = crowded(start, sim, portal=f'timeout = "{1 * PATIENCE}s"\n{WRITES}', rate=20)
    fault(sim, **LOST[kind])
    answers = crowd(gate, [Call("crm.deal.update", {"id": 1 + i, "fields": {"TITLE": f"t{i}"}}) for i in range(COUNT)])
    assert {(answer.status, answer.json["result"]) for answer in answers} == {(200, True)}, answers
    titles = {row["ID"]: row["TITLE"] for row in sim.control("GET", "/crm/deal?portal=acme")}
    assert [titles[str(1 + i)] for i in range(COUNT)] == [f"t{i}" for i in range(COUNT)]
    same_count(gate, sim)
    at_rest(gate)


def test_writes_that_the_portal_never_got_are_sent_again(start, sim):
    """Refused as a whole for the rate: certainly not carried out."""
    gate = crowded(start, sim, portal=WRITES)
    fault(sim, code="QUERY_LIMIT_EXCEEDED")
    answers = crowd(gate, adds(COUNT, "again"))
    assert {answer.status for answer in answers} == {200}, answers
    stats = sim.stats("acme")
    assert (stats["executions"]["crm.deal.add"], stats["duplicates"]) == (COUNT, 0)


def test_one_write_that_fails_is_that_call_s_alone(start, sim):
    gate = crowded(start, sim, portal=WRITES, rate=10)
    calls = adds(8, "fine") + [Call("crm.deal.update", {"id": 900000 + i, "fields": {"TITLE": "x"}}) for i in range(4)]
    answers = crowd(gate, calls)
    assert [answer.status for answer in answers[:8]] == [200] * 8
    for answer in answers[8:]:
        assert answer.status in (400, 404) and answer.gateway["executed"] == "no", answer
    assert sim.stats("acme")["duplicates"] == 0 and executions(sim, "crm.deal.add") == 8


# --- batches off and on -----------------------------------------------------------------------------------------------

def test_batches_that_fail_again_and_again_are_given_up(start, sim):
    gate = crowded(start, sim, rate=30)
    sim.faults({"method": "batch", "effect": "html", "status": 500, "times": 2})
    assert {answer.status for answer in crowd(gate, gets(60))} == {200}
    until(lambda: gate.log(event="batches_off"), what="a line in the log")
    line = gate.log(event="batches_off")[0]
    assert (line["portal"], line["credential"]) == ("acme", "main") and line["retry_in_ms"] > 30_000, line
    off = portal_state(gate)["batches"]["switched_off"]
    assert [(one["credential"], bool(one["why"])) for one in off] == [("main", True)], off
    seen = len(batches_seen(sim))
    answers = crowd(gate, gets(30, "crm.contact.get"))
    assert {(answer.status, batched(answer)) for answer in answers} == {(200, 0)}
    assert len(batches_seen(sim)) == seen
    same_count(gate, sim)


@pytest.mark.skipif("B24GATE_LONG" not in os.environ, reason="takes a minute; B24GATE_LONG=1 runs it")
def test_batches_are_taken_up_again(start, sim):
    gate = crowded(start, sim, rate=30)
    sim.faults({"method": "batch", "effect": "html", "status": 500, "times": 2})
    crowd(gate, gets(60))
    until(lambda: gate.log(event="batches_off"), what="a line in the log")
    pause = gate.log(event="batches_off")[0]["retry_in_ms"] / 1000
    over = time.monotonic() + pause + 1
    until(lambda: time.monotonic() > over, seconds=pause + 5, what="the pause")
    answers = crowd(gate, gets(60, "crm.contact.get"))
    assert {answer.status for answer in answers} == {200} and sum(batched(answer) > 1 for answer in answers) > 30
    assert gate.log(event="batches_on") and portal_state(gate)["batches"]["switched_off"] == []


# --- callers that leave -----------------------------------------------------------------------------------------------

def slow_batch(sim: Sim, ms: int) -> None:
    sim.faults({"method": "batch", "effect": "latency", "delay_ms": ms * PATIENCE, "probability": 1})


def test_a_short_deadline_aboard_a_slow_batch(start, sim):
    gate = crowded(start, sim)
    slow_batch(sim, 3000)
    before = time.monotonic()
    calls = gets(COUNT)
    for i, call in enumerate(calls):
        call.send(gate, {"X-B24-Timeout-Ms": str(1500 * PATIENCE)} if i % 5 == 0 else None)
    for call in calls[::5]:
        answer = call.answer()
        if answer.status == 200:
            assert not batched(answer), answer
            continue
        assert (answer.status, answer.code, answer.gateway["executed"]) == (504, "GATEWAY_DEADLINE", "no"), answer
    assert time.monotonic() - before < 2.6 * PATIENCE
    rest = [call.answer() for i, call in enumerate(calls) if i % 5]
    assert {answer.status for answer in rest} == {200}, rest
    at_rest(gate)
    same_count(gate, sim)  # also when the one that pays has left


def test_a_short_deadline_of_a_write(start, sim):
    gate = crowded(start, sim, portal=WRITES)
    slow_batch(sim, 3000)
    calls = [call.send(gate, {"X-B24-Timeout-Ms": str(1500 * PATIENCE)}) for call in adds(6, "short")]
    for answer in [call.answer() for call in calls]:
        if answer.status == 200:
            assert not batched(answer)
        elif answer.status != 409:
            assert answer.status == 504 and answer.gateway["executed"] == "no", answer
    at_rest(gate)
    stats = sim.stats("acme")
    assert stats["duplicates"] == 0 and stats["executions"]["crm.deal.add"] <= 6


def test_hanging_up_aboard_harms_nobody(start, sim):
    gate = crowded(start, sim)
    slow_batch(sim, 1000)
    calls = [call.send(gate) for call in gets(COUNT)]
    until(lambda: batches_seen(sim), what="a batch under way")
    for call in calls[::3]:
        call.hang_up()
    rest = [call.answer() for i, call in enumerate(calls) if i % 3]
    assert {answer.status for answer in rest} == {200}, rest
    at_rest(gate)
    same_count(gate, sim)
    assert gate.call("crm.deal.get", {"id": 1}).status == 200


def test_drain_loses_nobody(start, sim):
    gate = crowded(start, sim, rate=2)
    slow_batch(sim, 1000)
    calls = [call.send(gate) for call in gets(COUNT)]
    until(lambda: batches_seen(sim), what="a batch under way")
    gate.signal(signal.SIGTERM)
    answers = [call.answer() for call in calls]
    aboard = len(batches_seen(sim)[0])
    assert [answer.status for answer in answers].count(200) >= aboard > 1, answers
    for answer in answers:
        assert answer.status == 200 or (answer.code == "GATEWAY_DRAINING" and answer.gateway["executed"] == "no"), answer
    assert gate.wait() == 0
    gate.stop()


def test_the_stop_with_an_abandoned_batch(start, sim):
    """All callers are gone, the batch is not: nothing is used behind its end."""
    gate = crowded(start, sim, rate=2)
    slow_batch(sim, 1000)
    calls = [call.send(gate) for call in gets(COUNT)]
    until(lambda: batches_seen(sim), what="a batch under way")
    for call in calls:
        call.hang_up()
    gate.stop()


def test_a_reload_under_way(start, sim):
    """Calls of before and after a reload that has put another webhook under the same name share nothing."""
    hooks = [WEBHOOK, {"user": 2, "secret": "wh0ok5ecret0two"}]
    gate = crowded(lambda text: start(text, environment={"SECOND": "wh0ok5ecret0two"}), sim, rate=1, settings={"webhooks": hooks})
    first = [call.send(gate) for call in [Call("profile", {"n": i}) for i in range(8)]]
    until(lambda: gate.metric("b24gate_queue_length") >= 7, what="a queue")
    gate.path.write_text(gate.path.read_text().replace('user = 1\nsecret = "env:ACME_WEBHOOK"', 'user = 2\nsecret = "env:SECOND"'))
    gate.signal(signal.SIGHUP)
    until(lambda: gate.log(event="reload", ok=True), what="the reload")
    second = [call.send(gate) for call in [Call("profile", {"m": i}) for i in range(8)]]
    assert {call.answer().json["result"]["ID"] for call in second} == {"2"}
    assert {call.answer().json["result"]["ID"] for call in first} <= {"1", "2"}
