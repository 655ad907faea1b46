"""Callbacks of operations: what arrives, from whom, how often, and where nothing is sent to."""
import base64
import json
import threading
import time

import pytest

from harness import PATIENCE, Gate, Sim, certificate, server_context, until
from oauth import ENVIRONMENT
from operations import discard, hand_over, operations_config, portal_of, restart, show, state, taken
from portal import Answer
from receivers import genuine, headers_of, receivers

SECRET = "whsec_" + base64.b64encode(b"the callbacks are signed with it").decode()
OLD_SECRET = "an older secret, which is no base64"
ENV = {**ENVIRONMENT, "CALLBACK_SECRET": SECRET, "OLD_CALLBACK_SECRET": OLD_SECRET}
SETTINGS = """
callback_hosts = {hosts}
callback_secret = "env:CALLBACK_SECRET"
callback_timeout = "{timeout}"
allow_private_callbacks = {private}
"""
DEAL = {"fields": {"TITLE": "s3cr3t-title", "ORIGINATOR_ID": "shop"}}


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    yield sim
    sim.stop()


@pytest.fixture
def gateway(tmp_path, sim):
    portal_of(sim)
    started = []

    def begin(hosts: str = '["*"]', timeout: str = "2s", private: str = "true", more: str = "", environment=None,
              **parts) -> Gate:
        settings = SETTINGS.format(hosts=hosts, timeout=timeout, private=private) + more
        started.append(Gate(tmp_path, operations_config(sim.url + "/acme", more=settings, **parts),
                            {**ENV, **(environment or {})}))
        return started[-1]

    yield begin
    for gate in started:
        if not gate.stopped:
            gate.stop()
    sim.control("DELETE", "/faults")


def hand(gate: Gate, url: str, method: str = "crm.deal.add", params=None) -> str:
    return taken(hand_over(gate, method, params or DEAL, {"X-B24-Callback": url}))


def callbacks(gate: Gate, result: str) -> float:
    return gate.metric("b24gate_callbacks_total", result=result)


def test_what_arrives(gateway, receivers):
    gate, receiver = gateway(more='old_callback_secret = "env:OLD_CALLBACK_SECRET"'), receivers()
    id = hand(gate, receiver.url + "/s3cr3t/path?token=s3cr3t")
    until(lambda: callbacks(gate, "delivered") == 1)
    operation = show(gate, id)
    assert operation["state"] == "succeeded"
    [one] = receiver.received
    assert (one.method, one.target) == ("POST", "/s3cr3t/path?token=s3cr3t")
    headers = headers_of(one)
    assert headers["host"] == f"localhost:{receiver.port}" and headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("b24gate/")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60 * PATIENCE
    for secret in (SECRET, OLD_SECRET):
        assert genuine(secret, headers, one.body)
    assert not genuine("whsec_" + base64.b64encode(b"another one").decode(), headers, one.body)
    assert not genuine(SECRET, headers, one.body.replace(b"succeeded", b"discarded"))
    assert not genuine(SECRET, {**headers, "webhook-id": "msg_another"}, one.body)
    message = json.loads(one.body)
    assert message["type"] == "operation.succeeded"
    data = message["data"]
    assert (data["id"], data["state"], data["class"], data["executed"]) == (id, "succeeded", "ok", "yes")
    assert (data["status"], data["attempts"]) == (200, 1)
    assert (data["method"], data["portal"], data["client"]) == ("crm.deal.add", "acme", "warehouse")
    assert data["created"] <= data["finished"] <= message["timestamp"]
    # Neither what was asked nor what was answered; and no log says where it went but for the host.
    assert b"s3cr3t" not in one.body and b"result" not in one.body
    gate.stop()
    assert "s3cr3t" not in gate.output and SECRET not in gate.output


