"""Every URL form of Bitrix24, with the key in every place it can stand."""
import json

import pytest

from harness import KEY, OTHER_SECRET, SECRET, request

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EMPTY = b""

V2 = f"/rest/1/{SECRET}/crm.deal.list"
V3 = f"/rest/api/1/{SECRET}/tasks.task.list"

WEBHOOK = [
    # verb, path, what the portal sees
    ("POST", f"/rest/1/{KEY}/crm.deal.list", V2),
    ("GET", f"/rest/1/{KEY}/crm.deal.list", V2),
    ("POST", f"/rest/1/{KEY}/crm.deal.list/", V2),
    ("POST", f"/rest/1/{KEY}/crm.deal.list.json", V2),
    ("POST", f"/rest/1/{KEY}/crm.deal.list.json/", V2),
    ("POST", f"/rest//1/{KEY}/crm.deal.list", V2),
    ("POST", f"//rest/1/{KEY}//crm.deal.list", V2),
    ("POST", f"/rest/1/{KEY}//crm.deal.list/", V2),
    ("POST", f"/rest/999/{KEY}/crm.deal.list", V2),
    ("POST", f"/portals/acme/rest/1/{KEY}/crm.deal.list", V2),
    ("POST", f"/portals/acme//rest/1/{KEY}/crm.deal.list", V2),
    ("POST", f"/rest/api/1/{KEY}/tasks.task.list", V3),
    ("POST", f"/rest/api/1/{KEY}/tasks.task.list/", V3),
    ("POST", f"/rest//api/1/{KEY}/tasks.task.list", V3),
    ("POST", f"/portals/acme/rest/api/1/{KEY}/tasks.task.list", V3),
    ("POST", f"/rest/1/{KEY}/CRM.Deal.List", f"/rest/1/{SECRET}/CRM.Deal.List"),
    ("POST", f"/rest/1/{KEY}/tasks.flow.Flow.get", f"/rest/1/{SECRET}/tasks.flow.Flow.get"),
    ("GET", f"/rest/1/{KEY}/profile", f"/rest/1/{SECRET}/profile"),
]


def without_suffix(path: str) -> str:
    path = path.rstrip("/")
    return path[: -len(".json")] if path.endswith(".json") else path


@pytest.mark.parametrize("verb,path,seen", WEBHOOK)
def test_webhook_form(gate, portal, verb, path, seen):
    answer = request(gate.data, verb, path)
    assert answer.status == 200, answer
    assert answer.json["result"] is True
    assert without_suffix(portal.last.path) == seen
    assert len(portal.received) == 1


APPLICATION = [
    # verb, path, headers, body, what the portal sees
    ("GET", f"/rest/crm.deal.list?auth={KEY}", {}, None, V2),
    ("POST", f"/rest/crm.deal.list?auth={KEY}", {}, EMPTY, V2),
    ("POST", f"/rest/crm.deal.list.json?auth={KEY}", {}, EMPTY, V2),
    ("POST", f"/rest//crm.deal.list/?auth={KEY}", {}, EMPTY, V2),
    ("GET", f"/rest/crm.deal.list?access_token={KEY}", {}, None, V2),
    ("POST", "/rest/crm.deal.list", FORM, f"auth={KEY}".encode(), V2),
    ("POST", "/rest/crm.deal.list", FORM, f"start=0&auth={KEY}&order[ID]=ASC".encode(), V2),
    ("POST", "/rest/crm.deal.list", JSON, json.dumps({"auth": KEY}).encode(), V2),
    ("POST", "/rest/crm.deal.list", JSON, json.dumps({"filter": {">ID": 5}, "auth": KEY, "start": -1}).encode(), V2),
    ("POST", "/rest/crm.deal.list", {"Authorization": f"Bearer {KEY}"}, EMPTY, V2),
    ("POST", "/rest/crm.deal.list", {"Authorization": f"bearer {KEY}", **JSON}, b"{}", V2),
    ("GET", "/rest/crm.deal.list", {"Authorization": f"Bearer {KEY}"}, None, V2),
    ("POST", "/rest/api/tasks.task.list", {"Authorization": f"Bearer {KEY}", **JSON}, b"{}", V3),
    ("POST", "/rest/api/tasks.task.list", JSON, json.dumps({"auth": KEY}).encode(), V3),
    ("POST", f"/rest//api/tasks.task.list?auth={KEY}", JSON, b"{}", V3),
    ("POST", "/portals/acme/rest/crm.deal.list", JSON, json.dumps({"auth": KEY}).encode(), V2),
]


@pytest.mark.parametrize("verb,path,headers,body,seen", APPLICATION)
def test_application_form(gate, portal, verb, path, headers, body, seen):
    answer = request(gate.data, verb, path, body, headers)
    assert answer.status == 200, answer
    assert without_suffix(portal.last.path) == seen
    assert KEY.encode() not in portal.last.bytes


