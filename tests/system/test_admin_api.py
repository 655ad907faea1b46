"""The admin API: who may ask what, what it answers, and that its description says the truth."""
import http.client
import json
import re
import threading
import time

import pytest

from admin import ADMIN, command, get, post, store_of, url_of
from harness import ADMIN_KEY, KEY, PATIENCE, ROOT, Gate, Raw, config_text, request, some_address, until
from portal import error
from seed import seed

READ_KEY = "read-only-key-of-the-system-tests"
READ = {"Authorization": f"Bearer {READ_KEY}"}
ENVIRONMENT = {"READ_KEY": READ_KEY}
WITH_READ_KEY = ('key = "env:ADMIN_KEY"', 'key = "env:ADMIN_KEY"\nread_only_key = "env:READ_KEY"')

OPENAPI = json.loads((ROOT / "docs" / "openapi.json").read_text())


def config(portal, **parts) -> str:
    return config_text(portal.url, **parts).replace(*WITH_READ_KEY, 1)


@pytest.fixture(scope="module")
def shared_gate(tmp_path_factory, portal):
    gate = Gate(tmp_path_factory.mktemp("admin"), config(portal), ENVIRONMENT)
    yield gate
    gate.stop()


@pytest.fixture
def gate(shared_gate, portal):
    portal.clear()
    yield shared_gate
    shared_gate.check_reports()