def test_one_that_is_held_and_given_up_tells_twice(gateway, receivers, sim):
    gate, receiver = gateway(), receivers()
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": "reset_after", "times": 1})
    id = hand(gate, receiver.url, params={"fields": {"TITLE": "once"}})
    until(lambda: len(receiver.received) == 1, seconds=15)
    held = json.loads(receiver.received[0].body)
    assert held["type"] == "operation.held"
    assert (held["data"]["state"], held["data"]["why"]) == ("held", "outcome_unknown")
    assert held["data"]["executed"] == "unknown" and "finished" not in held["data"]
    assert discard(gate, id).status == 200
    until(lambda: len(receiver.received) == 2)
    gone = json.loads(receiver.received[1].body)
    assert gone["type"] == "operation.discarded" and gone["data"]["id"] == id
    ids = {headers_of(one)["webhook-id"] for one in receiver.received}
    assert len(ids) == 2


def test_one_that_is_held_from_the_start_tells(gateway, receivers, sim):
    gate, receiver = gateway(), receivers()
    sim.faults({"portal": "acme", "method": "crm.deal.add", "effect": "reset_after", "times": 1})
    answer = gate.call("crm.deal.add", {"fields": {"TITLE": "once"}},
                       headers={"X-B24-On-Failure": "queue", "X-B24-Callback": receiver.url})
    assert answer.json["operation"]["state"] == "held", answer
    until(lambda: len(receiver.received) == 1)
    assert json.loads(receiver.received[0].body)["type"] == "operation.held"


def test_again_after_an_error_and_never_after_gone(gateway, receivers):
    gate = gateway()
    failing, gone = receivers(), receivers(lambda _: Answer(410))
    failing.script(Answer(500))
    hand(gate, failing.url)
    hand(gate, gone.url)
    until(lambda: callbacks(gate, "refused") == 1 and callbacks(gate, "given_up") == 1)
    until(lambda: callbacks(gate, "delivered") == 1, seconds=15)  # the first step is of five seconds
    first, second = (headers_of(one) for one in failing.received)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) > int(first["webhook-timestamp"])
    assert genuine(SECRET, second, failing.received[1].body)
    assert len(gone.received) == 1
    until(lambda: gate.log(event="callback_given_up") and gate.log(event="callback_failed"))
    [line] = gate.log(event="callback_given_up")
    assert (line["status"], line["try"], line["to"]) == (410, 1, gone.url)
    [line] = gate.log(event="callback_failed")
    assert line["status"] == 500 and 3 <= line["next_s"] <= 6


def test_redirects_are_not_followed(gateway, receivers):
    gate, target = gateway(), receivers()
    statuses = [301, 302, 303, 307, 308]
    for status in statuses:
        hand(gate, receivers(lambda _, s=status: Answer(s, b"", [("Location", target.url + "/elsewhere")])).url)
    until(lambda: callbacks(gate, "refused") == len(statuses))
    until(lambda: sorted(line["status"] for line in gate.log(event="callback_failed")) == statuses)
    assert target.received == []


def test_addresses_inside_get_nothing(gateway, receivers):
    gate, receiver = gateway(private="false"), receivers()
    for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "[64:ff9b::a00:1]"):
        answer = hand_over(gate, "crm.deal.add", DEAL, {"X-B24-Callback": f"http://{host}:{receiver.port}/"})
        assert answer.status == 400 and "not of the open internet" in json.dumps(answer.json), answer
    # These are names until somebody asks what they mean.
    for host in ("localhost", "2130706433", "0x7f000001", "127.1", "0"):
        hand(gate, f"http://{host}:{receiver.port}/")
    until(lambda: callbacks(gate, "forbidden") + callbacks(gate, "unreachable") == 5, seconds=15)
    assert callbacks(gate, "forbidden") >= 1
    assert receiver.connections == 0


def test_hosts_that_are_not_allowed(gateway, receivers):
    gate, receiver = gateway(hosts='["*.internal.example", "hooks.example.com"]'), receivers()
    for url in (receiver.url, "https://evil.example/hooks.example.com", "https://hooks.example.com.evil.example/",
                "https://user@hooks.example.com/", "https://hooks.example.com/#x", "ftp://hooks.example.com/", "hooks"):
        answer = hand_over(gate, "crm.deal.add", DEAL, {"X-B24-Callback": url})
        assert answer.status == 400 and "X-B24-Callback" in json.dumps(answer.json), (url, answer)
    assert receiver.connections == 0


