"""Who may call what; a refusal tells nothing about what else there is."""
import json
import time
import urllib.parse

import pytest

from harness import KEY, OTHER_KEY, PATIENCE, Gate, config_text, request

WRONG_KEYS = ["nonsense", "b24g_" + "x" * 43, KEY[:-1], KEY + "0", KEY.upper(), "%00", "*", ".."]


@pytest.mark.parametrize("key", WRONG_KEYS)
def test_an_unknown_key(gate, portal, key):
    answer = gate.call("crm.deal.list", {}, key=key)
    assert answer.status in (400, 401), answer
    if answer.status == 401:
        assert answer.code == "GATEWAY_UNAUTHORIZED"
    assert not portal.received


def test_no_key_at_all(gate, portal):
    answer = gate.call("crm.deal.list", {}, path="/rest/crm.deal.list")
    assert (answer.status, answer.code) == (401, "GATEWAY_UNAUTHORIZED")
    assert not portal.received


def test_refusals_do_not_tell_which_portals_exist(gate, portal, beta):
    """An existing portal that is not granted and one that does not exist look the same."""
    answers = []
    for name in ("beta", "nowhere"):
        answer = gate.call("profile", {}, path=f"/portals/{name}/rest/1/{KEY}/profile")
        assert answer.status in (401, 403), answer
        assert answer.code in ("GATEWAY_FORBIDDEN", "GATEWAY_UNAUTHORIZED")
        text = answer.body.decode().replace(answer.gateway["request_id"], "").replace(name, "")
        headers = {n: v for n, v in answer.headers if n.lower() not in ("x-request-id", "date", "content-length")}
        answers.append((answer.status, text, headers))
        assert "acme" not in text
    assert answers[0] == answers[1]
    unknown = [gate.call("profile", {}, key="b24g_wrong", path=f"/portals/{name}/rest/1/b24g_wrong/profile")
               for name in ("acme", "beta", "nowhere")]
    assert {answer.status for answer in unknown} == {401}
    assert len({a.body.decode().replace(a.gateway["request_id"], "") for a in unknown}) == 1
    by_host = [request(gate.data, "POST", "/rest/1/b24g_wrong/profile", b"", {"Host": host})
               for host in ("acme.b24.internal", "nowhere.b24.internal")]
    assert len({a.body.decode().replace(a.gateway["request_id"], "") for a in by_host}) == 1
    assert not portal.received and not beta.received


def test_a_key_is_bound_to_its_portal(gate, portal, beta):
    answer = request(gate.data, "POST", f"/rest/1/{OTHER_KEY}/profile", b"", {"Host": "acme.b24.internal"})
    assert answer.status == 403 and answer.code == "GATEWAY_FORBIDDEN"
    assert not portal.received and not beta.received


RULES = 'allow = ["crm.*", "user.current", "tasks.task.get"]\ndeny = ["crm.*.delete", "*.import"]'


@pytest.fixture(scope="module")
def ruled(tmp_path_factory, portal):
    gate = Gate(tmp_path_factory.mktemp("ruled"), config_text(portal.url, client=RULES))
    yield gate
    gate.stop()


METHODS = [
    ("crm.deal.list", True), ("CRM.Deal.Add", True), ("user.current", True), ("crm.item.batchimport", True),
    ("crm.deal.delete", False), ("CRM.DEAL.DELETE", False), ("Crm.Item.Delete", False), ("user.get", False),
    ("im.notify.system.add", False), ("crm.item.import", False), ("user.current.x", False), ("app.info", False),
]


@pytest.mark.parametrize("method,allowed", METHODS)
def test_allow_and_deny(ruled, portal, method, allowed):
    portal.clear()
    for path in (f"/rest/1/{KEY}/{method}", f"/rest/1/{KEY}/{method}.json", f"/rest/1/{KEY}/{method}/",
                 f"/rest//{method}?auth={KEY}"):
        answer = ruled.call(method, {}, path=path)
        if allowed:
            assert answer.status == 200, (path, answer)
        else:
            assert (answer.status, answer.code) == (403, "GATEWAY_FORBIDDEN"), (path, answer)
            assert answer.gateway["executed"] == "no" and answer.gateway["retryable"] is False
    assert bool(portal.received) == allowed


def form(commands) -> bytes:
    return "&".join(f"cmd[{key}]={urllib.parse.quote(value)}" for key, value in commands.items()).encode()