class Browser:
    """Speaks to the admin port as a page of its own does, with the cookie and the token that a login gave."""

    def __init__(self, gate: Gate, key: str = ADMIN_KEY, **fields: str):
        self.gate, self.fields = gate, fields
        self.origin = f"http://{gate.admin[0]}:{gate.admin[1]}"
        self.answer = request(gate.admin, "POST", "/api/v1/login", json.dumps({"key": key}).encode(),
                              {"Content-Type": "application/json", "Origin": self.origin, **fields})
        assert self.answer.status == 200, self.answer
        self.set_cookie = self.answer.header("Set-Cookie")
        self.cookie = self.set_cookie.split(";")[0]
        self.csrf = self.answer.json["csrf"]

    def get(self, path: str):
        return request(self.gate.admin, "GET", path, headers={"Cookie": self.cookie})

    def post(self, path: str, body=None, drop: str = "", **changes: str):
        fields = {"Cookie": self.cookie, "Origin": self.origin, "X-CSRF-Token": self.csrf,
                  "Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in changes.items()}}
        fields.pop(drop, None)
        return request(self.gate.admin, "POST", path, json.dumps(body or {}).encode(), fields)


# Who may ask

def routes():
    for path, methods in OPENAPI["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation["x-role"]


def concrete(path: str) -> str:
    return path.replace("{name}", "nobody").replace("{id}", "nobody").replace("{credential}", "main")


def test_every_route_is_described_and_asks_for_its_role(gate):
    told = {(one["method"], one["path"], one["role"]) for one in get(gate, "/api/v1").json["routes"]}
    assert told == set(routes())


@pytest.mark.parametrize("method,path,role", list(routes()))
def test_every_route_for_everybody(gate, method, path, role):
    if path == "/api/v1/events":
        return  # it does not end: see below
    target, body = concrete(path), b"{}" if method == "POST" else None
    json_type = {"Content-Type": "application/json"} if body else {}
    for headers, allowed in (({}, "none"), ({"Authorization": "Bearer wrong"}, "none"), ({"Cookie": "b24gate=no"}, "none"),
                             (READ, "read-only"), (ADMIN, "full")):
        if path == "/api/v1/login" or (path == "/api/v1/reload" and headers == ADMIN):
            continue
        answer = request(gate.admin, method, target, body, {**headers, **json_type})
        if allowed == "none":
            assert answer.status == 401 and answer.header("WWW-Authenticate"), (headers, answer)
        elif allowed == "read-only" and role == "full":
            assert answer.status == 403 and answer.code == "GATEWAY_FORBIDDEN", answer
        else:
            assert answer.status not in (401, 403, 405), (headers, answer)
        assert answer.header("Access-Control-Allow-Origin") is None
    other = "POST" if method == "GET" else "GET"
    if other.lower() not in OPENAPI["paths"][path] and path not in ("/api/v1/operations/retry",
                                                                    "/api/v1/operations/discard"):
        answer = request(gate.admin, other, target, b"" if other == "POST" else None, ADMIN)
        assert answer.status == 405 and method in answer.header("Allow"), answer


def test_unknown_paths_tell_nothing_to_strangers(gate):
    assert get(gate, "/api/v1/nonsense").status == 404
    assert get(gate, "/api/v1/nonsense", {}).status == 401
    assert get(gate, "/operations", {}).status == 401


def test_every_answer_keeps_the_browser_out_of_mischief(gate):
    for answer in (get(gate, "/api/v1/portals"), get(gate, "/api/v1/portals", {}), get(gate, "/metrics", {}),
                   get(gate, "/api/v1/nonsense"), post(gate, "/api/v1/reload", headers=READ),
                   request(gate.admin, "DELETE", "/api/v1/portals", headers=ADMIN)):
        if answer.status == 501 or answer.header("Content-Security-Policy") is None:
            assert answer.status in (405, 501), answer
            continue
        policy = answer.header("Content-Security-Policy")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Referrer-Policy") == "no-referrer"
        assert answer.header("Cache-Control") == "no-store"
        assert answer.header("X-Frame-Options") == "DENY"


def test_only_names_of_this_port_are_answered(gate):
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:9080"):
        for path in ("/api/v1/portals", "/metrics", "/healthz"):
            answer = request(gate.admin, "GET", path, headers={**ADMIN, "Host": host})
            assert answer.status == 421, (host, path, answer)
    for host in ("localhost", "127.0.0.1:1", "[::1]"):
        assert request(gate.admin, "GET", "/api/v1/portals", headers={**ADMIN, "Host": host}).status == 200


# Browsers

def test_a_browser_logs_in_acts_and_logs_out(gate):
    browser = Browser(gate)
    assert browser.answer.json["role"] == "full"
    assert browser.set_cookie.startswith("b24gate=") and "Secure" not in browser.set_cookie
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in browser.set_cookie
    assert "Domain" not in browser.set_cookie and len(browser.cookie) >= 43
    session = browser.get("/api/v1/session").json
    assert session["role"] == "full" and session["csrf"] == browser.csrf
    assert browser.post("/api/v1/reload").status == 200
    answer = browser.post("/api/v1/logout")
    assert answer.status == 200 and "Max-Age=0" in answer.header("Set-Cookie")
    assert browser.get("/api/v1/session").status == 401


def test_behind_tls_the_cookie_is_for_tls_alone(gate):
    answer = request(gate.admin, "POST", "/api/v1/login", json.dumps({"key": ADMIN_KEY}).encode(),
                     {"Content-Type": "application/json", "X-Forwarded-Proto": "https"})
    cookie = answer.header("Set-Cookie")
    assert cookie.startswith("__Host-b24gate=") and "; Secure" in cookie
    assert request(gate.admin, "GET", "/api/v1/session", headers={"Cookie": cookie.split(";")[0]}).status == 200


def test_a_page_elsewhere_can_do_nothing_with_the_cookie(gate):
    browser = Browser(gate)
    path = "/api/v1/reload"
    assert browser.post(path, drop="X-CSRF-Token").status == 403
    assert browser.post(path, X_CSRF_Token="guess").status == 403
    assert browser.post(path, X_CSRF_Token=Browser(gate).csrf).status == 403
    assert browser.post(path, Origin="http://evil.example").status == 403
    assert browser.post(path, Origin="null").status == 403
    assert browser.post(path, drop="Origin").status == 403
    for site in ("cross-site", "same-site", "none"):
        assert browser.post(path, Sec_Fetch_Site=site).status == 403, site
    assert browser.post(path, Sec_Fetch_Site="same-origin", drop="Origin").status == 200
    assert browser.post(path).status == 200
    login = {"key": ADMIN_KEY}
    for fields in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}, {},
                   {"Content-Type": "application/json", "Origin": "http://evil.example"},
                   {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}):
        answer = request(gate.admin, "POST", "/api/v1/login", json.dumps(login).encode(), fields)
        assert answer.status == 403 and answer.header("Set-Cookie") is None, (fields, answer)


