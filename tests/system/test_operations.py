"""Calls that must not be lost: hand-over, status, retries, order, keys."""
import concurrent.futures
import json
import time

import pytest

from harness import KEY, OTHER_KEY, PATIENCE, Gate, Sim, request, sha256, until
from oauth import ENVIRONMENT
from operations import (AS_CLIENT, ASYNC, discard, hand_over, operations_config, portal_of, restart, show, state, taken)


@pytest.fixture(scope="module")
def sim():
    sim = Sim(("--keep-requests", "20000"))
    yield sim
    sim.stop()


@pytest.fixture
def gateway(tmp_path, sim):
    portal_of(sim)
    started = []

    def begin(folder: str = "gateway", **parts) -> Gate:
        (tmp_path / folder).mkdir(exist_ok=True)
        started.append(Gate(tmp_path / folder, operations_config(sim.url + "/acme", **parts), ENVIRONMENT))
        return started[-1]

    yield begin
    for gate in started:
        if not gate.stopped:
            gate.stop()
    sim.control("DELETE", "/faults")


@pytest.fixture
def gate(gateway):
    return gateway()


def adds(sim: Sim, mark: str) -> int:
    return sum(mark in (json.dumps(entry) if not isinstance(entry, str) else entry)
               for entry in sim.control("GET", "/requests")["requests"]) if mark else 0


def test_handed_over_and_done(gate, sim):
    answer = hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "Kept"}})
    id = taken(answer)
    assert answer.json["operation"]["state"] == "queued"
    assert answer.header("Preference-Applied") == "respond-async"
    operation = state(gate, id)
    assert operation["state"] == "succeeded", operation
    assert operation["answer"]["status"] == 200 and operation["answer"]["body"]["result"] > 0
    assert operation["method"] == "crm.deal.add" and operation["executed"] == "yes"
    [attempt] = operation["attempts"]
    assert (attempt["number"], attempt["kind"], attempt["status"], attempt["result"]) == (1, "send", 200, "answered")
    assert attempt["started_at"] <= attempt["ended_at"]
    assert gate.metric("b24gate_operations_taken_total", client="tester", portal="acme") in (0, 1)
    until(lambda: gate.metric("b24gate_operations_ended_total", portal="acme", state="succeeded") == 1)


@pytest.mark.parametrize("form", ["form", "get", "bearer"])
def test_every_way_of_calling(gate, sim, form):
    if form == "form":
        answer = request(gate.data, "POST", f"/rest/1/{KEY}/crm.deal.add.json", b"fields[TITLE]=Form",
                         {"Content-Type": "application/x-www-form-urlencoded", **ASYNC})
    elif form == "get":
        answer = request(gate.data, "GET", f"/rest/1/{KEY}/crm.deal.list?filter[ID]=1", None, ASYNC)
    else:
        answer = request(gate.data, "POST", "/rest/crm.deal.add", b'{"fields":{"TITLE":"x"},"auth":"%s"}' % KEY.encode(),
                         {"Content-Type": "application/json", **ASYNC})
    assert state(gate, taken(answer))["state"] == "succeeded"


def test_the_id_is_its_clients_alone(gateway, sim):
    gate = gateway(clients=f'[clients.other]\nkey_sha256 = "{sha256(OTHER_KEY)}"\nportals = ["acme"]\n')
    id = taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "Mine"}}))
    for headers, status in (({"Authorization": f"Bearer {OTHER_KEY}"}, 404), ({}, 401),
                            ({"Authorization": "Bearer b24g_wrong"}, 401)):
        answer = request(gate.data, "GET", f"/operations/{id}", headers=headers)
        assert answer.status == status, answer
        assert request(gate.data, "DELETE", f"/operations/{id}", headers=headers).status == status
    assert request(gate.data, "GET", f"/operations/{id}?auth={KEY}").status == 200
    for wrong in ("x", id.upper(), id + "/", id[:-1] + "g", "00000000-0000-7000-8000-000000000000"):
        assert request(gate.data, "GET", f"/operations/{wrong}", headers=AS_CLIENT).status == 404
    assert request(gate.data, "POST", f"/operations/{id}", b"", AS_CLIENT).status == 405
    assert request(gate.data, "DELETE", f"/rest/1/{KEY}/crm.deal.list").status == 405


@pytest.mark.parametrize("headers, reason", [
    ({"X-B24-On-Failure": "retry"}, "queue"),
    ({"Prefer": "respond-async", "X-B24-Not-Before": "tomorrow"}, "X-B24-Not-Before"),
    ({"Prefer": "respond-async", "X-B24-Not-Before": "9999999999"}, "30 days"),
    ({"X-B24-Order-Key": "a"}, "respond-async"),
    ({"X-B24-Callback": "https://example.org/"}, "respond-async"),
    ({"Prefer": "respond-async", "X-B24-Callback": "https://example.org/"}, "callback"),
    ({"Idempotency-Key": ""}, "Idempotency-Key"),
    ({"Idempotency-Key": "k" * 256}, "Idempotency-Key"),
])
def test_a_wrong_wish_is_told(gate, sim, headers, reason):
    answer = gate.call("crm.deal.add", {"fields": {"TITLE": "never"}}, headers=headers)
    assert answer.status == 400 and answer.code == "GATEWAY_BAD_REQUEST", answer
    assert reason in answer.json["error_description"]