def test_multipart_with_the_key_in_a_part(gate, portal):
    body = (f'--b0undary\r\nContent-Disposition: form-data; name="auth"\r\n\r\n{KEY}\r\n'
            '--b0undary\r\nContent-Disposition: form-data; name="fields[TITLE]"\r\n\r\nA deal\r\n--b0undary--\r\n')
    answer = request(gate.data, "POST", "/rest/crm.deal.add", body.encode(),
                     {"Content-Type": "multipart/form-data; boundary=b0undary"})
    assert answer.status == 200, answer
    assert portal.last.path == f"/rest/1/{SECRET}/crm.deal.add"
    assert KEY.encode() not in portal.last.bytes
    assert b'name="fields[TITLE]"\r\n\r\nA deal\r\n' in portal.last.body


def test_a_host_chooses_the_portal(gate, portal, beta):
    path = f"/rest/1/{KEY}/profile"
    for host in ("acme.b24.internal", "ACME.b24.internal", "acme.b24.internal:8443", "acme.b24.internal."):
        assert request(gate.data, "POST", path, b"", {"Host": host}).status == 200, host
    assert len(portal.received) == 4
    assert portal.last.header("Host") == portal.url.split("//")[1]
    # A host that no portal lists chooses none: the client's only portal answers.
    assert request(gate.data, "POST", path, b"", {"Host": "elsewhere.example"}).status == 200
    assert len(portal.received) == 5 and not beta.received


def test_the_prefix_goes_before_the_host(gate, portal, beta):
    answer = request(gate.data, "POST", f"/portals/acme/rest/1/{KEY}/profile", b"", {"Host": "beta.b24.internal"})
    assert answer.status == 200, answer
    assert portal.last.path == f"/rest/1/{SECRET}/profile" and not beta.received


def test_each_portal_gets_its_own_credential(gate, portal, beta):
    from harness import OTHER_KEY
    assert gate.call("profile", {}, key=OTHER_KEY).status == 200
    assert beta.last.path == f"/rest/7/{OTHER_SECRET}/profile" and not portal.received


def test_tracing_parameters_pass(gate, portal):
    query = "bx24_request_id=7b2b6bd0-3e1c-4c09-9a31-3a6e1f0e0b52&bx24_sdk_ver=2.2.0&bx24_sdk_type=b24-js-sdk"
    assert gate.call("crm.deal.list", {}, path=f"/rest/1/{KEY}/crm.deal.list?{query}").status == 200
    assert portal.last.query == query


def test_get_with_a_body_is_sent_on_as_post(gate, portal):
    answer = request(gate.data, "GET", f"/rest/1/{KEY}/crm.deal.get", b'{"id":5}', JSON)
    assert answer.status == 200, answer
    assert (portal.last.method, portal.last.body) == ("POST", b'{"id":5}')


def test_post_without_a_body(gate, portal):
    from harness import Raw
    raw = Raw(gate.data)
    raw.send(f"POST /rest/1/{KEY}/profile HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert raw.response().status == 200
    assert portal.last.body == b""


def test_head(gate, portal):
    answer = request(gate.data, "HEAD", f"/rest/1/{KEY}/profile")
    assert answer.status == 200 and answer.body == b""


NOT_A_CALL = ["/", "/rest", "/rest/", "/restx/1/a/b", "/favicon.ico", "/portals/acme/", "/api/v1/portals", "/metrics",
              f"/rest/1/{KEY}/", f"/rest/1/{KEY}/a/b/c"]


@pytest.mark.parametrize("path", NOT_A_CALL)
def test_what_is_no_call_is_not_found(gate, portal, path):
    answer = request(gate.data, "GET", path)
    assert answer.status in (400, 401, 404), answer
    assert answer.code.startswith("GATEWAY_")
    assert not portal.received


def test_default_portal(start, portal, beta):
    from harness import config_text
    from fixtures import BETA
    portal.clear()
    beta.clear()
    both = config_text(portal.url, portals=BETA.format(port=beta.port)).replace('portals = ["acme"]',
                                                                               'portals = ["acme", "beta"]')
    gate = start(both)
    answer = gate.call("profile", {})
    assert answer.status in (400, 403, 404), answer  # two portals and no word which
    assert not portal.received and not beta.received
    assert gate.call("profile", {}, path=f"/portals/beta/rest/1/{KEY}/profile").status == 200
    assert len(beta.received) == 1
    gate = start(both.replace('portals = ["acme", "beta"]', 'portals = ["acme", "beta"]\ndefault_portal = "beta"'))
    assert gate.call("profile", {}).status == 200
    assert len(beta.received) == 2 and not portal.received