def test_a_read_only_browser_sees_and_does_nothing(gate):
    browser = Browser(gate, READ_KEY)
    assert browser.answer.json["role"] == "read-only"
    assert browser.get("/api/v1/overview").status == 200
    assert browser.post("/api/v1/reload").status == 403
    assert browser.get("/api/v1/audit").status == 403
    assert browser.post("/api/v1/logout").status == 200


def test_who_guesses_waits_and_who_knows_does_not(gate):
    source = some_address()[0]

    def login(key):
        begun = time.monotonic()
        answer = request(gate.admin, "POST", "/api/v1/login", json.dumps({"key": key}).encode(),
                         {"Content-Type": "application/json"}, source=source)
        return answer, time.monotonic() - begun

    took = []
    for _ in range(8):
        answer, seconds = login("guess")
        assert answer.status == 401 and answer.header("Set-Cookie") is None
        took.append(seconds)
    assert max(took[5:]) >= 0.45 and took[7] > took[5], took
    answer, seconds = login(ADMIN_KEY)
    assert answer.status == 200 and seconds < 0.4 * PATIENCE
    for body in ({}, {"key": ""}, {"key": ADMIN_KEY[:-1]}, {"key": ADMIN_KEY + "x"}, {"key": None}):
        answer = request(gate.admin, "POST", "/api/v1/login", json.dumps(body).encode(),
                         {"Content-Type": "application/json"})
        assert answer.status in (400, 401), (body, answer)
    assert any(record["what"] == "login" for record in gate.log(event="admin_refused"))


def test_a_key_that_is_taken_away_takes_its_sessions_with_it(start, portal):
    gate = start(config(portal), environment=ENVIRONMENT)
    full, read = Browser(gate), Browser(gate, READ_KEY)
    gate.path.write_text(config_text(portal.url))
    assert full.post("/api/v1/reload").status == 200
    assert full.get("/api/v1/session").status == 200
    until(lambda: read.get("/api/v1/session").status == 401)
    until(lambda: get(gate, "/api/v1/portals", READ).status == 401)


# What it says