def test_a_slow_receiver_delays_no_other(gateway, receivers):
    never = threading.Event()
    gate = gateway(timeout="3s")
    slow, quick = receivers(lambda _: Answer(200, wait_for=never)), receivers()
    for _ in range(30):
        hand(gate, slow.url)
    until(lambda: len(slow.received) >= 8, seconds=20)
    ids = {hand(gate, quick.url) for _ in range(10)}
    until(lambda: len(quick.received) == 10, seconds=20)
    assert {json.loads(one.body)["data"]["id"] for one in quick.received} == ids
    never.set()


def test_a_stop_or_a_kill_in_the_middle_loses_none(gateway, receivers):
    """Whoever was with the receiver comes again; nobody gets another id."""
    open_now = threading.Event()
    receiver = receivers(lambda _: Answer(200, wait_for=open_now))
    gate = gateway(timeout="1s")
    ids = {hand(gate, receiver.url) for _ in range(12)}
    until(lambda: len(receiver.received) >= 8, seconds=20)
    gate.stop()
    gate = restart(gate, ENV)
    until(lambda: len(receiver.received) >= 12, seconds=20)
    gate.kill()
    open_now.set()
    gate = restart(gate, ENV)
    try:
        def told() -> set:
            return {json.loads(one.body)["data"]["id"] for one in receiver.received}

        # A killed gateway's leases have to run out first.
        until(lambda: callbacks(gate, "delivered") == 12, seconds=60)
        assert told() == ids
        by_id: dict = {}
        for one in receiver.received:
            by_id.setdefault(json.loads(one.body)["data"]["id"], set()).add(headers_of(one)["webhook-id"])
        assert all(len(webhook_ids) == 1 for webhook_ids in by_id.values())
        assert len({webhook_id for found in by_id.values() for webhook_id in found}) == 12
    finally:
        gate.stop()


def test_https_is_verified_by_name(gateway, receivers, tmp_path):
    good, good_key = certificate(tmp_path, "good")
    other, other_key = certificate(tmp_path, "other")
    named, named_key = certificate(tmp_path, "named", host="elsewhere.example")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(good.read_text() + named.read_text())
    gate = gateway(environment={"SSL_CERT_FILE": str(trusted)})
    known = receivers(context=server_context(good, good_key))
    unknown = receivers(context=server_context(other, other_key))
    misnamed = receivers(context=server_context(named, named_key))
    for receiver in (known, unknown, misnamed):
        hand(gate, receiver.url)
    until(lambda: callbacks(gate, "delivered") == 1 and callbacks(gate, "unreachable") == 2, seconds=15)
    assert len(known.received) == 1 and unknown.received == [] and misnamed.received == []
    until(lambda: sum("certificate" in line["error"] for line in gate.log(event="callback_failed")) == 2)


def test_the_store_is_tidied(gateway, receivers):
    gate, receiver = gateway(more='keep_succeeded = "1s"'), receivers(lambda _: Answer(500))
    told, kept = hand(gate, receiver.url), taken(hand_over(gate, "crm.deal.add", DEAL))
    state(gate, kept)
    state(gate, told)
    until(lambda: gate.metric("b24gate_operations", portal="acme", state="succeeded") == 2, seconds=15)
    assert gate.metric("b24gate_operations", portal="acme", state="queued") == 0
    until(lambda: callbacks(gate, "refused") >= 1)
    time.sleep(1.1)  # its time in the store is what passes here
    gate.stop()
    again = restart(gate, ENV)  # which tidies up first
    try:
        until(lambda: again.log(event="operations_cleaned"), seconds=15)
        until(lambda: again.metric("b24gate_operations", portal="acme", state="succeeded") == 1, seconds=15)
        # Whose callback is still to be delivered stays.
        assert show(again, told)["state"] == "succeeded"
    finally:
        again.stop()
