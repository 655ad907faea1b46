"""Many calls at once to a gateway whose portal has no budget to spare: those that have to wait travel together."""
import base64
import http.client
import json
import urllib.parse
from typing import Dict, List, Optional

from harness import KEY, PATIENCE, SECRET, Gate, Response, Sim, config_text

WEBHOOK = {"user": 1, "secret": SECRET}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OFF = {"X-B24-Coalesce": "off"}


class Call:
    """One call; `send` begins it on a connection of its own, `answer` waits for its end."""

    def __init__(self, method: str, params=None, key: str = KEY, verb: str = "POST", form: Optional[str] = None,
                 query: str = "", path: Optional[str] = None, **headers: str):
        self.method, self.verb = method, verb
        self.path = (path or f"/rest/1/{key}/{method}") + (f"?{query}" if query else "")
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.body = None
        if form is not None:
            self.body, self.headers = form.encode(), {**FORM, **self.headers}
        elif verb == "POST":
            self.body = params if isinstance(params, bytes) else json.dumps(params or {}).encode()
            self.headers = {**JSON, **self.headers}
        self.connection: Optional[http.client.HTTPConnection] = None

    def send(self, gate: Gate, headers: Optional[Dict[str, str]] = None) -> "Call":
        self.connection = http.client.HTTPConnection(*gate.data, timeout=60 * PATIENCE)
        self.connection.putrequest(self.verb, self.path, skip_accept_encoding=True)
        for name, value in {**self.headers, **(headers or {})}.items():
            self.connection.putheader(name, value)
        if self.body is not None:
            self.connection.putheader("Content-Length", str(len(self.body)))
        self.connection.endheaders(self.body)
        return self

    def answer(self) -> Response:
        try:
            got = self.connection.getresponse()
            return Response(got.status, got.getheaders(), got.read())
        finally:
            self.hang_up()

    def hang_up(self) -> None:
        self.connection.close()

    def __repr__(self) -> str:
        return f"{self.verb} {self.path} {self.body!r}"


def crowd(gate: Gate, calls: List[Call], headers: Optional[Dict[str, str]] = None, at_once: int = 400) -> List[Response]:
    """All of them at once, in pieces of `at_once`."""
    answers: List[Response] = []
    for begin in range(0, len(calls), at_once):
        sent = [call.send(gate, headers) for call in calls[begin:begin + at_once]]
        answers += [call.answer() for call in sent]
    return answers


def gets(count: int, method: str = "crm.deal.get", **more) -> List[Call]:
    """Reads of which no two are alike, so that none gets the answer of another one."""
    return [Call(method, {"id": 1 + i % 50, "n": f"{method} {i}"}, **more) for i in range(count)]


def crowded(start, sim: Sim, portal: str = "", burst: int = 1, rate: float = 4, settings: Optional[dict] = None,
            **parts) -> Gate:
    """A gateway that takes its budget for spent and gets `rate` hits a second; the portal itself refuses nothing."""
    sim.control("DELETE", "/faults")
    sim.portal("acme", **{"webhooks": [WEBHOOK], "plan": "none", "latency_ms": 0, "refuse": "", **(settings or {})})
    sim.reset()
    text = config_text(sim.url + "/acme", portal=portal + f"\nburst = {burst}\nrate = {rate}", **parts)
    spent = 'plan = "none"\nassume_spent = false\n'
    assert spent in text
    return start(text.replace(spent, "", 1))


def batched(answer: Response) -> int:
    """With how many calls it has travelled; 0: alone."""
    return int(answer.header("X-B24-Batched") or 0)


def batches_seen(sim: Sim, portal: str = "acme") -> List[List[str]]:
    """The commands of each batch that has reached the portal."""
    bodies = [base64.b64decode(request["body_base64"]) for request in sim.control("GET", f"/requests?portal={portal}")
              if "/batch" in request["line"]]
    return [list(json.loads(body)["cmd"].values()) for body in bodies]


def encoded(params: dict) -> str:
    """Nested parameters in PHP's bracket form."""
    def pairs(value, name):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from pairs(inner, f"{name}[{key}]" if name else key)
        elif isinstance(value, list):
            for i, inner in enumerate(value):
                yield from pairs(inner, f"{name}[{i}]")
        else:
            yield name, str(value)
    return urllib.parse.urlencode(list(pairs(params, "")))
