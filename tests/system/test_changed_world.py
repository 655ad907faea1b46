"""A world that goes wrong around the gateway: names that cannot be resolved, a wall clock that jumps, a disk that is full.

Names and clock are the machine's and not a test's to change, so a small library stands between them and the gateway.
"""
import pathlib
import resource
import subprocess

import pytest

from harness import SANITIZER, until
from oauth import ENVIRONMENT
from operations import hand_over, operations_config, show, state, taken
from portal import error, result

HERE = pathlib.Path(__file__).resolve().parent
DAY = 24 * 3600
# The sanitizers' own libraries want to be the first.
loadable = pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's library stands in the same place")


class World:
    def __init__(self, folder: pathlib.Path):
        self.library, self.clock, self.dns = folder / "changed_world.so", folder / "clock", folder / "no-dns"
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(self.library), str(HERE / "changed_world.c"), "-ldl"],
                       check=True)

    @property
    def environment(self) -> dict:
        return {**ENVIRONMENT, "LD_PRELOAD": str(self.library), "CHANGED_CLOCK": str(self.clock), "CHANGED_DNS": str(self.dns)}

    def step(self, seconds: int) -> None:
        """The clock is wrong by so much from now on."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self.clock)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@loadable
def test_dead_dns_at_the_start_is_waited_out(start, portal, world):
    portal.clear()
    world.dns.touch()
    gate = start(operations_config(portal.url.replace("localhost", "portal.test"), client='timeout = "2s"'), environment=world.environment)
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert (answer.status, answer.code, answer.gateway["executed"]) == (502, "GATEWAY_UPSTREAM_UNREACHABLE", "no"), answer
    assert gate.get("/readyz").status == 200 and not portal.received
    world.dns.unlink()
    until(lambda: gate.call("profile", {}).status == 200, 15, "the name is resolved again")

@loadable
@pytest.mark.parametrize("by", [DAY, -DAY, 400 * DAY, -30], ids=["a day ahead", "a day back", "a year ahead", "half a minute back"])
def test_a_clock_that_jumps_harms_nothing(start, portal, world, by):
    portal.clear()
    gate = start(operations_config(portal.url, portal="burst = 2\nrate = 5", base="300ms").replace('plan = "none"\n', ""),
                 environment=world.environment)
    assert gate.call("profile", {}).status == 200
    portal.handler = lambda _: error(500, "INTERNAL_SERVER_ERROR")
    waiting = taken(hand_over(gate, "crm.deal.update", {"id": 1, "fields": {}}))
    state(gate, waiting, "waiting")
    portal.handler = lambda _: result(True)
    world.step(by)
    # Pacing, deadlines and retries within a call count on the other clock.
    for _ in range(6):
        answer = gate.call("profile", {})
        assert answer.status == 200 and int(answer.header("X-B24-Wait-Ms")) < 3000, answer
    assert state(gate, taken(hand_over(gate, "crm.deal.update", {"id": 2, "fields": {}})))["state"] == "succeeded"
    # What waits in the store does so by the clock on the wall, which all gateways share: one that was put back makes it wait
    # until it is that late again, and loses nothing.
    if by < 0:
        assert show(gate, waiting)["state"] == "waiting"
        world.step(0)
    assert state(gate, waiting, "succeeded", seconds=20)["state"] == "succeeded"
    world.step(0)
    assert gate.call("profile", {}).status == 200
    assert gate.get("/readyz").status == 200


def test_a_full_disk_stops_hand_overs_and_nothing_else(start, portal):
    """What would grow a file is refused by the system; calls go on, what was taken is still there, and all is well afterwards."""
    portal.clear()
    gate = start(operations_config(portal.url), environment=ENVIRONMENT)
    first = taken(hand_over(gate, "crm.deal.update", {"id": 1, "fields": {}}))
    assert state(gate, first)["state"] == "succeeded"
    resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    refused = hand_over(gate, "crm.deal.update", {"id": 2, "fields": {}})
    assert (refused.status, refused.code) == (503, "GATEWAY_STORE") and int(refused.header("Retry-After")) > 0, refused
    for _ in range(5):
        assert gate.call("crm.deal.add", {"fields": {}}).status == 200
    assert show(gate, first)["state"] == "succeeded"
    resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def taken_again() -> bool:
        answer = hand_over(gate, "crm.deal.update", {"id": 3, "fields": {}})
        return answer.status == 202 and state(gate, taken(answer))["state"] == "succeeded"

    until(taken_again, 20, "hand-overs are taken again")
    assert gate.get("/readyz").status == 200