def of(schema: dict) -> dict:
    return of(OPENAPI["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]) if "$ref" in schema else schema


KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_kind(value, kind: str) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, (int, float) if kind == "number" else int) and not isinstance(value, bool)
    return isinstance(value, KINDS[kind])


def check(value, schema: dict, where: str) -> None:
    """`value` is as the schema says, and has nothing that it does not say."""
    schema = of(schema)
    if "allOf" in schema:
        merged = {"type": "object", "properties": {}, "required": []}
        for part in map(of, schema["allOf"]):
            merged["properties"].update(part["properties"])
            merged["required"] += part["required"]
        schema = merged
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(is_kind(value, kind) for kind in kinds), (where, value, kinds)
    if "enum" in schema:
        assert value in schema["enum"], (where, value)
    if isinstance(value, str) and schema.get("format") == "date-time":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), (where, value)
    if isinstance(value, dict) and "properties" in schema:
        for name in schema.get("required", []):
            assert name in value, (where, name)
        for name in value:
            if "would_have" == name:
                continue
            assert name in schema["properties"], (where, name, "is not described")
            check(value[name], schema["properties"][name], f"{where}.{name}")
    if isinstance(value, dict) and "additionalProperties" in schema and schema["additionalProperties"]:
        for name, member in value.items():
            check(member, schema["additionalProperties"], f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for element in value:
            check(element, schema["items"], f"{where}[]")


def described(answer, method: str, path: str):
    responses = OPENAPI["paths"][path][method.lower()]["responses"]
    response = responses.get(str(answer.status), responses["default"])
    check(answer.json, response["content"]["application/json"]["schema"], f"{method} {path} {answer.status}")
    return answer


def test_every_answer_is_as_described(gate, portal):
    portal.script(error(400, "ERROR_ARGUMENT", "no title"))
    gate.call("crm.deal.add", {})
    gate.call("profile", {}, key="b24g_nobody000000000000000000000000")
    seed(store_of(gate), [{"id": "seen", "client": "warehouse"}, {"id": "gone", "state": "held", "why": "lost"},
                          {"id": "kept", "state": "failed", "error_class": "validation"}])
    for path, methods in OPENAPI["paths"].items():
        if "get" in methods and path not in ("/api/v1/events", "/api/v1/jobs/{id}"):
            answer = described(get(gate, path.replace("{id}", "seen")), "GET", path)
            assert answer.status == 200, (path, answer)
    plan = described(post(gate, "/api/v1/operations/discard", {"filter": {}}), "POST", "/api/v1/operations/discard")
    job = described(post(gate, "/api/v1/operations/discard", {"plan": plan.json["plan"]["token"], "reason": "tidy"}),
                    "POST", "/api/v1/operations/discard").json["job"]["id"]
    until(lambda: get(gate, f"/api/v1/jobs/{job}").json["state"] == "finished")
    assert described(get(gate, f"/api/v1/jobs/{job}"), "GET", "/api/v1/jobs/{id}").json["done"] == 2
    described(post(gate, "/api/v1/operations/gone/retry"), "POST", "/api/v1/operations/{id}/retry")
    described(post(gate, "/api/v1/operations/gone/discard"), "POST", "/api/v1/operations/{id}/discard")
    described(post(gate, f"/api/v1/jobs/{job}/cancel"), "POST", "/api/v1/jobs/{id}/cancel")
    for action in ("pause", "resume"):
        answer = described(post(gate, f"/api/v1/portals/acme/{action}", {"reason": "a test"}), "POST",
                           f"/api/v1/portals/{{name}}/{action}")
        assert answer.json == {"portal": "acme", "paused": action == "pause"}
    refresh = "/api/v1/portals/{name}/credentials/{credential}/refresh"
    assert described(post(gate, "/api/v1/portals/acme/credentials/main/refresh"), "POST", refresh).status == 409
    assert described(post(gate, "/api/v1/reload"), "POST", "/api/v1/reload").status == 200
    assert described(Browser(gate).answer, "POST", "/api/v1/login").status == 200
    assert described(Browser(gate).post("/api/v1/logout"), "POST", "/api/v1/logout").status == 200


def test_errors_are_shown_with_what_to_do(gate, portal):
    hostile = "<img src=x onerror=alert(1)>"
    portal.script(error(400, "ERROR_ARGUMENT", hostile))
    answer = gate.call("crm.deal.add", {"fields": {}}, headers={"X-Request-Id": "the-one"})
    assert answer.status == 400, answer
    shown = get(gate, "/api/v1/errors?code=ERROR_ARGUMENT").json
    (seen,) = [one for one in shown["errors"] if one["request_id"] == "the-one"]
    assert (seen["client"], seen["portal"], seen["method"]) == ("warehouse", "acme", "crm.deal.add")
    assert (seen["class"], seen["fault"], seen["executed"], seen["status"]) == ("validation", "refused", "no", 400)
    (group,) = [one for one in shown["groups"] if one["code"] == "ERROR_ARGUMENT"]
    assert group["count"] >= 1 and group["explanation"]["ru"]["advice"] and group["explanation"]["en"]["meaning"]
    assert get(gate, "/api/v1/errors?class=timeout").json["errors"] == []
    assert get(gate, "/api/v1/errors?class=nonsense").status == 400
    assert KEY.encode() not in get(gate, "/api/v1/errors").everything


def test_clients_and_overview_count_what_happens(gate, portal):
    def warehouse():
        return next(one for one in get(gate, "/api/v1/clients").json["clients"] if one["name"] == "warehouse")

    before = warehouse()
    for _ in range(3):
        assert gate.call("profile", {}).status == 200
    after = warehouse()
    assert after["calls"] == before["calls"] + 3 and after["errors"] == before["errors"]
    # Only portals that it has called are told.
    hits = [sum(one["hits"] for one in seen["by_portal"]) for seen in (before, after)]
    assert hits[1] >= hits[0] + 3 and [one["portal"] for one in after["by_portal"]] == ["acme"]
    (same,) = [one for one in get(gate, "/api/v1/clients?portal=acme").json["clients"] if one["name"] == "warehouse"]
    assert same["calls"] == after["calls"] and same["by_portal"][0]["hits"] == after["by_portal"][0]["hits"]
    (spent,) = [one for one in same["by_portal"][0]["methods"] if one["method"] == "profile"]
    assert spent["hits"] >= 3 and spent["seconds"] >= 0
    (other,) = [one for one in get(gate, "/api/v1/clients?portal=beta").json["clients"] if one["name"] == "warehouse"]
    assert other["by_portal"] == [] and other["calls"] == 0
    assert len(after["key_sha256"]) == 8
    until(lambda: get(gate, "/api/v1/overview").json["lately"]["calls"] >= 3, 20, "the minutes are counted")
    overview = get(gate, "/api/v1/overview").json
    assert len(overview["minutes"]) == 60 and overview["gateway"]["ready"] and overview["gateway"]["store"]
    assert sum(minute["calls"] for minute in overview["minutes"]) >= 3
    assert [one["name"] for one in overview["portals"]] == ["acme"]


def test_what_is_done_is_written_down(gate):
    post(gate, "/api/v1/portals/acme/pause", {"reason": "the audit\nof a test"})
    post(gate, "/api/v1/portals/acme/resume")
    Browser(gate)
    post(gate, "/api/v1/reload")
    rows = get(gate, "/api/v1/audit?limit=4").json
    assert [row["action"] for row in rows["audit"]] == ["reload", "login", "resume", "pause"], rows
    pause = rows["audit"][3]
    assert pause["target"] == "portal acme" and pause["reason"] == "the audit of a test"
    assert pause["actor"].startswith("admin@127.")
    older = get(gate, f"/api/v1/audit?limit=4&next={rows['next']}").json["audit"]
    assert older != rows["audit"] and older[0]["at"] <= pause["at"]
    assert get(gate, "/api/v1/audit?next=5").status == 400
    assert ADMIN_KEY.encode() not in get(gate, "/api/v1/audit?limit=500").everything


# Pauses

def test_a_paused_portal_refuses_at_once_and_goes_on_where_it_stood(start, portal):
    portal.clear()
    text = config(portal)
    gate = start(text, environment=ENVIRONMENT)
    assert gate.call("profile", {}).status == 200
    assert post(gate, "/api/v1/portals/acm/pause").status == 404
    assert post(gate, "/api/v1/portals/acme/pause", {"reason": "maintenance"}).status == 200
    answer = gate.call("profile", {})
    assert answer.status == 503 and answer.code == "GATEWAY_PAUSED" and answer.header("Retry-After"), answer
    (shown,) = get(gate, "/api/v1/portals").json["portals"]
    assert shown["paused"]["reason"] == "maintenance" and shown["paused"]["actor"].startswith("admin@")
    assert get(gate, "/api/v1/overview").json["portals"][0]["paused"] is True
    gate.stop()
    again = Gate(gate.path.parent, text, ENVIRONMENT)
    try:
        assert again.call("profile", {}).code == "GATEWAY_PAUSED", "a pause outlives a restart"
        assert post(again, "/api/v1/reload").status == 200
        assert again.call("profile", {}).code == "GATEWAY_PAUSED", "and a reload"
        assert post(again, "/api/v1/portals/acme/resume").status == 200
        assert again.call("profile", {}).status == 200
        assert post(again, "/api/v1/portals/acme/resume").status == 200, "twice is no mistake"
    finally:
        again.stop()


def test_who_waits_when_a_portal_is_paused_is_refused_too(start, portal):
    portal.clear()
    gate = start(config(portal).replace('plan = "none"', "burst = 1\nrate = 0.01"), environment=ENVIRONMENT)
    assert gate.call("profile", {}).status == 200
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(gate.call("profile", {})))
    waiting.start()
    until(lambda: get(gate, "/api/v1/portals").json["portals"][0]["queue"]["length"] == 1)
    assert post(gate, "/api/v1/portals/acme/pause").status == 200
    waiting.join(10 * PATIENCE)
    assert answers and answers[0].code == "GATEWAY_PAUSED", answers


