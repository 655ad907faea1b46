"""Secrets are planted wherever one can stand; then everything that the gateway ever said is searched for them."""
import base64
import json
import os
import pathlib
import resource
import signal
import urllib.parse

import admin
from harness import KEY, SECRET, Gate, Raw, appearances, config_text, request, sha256, until
from portal import CLOSE, RESET, Answer, FakePortal, error, error_v3, html, result

LOG = '[log]\nlevel = "trace"\ncalls = true\nparams = true\n'
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

PLANTED = {
    "webhook secret": SECRET,
    "client key": KEY,
    "a wrong key": "b24g_wr0ng0key0that0someone0guessed",
    "access token": "plantedacce55token0000111122223333",
    "session": "plantedse55ion444455556666",
    "bearer": "plantedbearer7777888899990000",
    "cookie": "plantedcookie1231231231231231",
    "signature": "plantedsignature+/aGVsbG8gd29ybGQ",
    "phone": "+49 30 90909090909",
    "e-mail": "planted.person@private.example",
    "password": "plantedpa55word!/%3",  # a percent sign and a slash bring other encodings out
    "portal token": "plantedportal0token0abcabcabc",
}


def calls(gate: Gate, portal: FakePortal):
    """Every place a secret can stand in, through successes and failures of every kind. Yields the answers."""
    p = PLANTED
    quoted = {name: urllib.parse.quote(value, safe="") for name, value in p.items()}
    body = json.dumps({"fields": {"PHONE": [{"VALUE": p["phone"]}], "EMAIL": p["e-mail"], "PASSWORD": p["password"]},
                       "access_token": p["access token"], "sessid": p["session"]}).encode()
    form = (f"fields[PHONE][0][VALUE]={quoted['phone']}&fields[EMAIL]={quoted['e-mail']}&PASSWORD={quoted['password']}"
            f"&sessid={quoted['session']}&ap={quoted['access token']}").encode()
    query = f"?access_token={quoted['access token']}&sessid={quoted['session']}&PHONE={quoted['phone']}"
    headers = {"Cookie": f"PHPSESSID={p['cookie']}", "Authorization": f"Bearer {p['bearer']}",
               "Referer": f"https://x.example/rest/1/{KEY}/", "Proxy-Authorization": f"Basic {p['bearer']}",
               "X-Request-ID": KEY}
    hook = f"/rest/1/{KEY}/crm.contact.add"

    def echo(seen):
        return error(400, "ERROR_CORE", f"Broken at {seen.target} with {seen.body.decode('latin-1')[:300]}")

    replies = {
        "fine": lambda _: result({"ID": 1}),
        "echo": echo,
        "echo html": lambda seen: html(500, f"<html><body>{seen.target} {seen.head.decode('latin-1')}</body></html>"),
        "echo in v3": lambda seen: error_v3(400, "BITRIX_REST_V3_EXCEPTION_X", f"at {seen.target}"),
        "expired": lambda _: error(401, "expired_token", "The access token provided has expired"),
        "tokens": lambda _: error(400, "X", f"Wrong auth={p['portal token']} at /rest/1/{SECRET}/"),
        "reset": lambda _: RESET,
        "close": lambda _: CLOSE,
        "redirect": lambda seen: Answer(302, b"", [("Location", "https://elsewhere.example" + seen.target)]),
        "garbage": lambda seen: Answer(raw=b"HTTP/1.1 2x0 " + seen.target.encode() + b"\r\n\r\n", then="close"),
        "links": lambda _: result({"DOWNLOAD_URL": f"{portal.url}/rest/1/{SECRET}/download/?token=a%7Cb%7C{quoted['signature']}"}),
    }
    for reply in replies.values():
        portal.handler = reply
        yield request(gate.data, "POST", hook + query, body, {**JSON, **headers})
        yield request(gate.data, "POST", hook, form, FORM)
        yield request(gate.data, "GET", f"/rest/1/{KEY}/crm.contact.list{query}")
        yield request(gate.data, "POST", "/rest/crm.contact.list", json.dumps({"auth": KEY}).encode(), JSON)
        yield request(gate.data, "POST", "/rest/crm.contact.list", f"auth={KEY}".encode(), FORM)
        yield request(gate.data, "GET", f"/rest/crm.contact.list?auth={KEY}")
        yield request(gate.data, "POST", "/rest/api/crm.contact.list", b"{}", {**JSON, "Authorization": f"Bearer {KEY}"})
        yield request(gate.data, "POST", f"/rest/api/1/{KEY}/crm.contact.add", body, JSON)
        yield request(gate.data, "GET", f"/rest/1/{KEY}/download/?token=a%7Cb%7C{quoted['signature']}")
    portal.handler = replies["fine"]
    wrong = p["a wrong key"]
    yield request(gate.data, "POST", f"/rest/1/{wrong}/profile{query}", body, {**JSON, **headers})
    yield request(gate.data, "GET", f"/rest/profile?auth={wrong}")
    yield request(gate.data, "POST", f"/rest/1/{KEY}/../{KEY}", b"")
    yield request(gate.data, "POST", f"/restt/1/{KEY}/x", b"")
    yield request(gate.data, "POST", f"/rest/1/{KEY}/{KEY}", b"")
    yield request(gate.data, "POST", f"/rest/{KEY}/{wrong}/profile", b"")
    yield request(gate.data, "POST", hook, b'{"PASSWORD":"' + p["password"].encode(), JSON)
    yield request(gate.data, "POST", hook, base64.b64encode(body), JSON)
    yield request(gate.admin, "GET", f"/{KEY}?key={wrong}", headers={"Authorization": f"Bearer {p['bearer']}"})
    for path in ("/metrics", "/healthz", "/readyz"):
        yield request(gate.admin, "GET", path)
    yield request(gate.data, "GET", "/readyz")
    for data in (f"POST /rest/1/{KEY}/profile HTTP/1.1\r\nHost: {p['cookie']} x\r\n\r\n",
                 f"POST /rest/1/{KEY}/profile HTTP/1.1\nHost: x\n\n",
                 f"POST /rest/1/{KEY}/no such HTTP/1.1\r\nHost: x\r\n\r\n",
                 f"{KEY} /rest/1/{KEY}/profile HTTP/1.1\r\nHost: x\r\n\r\n",
                 f"POST /rest/1/{KEY}/profile HTTP/1.1\r\nHost: x\r\nCookie {p['cookie']}\r\n\r\n"):
        raw = Raw(gate.data)
        raw.send(data.encode())
        answer = raw.response()
        if answer:
            yield answer
        raw.close()


