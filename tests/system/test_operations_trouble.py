"""Operations where something is in the way: bounds, the store, credentials, other gateways, a full budget."""
import json
import time

import pytest

from crowd import crowded
from harness import KEY, OTHER_KEY, PATIENCE, SECRET, Gate, Sim, request, sha256, until
from oauth import ENVIRONMENT
from operations import (ASYNC, SHORT, STORE, discard, hand_over, operations_config, portal_of, restart, show, state,
                        taken)


@pytest.fixture(scope="module")
def sim():
    sim = Sim(("--keep-requests", "20000"))
    yield sim
    sim.stop()


@pytest.fixture
def gateway(tmp_path, sim):
    portal_of(sim)
    started = []

    def begin(folder: str = "gateway", environment=None, **parts) -> Gate:
        (tmp_path / folder).mkdir(exist_ok=True)
        started.append(Gate(tmp_path / folder, operations_config(sim.url + "/acme", **parts),
                            environment or ENVIRONMENT))
        return started[-1]

    yield begin
    for gate in started:
        if not gate.stopped:
            gate.stop()
    sim.control("DELETE", "/faults")


def add(gate: Gate, title: str = "x", headers=None, **fields):
    return hand_over(gate, "crm.deal.add", {"fields": {"TITLE": title, **fields}}, headers)


def test_bounds(gateway, sim):
    gate = gateway(more="max_queued = 5\nmax_queued_per_client = 3\nmax_body = \"1KiB\"",
                   clients=f'[clients.other]\nkey_sha256 = "{sha256(OTHER_KEY)}"\nportals = ["acme"]\n')
    later = {"X-B24-Not-Before": str(int(time.time()) + 3600)}
    ids = [taken(add(gate, headers=later)) for _ in range(3)]
    refused = add(gate, headers=later)
    assert (refused.status, refused.code) == (503, "GATEWAY_QUEUE_FULL"), refused
    assert refused.header("Retry-After")
    for _ in range(2):
        taken(hand_over(gate, "crm.deal.add", {"fields": {}}, later, key=OTHER_KEY))
    refused = hand_over(gate, "crm.deal.add", {"fields": {}}, later, key=OTHER_KEY)
    assert (refused.status, refused.code) == (503, "GATEWAY_QUEUE_FULL"), refused
    large = add(gate, "x" * 2000)
    assert (large.status, large.code) == (413, "GATEWAY_BODY_TOO_LARGE"), large
    assert gate.metric("b24gate_operations_refused_total", reason="GATEWAY_QUEUE_FULL") == 2
    for id in ids:
        assert discard(gate, id).status == 200
    until(lambda: add(gate, headers=later).status == 202)


def test_little_space_left(gateway, sim):
    gate = gateway(more='min_free_disk = "1000GiB"')
    until(lambda: add(gate).code == "GATEWAY_STORE")
    assert add(gate).status == 503
    assert gate.call("crm.deal.list", {}).status == 200  # direct calls go on


def test_without_an_encryption_key(tmp_path, sim):
    portal_of(sim)
    text = operations_config(sim.url + "/acme").replace('encryption_key = "env:STORE_KEY"\n', "")
    gate = Gate(tmp_path, text, ENVIRONMENT)
    refused = add(gate)
    assert (refused.status, refused.code) == (503, "GATEWAY_STORE") and "keygen --store" in refused.body.decode()
    refused = gate.call("crm.deal.add", {"fields": {}}, headers={"Idempotency-Key": "k"})
    assert (refused.status, refused.code) == (503, "GATEWAY_STORE")
    gate.stop()


def test_a_passthrough_client_has_nothing_kept(gateway, sim):
    gate = gateway(clients='[clients.legacy]\nportals = ["acme"]\npassthrough = true\n')
    refused = hand_over(gate, "crm.deal.add", {"fields": {}}, key=SECRET)
    assert (refused.status, refused.code) == (400, "GATEWAY_BAD_REQUEST") and "passthrough" in refused.body.decode()


def test_a_refused_credential_is_waited_for(gateway, sim):
    gate = gateway()
    sim.faults({"portal": "acme", "code": "INVALID_CREDENTIALS", "status": 401, "times": 1})
    id = taken(add(gate, "patient"))
    operation = state(gate, id, "waiting")
    assert (operation["why"], operation["next_attempt_at"]) == ("credential", None), operation
    second = taken(add(gate, "patient too"))
    state(gate, second, "waiting")
    gate.signal(1)  # the operator has switched the webhook on again, and reloads
    assert {state(gate, one, *"succeeded failed".split(), seconds=20)["state"] for one in (id, second)} == {"succeeded"}