def test_gateways_share_a_pause(start, portal, postgres):
    portal.clear()
    text = config(portal, extra='[store]\nurl = "env:STORE_URL"')
    gates = [start(text, environment={**ENVIRONMENT, "STORE_URL": postgres}) for _ in range(2)]
    assert post(gates[0], "/api/v1/portals/acme/pause").status == 200
    until(lambda: gates[1].call("profile", {}).status == 503, 10, "the other gateway has noticed")
    assert gates[1].call("profile", {}).code == "GATEWAY_PAUSED"
    assert post(gates[1], "/api/v1/portals/acme/resume").status == 200
    until(lambda: gates[0].call("profile", {}).status == 200, 10, "the first gateway has noticed")


# Events

class Listener:
    def __init__(self, gate: Gate, headers=None):
        self.connection = http.client.HTTPConnection(*gate.admin, timeout=15 * PATIENCE, source_address=some_address())
        self.connection.request("GET", "/api/v1/events", headers=headers or ADMIN)
        self.answer = self.connection.getresponse()

    def event(self) -> dict:
        fields = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line:
                return fields
            name, value = line.split(": ", 1)
            fields[name] = value


def test_events_tick_and_end_with_the_gateway(start, portal):
    gate = start(config(portal), environment=ENVIRONMENT)
    listener = Listener(gate)
    assert listener.answer.status == 200 and listener.answer.getheader("Content-Type").startswith("text/event-stream")
    assert listener.answer.getheader("X-Accel-Buffering") == "no"
    first, second = listener.event(), listener.event()
    assert first["retry"] == "3000" and (first["event"], second["event"]) == ("overview", "change") and first["id"] != second["id"]
    schema = OPENAPI["components"]["schemas"]["Overview"]
    for event in (first, second):
        check(json.loads(event["data"]), schema, "event")
    assert [one["name"] for one in json.loads(first["data"])["portals"]] == ["acme"]
    assert len(json.loads(second["data"])["minutes"]) < len(json.loads(first["data"])["minutes"]) == 60
    gate.stop()
    assert listener.answer.read() == b"", "the stream ends in good order"