def test_a_permanent_failure_is_not_repeated(gate, sim):
    operation = state(gate, taken(hand_over(gate, "crm.deal.get", {"id": 999999})))
    assert operation["state"] == "failed" and operation["executed"] == "no", operation
    assert len(operation["attempts"]) == 1
    assert operation["answer"]["body"]["gateway"]["class"] == operation["class"]


def test_trouble_that_passes_is_waited_out(gate, sim):
    sim.faults({"portal": "acme", "method": "crm.deal.update", "status": 502, "effect": "html", "times": 2})
    deal = gate.call("crm.deal.add", {"fields": {"TITLE": "x"}}).json["result"]
    operation = state(gate, taken(hand_over(gate, "crm.deal.update", {"id": deal, "fields": {"TITLE": "y"}})),
                      seconds=20)
    assert operation["state"] == "succeeded", operation
    assert [attempt["status"] for attempt in operation["attempts"]] == [502, 502, 200]
    assert [attempt["class"] for attempt in operation["attempts"]] == ["server", "server", "ok"]


def test_an_add_of_unknown_outcome_is_held(gate, sim):
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": "reset_after", "times": 1})
    id = taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "once"}}))
    operation = state(gate, id)
    assert (operation["state"], operation["why"], operation["executed"]) == ("held", "outcome_unknown", "unknown")
    assert discard(gate, id).status == 200
    assert show(gate, id)["state"] == "discarded"
    assert discard(gate, id).status == 409


@pytest.mark.parametrize("effect", ["reset_after", "reset"])
def test_an_add_that_can_be_looked_up(gate, sim, effect):
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": effect, "times": 1})
    id = taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "once", "ORIGINATOR_ID": "shop",
                                                           "ORIGIN_ID": f"order-{effect}"}}))
    operation = state(gate, id, seconds=20)
    assert operation["state"] == "succeeded", json.dumps(operation, indent=1)
    kinds = [attempt["kind"] for attempt in operation["attempts"]]
    assert kinds == (["send", "lookup"] if effect == "reset_after" else ["send", "lookup", "send"])
    assert operation["inferred"] == (effect == "reset_after")
    found = gate.call("crm.deal.list", {"filter": {"ORIGIN_ID": f"order-{effect}"}, "select": ["ID"]}).json["result"]
    assert [int(row["ID"]) for row in found] == [int(operation["answer"]["body"]["result"])]


def test_order_is_kept(gate, sim):
    deal = gate.call("crm.deal.add", {"fields": {"TITLE": "0"}}).json["result"]
    sim.faults({"portal": "acme", "method": "crm.deal.update", "status": 502, "effect": "html", "times": 1})
    ids = [taken(hand_over(gate, "crm.deal.update", {"id": deal, "fields": {"TITLE": str(i)}},
                           {"X-B24-Order-Key": "deal"})) for i in range(1, 9)]
    done = [state(gate, id, seconds=30) for id in ids]
    assert {operation["state"] for operation in done} == {"succeeded"}
    starts = [operation["attempts"][-1]["started_at"] for operation in done]
    ends = [operation["attempts"][-1]["ended_at"] for operation in done]
    assert starts == sorted(starts) and all(end <= start for end, start in zip(ends, starts[1:]))
    assert gate.call("crm.deal.get", {"id": deal}).json["result"]["TITLE"] == "8"


def test_not_before(gate, sim):
    at = time.time() + 2.5
    id = taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "later"}}, {"X-B24-Not-Before": str(int(at) + 1)}))
    assert show(gate, id)["state"] == "queued" and show(gate, id)["next_attempt_at"]
    operation = state(gate, id)
    assert operation["state"] == "succeeded" and time.time() >= int(at) + 1


def test_one_key_one_operation(gate, sim):
    key = {"Idempotency-Key": "order 4711"}
    first = hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "one"}}, key)
    again = hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "one"}}, key)
    assert taken(first) == taken(again)
    other = hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "two"}}, key)
    assert (other.status, other.code) == (409, "GATEWAY_CONFLICT"), other
    state(gate, taken(first))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "many"}},
                                                    {"Idempotency-Key": "many"}), range(16)))
    assert len({taken(answer) for answer in answers}) == 1


