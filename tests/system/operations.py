"""Calls that are handed over for good: what the tests of operations share."""
import json
import time
from typing import Dict, Optional

from harness import KEY, PATIENCE, SECRET, Gate, Response, Sim, config_text, request
from oauth import ENVIRONMENT, STORE

ASYNC = {"Prefer": "respond-async"}
AS_CLIENT = {"Authorization": f"Bearer {KEY}"}
FINAL = {"succeeded", "failed", "dead", "discarded"}
# Short enough for a test; what is shortened is only time.
SHORT = """
[operations]
settle = "{settle}"
{more}
[operations.retry]
base = "{base}"
max = "{max}"
"""


def operations_config(url: str, store: str = "sqlite:var/b24gate.db", settle: str = "2s", base: str = "100ms",
                      max: str = "1s", more: str = "", extra: str = "", **parts: str) -> str:
    return config_text(url, extra=extra + "\n" + STORE.format(url=store) +
                       SHORT.format(settle=settle, base=base, max=max, more=more), **parts)


def hand_over(gate: Gate, method: str, params=None, headers: Optional[Dict[str, str]] = None, **more) -> Response:
    return gate.call(method, params if params is not None else {}, headers={**ASYNC, **(headers or {})}, **more)


def taken(answer: Response) -> str:
    """The id of an operation that was taken."""
    assert answer.status == 202, answer
    operation = answer.json["operation"]
    assert answer.header("Location") == f"/operations/{operation['id']}"
    return operation["id"]


def show(gate: Gate, id: str, key: str = KEY) -> dict:
    answer = request(gate.data, "GET", f"/operations/{id}", headers={"Authorization": f"Bearer {key}"})
    assert answer.status == 200, answer
    return answer.json["operation"]


def discard(gate: Gate, id: str, key: str = KEY) -> Response:
    return request(gate.data, "DELETE", f"/operations/{id}", headers={"Authorization": f"Bearer {key}"})


def state(gate: Gate, id: str, *wanted: str, seconds: float = 10) -> dict:
    """The operation once it is in one of these states, or in any in which it stays."""
    until = time.monotonic() + seconds * PATIENCE
    stay = set(wanted) or FINAL | {"held"}
    while True:
        operation = show(gate, id)
        if operation["state"] in stay:
            return operation
        assert time.monotonic() < until, json.dumps(operation, indent=1)
        time.sleep(0.05)


def restart(gate: Gate, environment: Dict[str, str] = ENVIRONMENT) -> Gate:
    """Another gateway on the same folder, after the first one has gone."""
    return Gate(gate.path.parent, gate.path.read_text(), environment)


def portal_of(sim: Sim, **settings) -> None:
    sim.control("DELETE", "/faults")
    sim.portal("acme", **{"webhooks": [{"user": 1, "secret": SECRET}], "plan": "none", "latency_ms": 0, "refuse": "",
                          **settings})
    sim.reset()