def test_listeners_are_bounded_and_counted_off(start, portal):
    gate = start(config(portal), environment=ENVIRONMENT)
    listeners = [Listener(gate) for _ in range(64)]
    assert all(one.answer.status == 200 for one in listeners)
    assert Listener(gate).answer.status == 503
    for one in listeners:
        one.answer.close()
        one.connection.close()
    until(lambda: Listener(gate).answer.status == 200, 15, "who has left is counted off")


def test_a_listener_whose_session_ends_hears_no_more(gate):
    browser = Browser(gate)
    listener = Listener(gate, {"Cookie": browser.cookie})
    listener.event()
    assert browser.post("/api/v1/logout").status == 200
    assert listener.answer.read() == b""


# From the shell

def test_the_status_is_one_screen(gate):
    done = command("status", "--url", url_of(gate))
    assert "acme" in done.stdout and "PORTAL" in done.stdout and "ready" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    status = json.loads(command("status", "--url", url_of(gate), "--json").stdout)
    assert status["portals"][0]["name"] == "acme" and len(status["minutes"]) == 60
    nobody = command("status", "--url", "http://127.0.0.1:1", code=1)
    assert "no gateway answers at http://127.0.0.1:1" in nobody.stderr
    assert "B24GATE_ADMIN_KEY" in command("status", "--url", url_of(gate), key="", code=2).stderr
