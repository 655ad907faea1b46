"""Calls that travel together under an access token that the portal no longer takes."""
import os
import pathlib

import pytest

from crowd import WEBHOOK, batched, crowd, gets
from harness import PATIENCE, Gate, Sim, until
from oauth import ENVIRONMENT, Cloud, import_pair, oauth_config

COUNT = 20
WANTED = [str(1 + i % 50) for i in range(COUNT)]


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    yield sim
    sim.stop()


def executions(sim: Sim) -> int:
    return sim.stats("acme")["executions"].get("crm.deal.get", 0)


def with_tokens(start, sim: Sim, rate: float = 4):
    sim.control("DELETE", "/faults")
    sim.portal("acme", webhooks=[WEBHOOK], plan="none", latency_ms=0)
    sim.reset()
    text = oauth_config(sim, portal=f"burst = 1\nrate = {rate}").replace('plan = "none"\nassume_spent = false\n', "", 1)
    cloud = Cloud(sim)
    gate = start(text, environment=ENVIRONMENT)
    import_pair(gate, cloud.issue())
    until(lambda: gate.call("crm.deal.get", {"id": 1}).status == 200, what="the tokens are known")
    return gate, cloud


def test_an_expired_token_is_renewed_once_for_all(start, sim):
    gate, cloud = with_tokens(start, sim)
    cloud.expire()
    before = executions(sim)
    answers = crowd(gate, gets(COUNT))
    assert {answer.status for answer in answers} == {200}, answers
    assert [answer.json["result"]["ID"] for answer in answers] == WANTED and sum(batched(answer) > 1 for answer in answers) >= COUNT / 2
    assert executions(sim) - before == COUNT
    assert cloud.counts["refreshes"] == 1
    assert gate.metric("b24gate_budget_hits_total", portal="acme") == sim.stats("acme")["hits"]


def test_a_portal_that_calls_every_token_expired(start, sim):
    """One new token a call, not one a turn."""
    gate, cloud = with_tokens(start, sim, rate=20)
    sim.faults({"portal": "acme", "method": "*", "code": "expired_token", "probability": 1})
    answers = crowd(gate, gets(COUNT), {"X-B24-Timeout-Ms": str(8000 * PATIENCE)})
    for answer in answers:
        assert (answer.status, answer.code) == (401, "expired_token"), answer
    assert cloud.counts["refreshes"] <= COUNT + 2
    until(lambda: gate.metric("b24gate_queue_length") == 0 and gate.metric("b24gate_in_flight") == 0, what="nothing in flight")


def cpu_seconds(gate: Gate) -> float:
    fields = pathlib.Path(f"/proc/{gate.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_crowd_waits_quietly_for_a_slow_renewal(start, sim):
    gate, cloud = with_tokens(start, sim, rate=20)
    cloud.expire()
    cloud.fault(effect="latency", delay_ms=1000)
    before = cpu_seconds(gate)
    answers = crowd(gate, gets(200))
    assert {answer.status for answer in answers} == {200}, answers
    assert cloud.counts["refreshes"] == 1
    assert cpu_seconds(gate) - before < 0.7 * PATIENCE, cpu_seconds(gate) - before