# Personal fields are masked by their names where a call's parameters are logged. In a sentence of the portal's that
# repeats them there are no names to know them by.
PERSONAL = ("phone", "e-mail")


ADMIN_PATHS = ("/metrics", "/healthz", "/readyz", "/api/v1", "/api/v1/overview", "/api/v1/portals", "/api/v1/clients",
               "/api/v1/errors", "/api/v1/operations", "/api/v1/operations/counts", "/api/v1/jobs", "/api/v1/audit")


def without_message(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line
    record.pop("message", None)
    return json.dumps(record)


def found(text: bytes, secret: str) -> bool:
    return any(form in text for form in appearances(secret))


def test_secrets_show_nowhere(start, portal):
    portal.clear()
    text = config_text(portal.url, extra=LOG)
    gate = start(text)
    answers = list(calls(gate, portal))
    shown = [admin.get(gate, path) for path in ADMIN_PATHS]
    gate.path.write_text(text + "\nbroken = [")
    gate.signal(signal.SIGHUP)
    gate.path.write_text(text.replace("env:ACME_WEBHOOK", SECRET))
    gate.signal(signal.SIGHUP)
    until(lambda: len(gate.log()) > len(answers) // 2, what="the log")
    gate.stop()
    said = gate.output.splitlines()
    for what, secret in PLANTED.items():
        lines = [without_message(line) for line in said] if what in PERSONAL else said
        assert not found("\n".join(lines).encode(), secret), (what, [x for x in lines if found(x.encode(), secret)][:3])
    for answer in answers:
        assert not found(answer.everything, SECRET), answer
    # What operators see, with all rights: a portal's sentence may name a person, as in the log.
    for path, answer in zip(ADMIN_PATHS, shown):
        assert answer.status == 200, (path, answer)
        for what, secret in PLANTED.items():
            assert what in PERSONAL or not found(answer.everything, secret), (path, what)
    assert not found(shown[0].everything, PLANTED["phone"]) and not found(shown[0].everything, PLANTED["e-mail"])
    # A client may see again what it sent itself: its own key in a rewritten link; nothing of it in a failure.
    for answer in answers:
        if answer.status >= 400:
            for what in ("client key", "a wrong key", "bearer", "cookie", "session", "access token"):
                if what == "client key" and answer.header("X-Request-Id") == KEY:
                    continue
                assert not found(answer.body, PLANTED[what]), (what, answer)


def test_the_memory_is_nobodys_to_read(start, portal, tmp_path):
    """No core dump, also where the system would write one, and no secret among the arguments."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        gate = start(config_text(portal.url))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    assert gate.call("profile", {}).status == 200
    assert resource.prlimit(gate.pid, resource.RLIMIT_CORE) == (0, 0)
    for name in ("cmdline", "comm", "status", "stat"):
        told = pathlib.Path(f"/proc/{gate.pid}/{name}").read_bytes()
        assert not found(told, SECRET) and not found(told, KEY), name
    # To everybody but root it is as if the process were another user's.
    assert os.stat(f"/proc/{gate.pid}/environ").st_uid == 0
    gate.signal(signal.SIGABRT)
    ended = os.waitid(os.P_PID, gate.pid, os.WEXITED | os.WNOWAIT)
    assert ended.si_code == os.CLD_KILLED, "CLD_DUMPED: a core was written"
    gate.stopped = True


def test_keys_are_compared_by_their_digest_only(gate):
    """The digest in the config is no key."""
    assert gate.call("profile", {}, key=sha256(KEY)).status == 401