def test_one_key_one_answer(gate, sim):
    before = sim.stats("acme")["hits"] if "hits" in sim.stats("acme") else None
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": "latency", "delay_ms": 700, "times": 1})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gate.call("crm.deal.add", {"fields": {"TITLE": "sync"}},
                                                    headers={"Idempotency-Key": "sync"}), range(8)))
    assert {answer.status for answer in answers} == {200}, answers
    assert len({answer.body for answer in answers}) == 1
    assert sorted(answer.header("X-B24-Replayed") or "" for answer in answers) == [""] + ["1"] * 7
    other = gate.call("crm.deal.add", {"fields": {"TITLE": "other"}}, headers={"Idempotency-Key": "sync"})
    assert (other.status, other.code) == (409, "GATEWAY_CONFLICT")
    # What was not carried out may be sent again under its key.
    refused = gate.call("crm.deal.get", {"id": 999999}, headers={"Idempotency-Key": "missing"})
    assert refused.status == 400 or refused.status == 404
    again = gate.call("crm.deal.get", {"id": 999999}, headers={"Idempotency-Key": "missing"})
    assert again.status == refused.status and again.header("X-B24-Replayed") is None


def test_a_failure_is_queued_on_request(gate, sim):
    sim.faults({"portal": "acme", "method": "crm.deal.add", "code": "OVERLOAD_LIMIT", "status": 503, "times": 1})
    answer = gate.call("crm.deal.add", {"fields": {"TITLE": "queued"}}, headers={"X-B24-On-Failure": "queue"})
    operation = state(gate, taken(answer), seconds=60)
    assert operation["state"] == "succeeded", operation
    assert [attempt["class"] for attempt in operation["attempts"]] == ["overload", "ok"]
    # A failure that stays is told at once.
    final = gate.call("crm.deal.get", {"id": 999999}, headers={"X-B24-On-Failure": "queue"})
    assert final.status in (400, 404) and "operation" not in final.json
    # Nobody knows whether it was carried out, and a repeat is not safe.
    sim.control("DELETE", "/faults")
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": "reset_after", "times": 1})
    answer = gate.call("crm.deal.add", {"fields": {"TITLE": "unknown"}}, headers={"X-B24-On-Failure": "queue"})
    assert answer.status == 202 and answer.json["operation"]["state"] == "held", answer


def test_nothing_is_lost_by_a_kill(gate, sim):
    sim.portal("acme", latency_ms=50)
    ids = [taken(hand_over(gate, "crm.deal.update", {"id": 1, "fields": {"TITLE": str(i)}})) for i in range(30)]
    ids += [taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": "k", "ORIGINATOR_ID": "k", "ORIGIN_ID": str(i)}}))
            for i in range(30)]
    gate.kill()
    gate.stopped = True
    again = restart(gate)
    try:
        done = [state(again, id, seconds=60) for id in ids]
        assert {operation["state"] for operation in done[30:]} == {"succeeded"}
        assert {operation["state"] for operation in done} <= {"succeeded", "failed"}
        for i in range(30):
            found = again.call("crm.deal.list", {"filter": {"ORIGINATOR_ID": "k", "ORIGIN_ID": str(i)}, "select": ["ID"]})
            assert len(found.json["result"]) == 1, (i, found.json)
    finally:
        sim.portal("acme", latency_ms=0)
        again.stop()


def test_what_waits_is_given_back_at_a_stop(gate, sim):
    sim.portal("acme", latency_ms=300)
    ids = [taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": str(i)}})) for i in range(60)]
    time.sleep(0.2)
    before = time.monotonic()
    gate.stop()
    assert time.monotonic() - before < 5 * PATIENCE
    sim.portal("acme", latency_ms=0)
    again = restart(gate)
    done = [state(again, id, seconds=30) for id in ids]
    assert {operation["state"] for operation in done} == {"succeeded"}
    assert {attempt["result"] for operation in done for attempt in operation["attempts"]} == {"answered"}
    again.stop()


def test_a_delete_that_may_have_been_done_before_is_not_called_undone(gate, sim):
    deal = gate.call("crm.deal.add", {"fields": {"TITLE": "gone"}}).json["result"]
    sim.faults({"portal": "acme", "method": "crm.deal.delete", "effect": "reset_after", "times": 1})
    answer = gate.call("crm.deal.delete", {"id": deal})
    assert answer.status == 400 and answer.gateway["executed"] == "unknown", answer
    # As an operation it is known to be done: it is gone, as was asked.
    deal = gate.call("crm.deal.add", {"fields": {"TITLE": "gone too"}}).json["result"]
    sim.faults({"portal": "acme", "method": "crm.deal.delete", "effect": "reset_after", "times": 1})
    operation = state(gate, taken(hand_over(gate, "crm.deal.delete", {"id": deal})))
    assert (operation["state"], operation["inferred"], operation["answer"]["body"]) == ("succeeded", True, {"result": True})