FINE = {"one": "crm.deal.list?filter[ID]=1", "two": "user.current"}
DENIED = [
    {"one": "crm.deal.list", "evil": "crm.deal.delete?id=1"},
    {"evil": "CRM.DEAL.DELETE?id=1"},
    {"one": "user.current", "evil": "user.get"},
    {"evil": "batch?cmd[x]=user.get"},
    {"evil": "/crm.deal.delete?id=1"},
    {"evil": " user.get"},
]


@pytest.mark.parametrize("commands", DENIED)
@pytest.mark.parametrize("shape", ["json", "form", "query", "list"])
def test_a_batch_with_a_denied_command_is_refused_whole(ruled, portal, commands, shape):
    portal.clear()
    path, headers, body = f"/rest/1/{KEY}/batch", {}, b""
    if shape == "json":
        headers, body = {"Content-Type": "application/json"}, json.dumps({"halt": 0, "cmd": commands}).encode()
    elif shape == "list":
        headers = {"Content-Type": "application/json"}
        body = json.dumps({"cmd": list(commands.values())}).encode()
    elif shape == "form":
        headers, body = {"Content-Type": "application/x-www-form-urlencoded"}, form(commands)
    else:
        path += "?" + form(commands).decode()
    answer = request(ruled.data, "POST", path, body, headers)
    assert answer.status in (400, 403), answer
    assert answer.code in ("GATEWAY_FORBIDDEN", "GATEWAY_BAD_REQUEST")
    if answer.status == 403 and shape != "list":
        assert "evil" in answer.json["error_description"]
    assert not portal.received


def test_a_batch_that_is_all_allowed_goes_on_unchanged(ruled, portal):
    portal.clear()
    body = json.dumps({"halt": 0, "cmd": FINE}).encode()
    assert ruled.call("batch", body).status == 200
    assert portal.last.body == body
    assert ruled.call("batch", form(FINE), headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 200
    assert portal.last.body == form(FINE)


def test_a_v3_batch_too(ruled, portal):
    portal.clear()
    path = f"/rest/api/1/{KEY}/batch"
    fine = [{"method": "tasks.task.get", "query": {"id": 1}}]
    assert ruled.call("batch", fine, path=path).status == 200
    answer = ruled.call("batch", fine + [{"method": "tasks.task.delete", "query": {"id": 1}, "as": "evil"}], path=path)
    assert answer.status == 403, answer
    assert answer.code == "GATEWAY_FORBIDDEN"
    assert len(portal.received) == 1


def test_commands_hidden_in_two_places_are_all_seen(ruled, portal):
    """The body wins over the query at the portal; the gateway must not look at the other one alone."""
    portal.clear()
    for query, body in (({"a": "user.get"}, FINE), (FINE, {"a": "user.get"})):
        answer = request(ruled.data, "POST", f"/rest/1/{KEY}/batch?{form(query).decode()}",
                         json.dumps({"cmd": body}).encode(), {"Content-Type": "application/json"})
        assert answer.status in (400, 403), answer
    twice = b'{"cmd":{"a":"user.current"},"cmd":{"a":"user.get"}}'
    assert ruled.call("batch", twice, headers={"Content-Type": "application/json"}).status in (400, 403)
    assert not portal.received


def test_addresses(start, portal):
    portal.clear()
    gate = start(config_text(portal.url, client='addresses = ["10.0.0.0/8", "192.168.1.1"]'))
    answer = gate.call("profile", {})
    assert (answer.status, answer.code) == (403, "GATEWAY_FORBIDDEN")
    gate = start(config_text(portal.url, client='addresses = ["127.0.0.0/8"]'))
    assert gate.call("profile", {}).status == 200


def test_guessing_keys_gets_slow_and_right_keys_do_not(gate, portal):
    source = "127.77.77.77"
    times = []
    for i in range(24):  # each worker counts for itself
        before = time.monotonic()
        answer = request(gate.data, "POST", f"/rest/1/b24g_guess{i}/profile", b"", source=source)
        times.append(time.monotonic() - before)
        assert answer.status == 401, answer
    assert max(times) > 0.2, times
    before = time.monotonic()
    assert request(gate.data, "POST", f"/rest/1/{KEY}/profile", b"", source=source).status == 200
    assert time.monotonic() - before < 0.2 * PATIENCE
    assert len(portal.received) == 1