def test_rest_3_is_repeated_under_its_key(gateway, sim):
    gate = gateway()
    # The portal has to have shown once that it keeps keys.
    body = json.dumps({"fields": {"title": "first", "responsibleId": 1, "creatorId": 1}}).encode()
    first = request(gate.data, "POST", f"/rest/api/1/{KEY}/tasks.task.add", body, {"Content-Type": "application/json"})
    assert first.status == 200, first
    sim.faults({"portal": "acme", "method": "tasks.task.add", "effect": "reset_after", "times": 1})
    body = json.dumps({"fields": {"title": "once", "responsibleId": 1, "creatorId": 1}}).encode()
    answer = request(gate.data, "POST", f"/rest/api/1/{KEY}/tasks.task.add", body,
                     {"Content-Type": "application/json", **ASYNC})
    operation = state(gate, taken(answer), seconds=20)
    assert operation["state"] == "succeeded" and len(operation["attempts"]) == 2, operation
    assert sum("once" in str(row) for row in sim.control("GET", "/crm/task?portal=acme")) == 1
    # It is still known after a restart.
    gate.stop()
    again = restart(gate)
    sim.faults({"portal": "acme", "method": "tasks.task.add", "effect": "reset_after", "times": 1})
    answer = request(again.data, "POST", f"/rest/api/1/{KEY}/tasks.task.add", body.replace(b"once", b"twice"),
                     {"Content-Type": "application/json", **ASYNC})
    assert state(again, taken(answer), seconds=20)["state"] == "succeeded"
    again.stop()


def test_a_failure_may_block_its_order_key(gateway, sim):
    gate = gateway(more='order_on_failure = "block"')
    key = {"X-B24-Order-Key": "chain"}
    first = taken(hand_over(gate, "crm.deal.get", {"id": 999999}, key))
    second = taken(add(gate, "behind", key))
    assert state(gate, first)["state"] == "failed"
    time.sleep(0.5)
    operation = show(gate, second)
    assert (operation["state"], operation["behind_order_key"]) == ("queued", True), operation


def test_a_held_one_blocks_its_order_key_until_somebody_decides(gateway, sim):
    gate = gateway()
    key = {"X-B24-Order-Key": "chain"}
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": "reset_after", "times": 1})
    first = taken(add(gate, "unknown", key))
    second = taken(add(gate, "behind", key))
    assert state(gate, first)["state"] == "held"
    time.sleep(0.5)
    assert show(gate, second)["state"] == "queued"
    assert discard(gate, first).status == 200
    assert state(gate, second)["state"] == "succeeded"


def test_reads_travel_together(start, sim):
    gate = crowded(lambda text: start(text, environment=ENVIRONMENT), sim, rate=4, extra=STORE.format(url="sqlite:var/b24gate.db") +
                   SHORT.format(settle="2s", base="100ms", max="1s", more=""))
    ids = [taken(hand_over(gate, "crm.deal.get", {"id": 1 + i % 3, "n": str(i)})) for i in range(60)]
    done = [state(gate, id, seconds=40) for id in ids]
    assert {operation["state"] for operation in done} <= {"succeeded", "failed"}
    batches = [attempt["batch_id"] for operation in done for attempt in operation["attempts"] if attempt["batch_id"]]
    assert len(batches) >= 30 and len(set(batches)) < 10, len(batches)
    assert sim.stats("acme")["hits"] < 60


def test_two_gateways_one_queue(tmp_path, sim, postgres):
    portal_of(sim, latency_ms=20)
    environment = {**ENVIRONMENT, "STORE_URL": postgres}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    text = operations_config(sim.url + "/acme", store="env:STORE_URL")
    first, second = Gate(tmp_path / "a", text, environment), Gate(tmp_path / "b", text, environment)
    ids = [taken(hand_over([first, second][i % 2], "crm.deal.add",
                           {"fields": {"TITLE": str(i), "ORIGINATOR_ID": "two", "ORIGIN_ID": str(i)}}))
           for i in range(80)]
    first.kill()
    first.stopped = True
    done = [state(second, id, seconds=60) for id in ids]
    assert {operation["state"] for operation in done} == {"succeeded"}
    rows = sim.control("GET", "/crm/deal?portal=acme")
    ours = [row["ORIGIN_ID"] for row in rows if row.get("ORIGINATOR_ID") == "two"]
    assert sorted(ours) == sorted(str(i) for i in range(80))
    second.stop()


def test_nothing_of_a_call_shows_in_the_file(gateway, sim, tmp_path):
    gate = gateway()
    mark = "MarkerThatNobodyElseWrites"
    state(gate, taken(add(gate, mark, {"X-B24-Order-Key": mark, "Idempotency-Key": mark})))
    gate.stop()
    for path in (tmp_path / "gateway" / "var").iterdir():
        raw = path.read_bytes()
        for secret in (mark, KEY, SECRET):
            assert secret.encode() not in raw, path


def test_the_answer_holds_no_secret_and_its_links_work(gateway, sim):
    gate = gateway()
    file = sim.control("POST", "/portals/acme/files", {"name": "a.txt", "content_base64": "aGVsbG8="})
    operation = state(gate, taken(hand_over(gate, "disk.file.get", {"id": file["id"]})))
    assert operation["state"] == "succeeded", operation
    text = json.dumps(operation)
    assert SECRET not in text and "b24gate-kept" not in text
    link = operation["answer"]["body"]["result"]["DOWNLOAD_URL"]
    assert link.startswith(f"http://{gate.data[0]}:{gate.data[1]}/"), link
    answer = request(gate.data, "GET", link.split(str(gate.data[1]), 1)[1])
    assert answer.status == 200 and answer.body == b"hello", answer
