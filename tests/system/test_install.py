"""How tokens come in over HTTP: the browser's way, the portal's events, the page inside of the portal; and how nobody
else's do."""
import json
import re
import sqlite3
import urllib.parse
from typing import Dict, Optional

import pytest

from harness import SECRET, Gate, Raw, Response, Sim, appearances, request, until
from oauth import CLIENT_ID, CLIENT_SECRET, ENVIRONMENT, Cloud, import_pair, listed, oauth_config, row_of, tokens

ADMIN = {"Authorization": "Bearer admin-key-of-the-system-tests"}
FORM = "application/x-www-form-urlencoded"
TOKEN, OTHER_TOKEN = "applicationtoken00001111222233334444", "applicationtoken55556666777788889999"
MADE_UP = "madeupaccesstoken0123456789abcdef0123456789"

# A portal of somebody else's, in the same configuration, and one that has no application.
BETA = """
[portals.beta]
url = "{url}/beta"
plan = "none"
[portals.beta.credentials.main]
type = "oauth"
client_id = "local.b24sim"
client_secret = "env:CLIENT_SECRET"
token_url = "{url}/oauth/token/"
[portals.hook]
url = "{url}/hook"
plan = "none"
[portals.hook.credentials.main]
type = "webhook"
user = 1
secret = "env:ACME_WEBHOOK"
"""


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    sim.portal("beta", plan="none", member_id="b" * 32)
    yield sim
    sim.stop()


def config_of(sim: Sim, **parts) -> str:
    """acme is b24sim's default portal, at the root: a page in a frame is told the host alone."""
    return oauth_config(sim, **parts).replace(f'"{sim.url}/acme"', f'"{sim.url}"')


@pytest.fixture
def cloud(sim):
    sim.reset()
    sim.control("POST", "/oauth", {"access_life_s": 3600, "code_life_s": 30})
    sim.portal("acme", plan="none", webhooks=[{"user": 1, "secret": SECRET}], revoke_tokens=True, public_url="",
               renamed_to="", member_id="a" * 32)
    yield Cloud(sim)
    sim.reset()


@pytest.fixture
def gate(start, sim, cloud):
    gate = start(config_of(sim, portals=BETA.format(url=sim.url)), environment=ENVIRONMENT)
    home(sim, gate)
    return gate


def home(sim: Sim, gate: Gate) -> None:
    """The application's card at the portal: where browsers are sent back to."""
    address = f"http://127.0.0.1:{gate.data[1]}/oauth/callback"
    sim.control("POST", "/oauth", {"apps": {CLIENT_ID: {"redirect_uri": address}}})


class Browser:
    """Somebody's browser: keeps the gateway's cookie, and shows what it was sent."""

    def __init__(self, gate: Gate, language: str = "en"):
        self.gate, self.language, self.cookie, self.seen = gate, language, "", []

    def get(self, path: str, cookie: bool = True) -> Response:
        headers = {"Accept-Language": self.language}
        if cookie and self.cookie:
            headers["Cookie"] = f"other=1; b24gate_install={self.cookie}"
        answer = request(self.gate.data, "GET", path, headers=headers)
        for line in answer.all("Set-Cookie"):
            self.cookie = re.match(r"b24gate_install=([^;]*)", line)[1]
        self.seen.append(answer)
        return answer

    def begin(self, query: str = "portal=acme") -> str:
        """Up to the portal's page; the address there."""
        answer = self.get(f"/oauth/install?{query}")
        assert answer.status == 302, answer
        return answer.header("Location")

    def authorize(self, location: str) -> str:
        """A person agrees at the portal; the path at the gateway that the browser is sent to."""
        place = urllib.parse.urlsplit(location)
        answer = request((place.hostname, place.port), "GET", f"{place.path}?{place.query}")
        assert answer.status == 302, answer
        back = urllib.parse.urlsplit(answer.header("Location"))
        return f"{back.path}?{back.query}"

    def run(self, query: str = "portal=acme") -> Response:
        return self.get(self.authorize(self.begin(query)))

    def callback(self, code: str, state: Optional[str] = None, **more: str) -> Response:
        return self.get("/oauth/callback?" + urllib.parse.urlencode(
            {"code": code, "state": self.cookie if state is None else state, **more}))


def code_of(sim: Sim, portal: str = "acme", user: int = 1) -> str:
    return sim.control("POST", f"/portals/{portal}/codes", {"client_id": CLIENT_ID, "user": user})["code"]


def post(gate: Gate, path: str, fields: Dict[str, str], language: str = "en") -> Response:
    return request(gate.data, "POST", path, urllib.parse.urlencode(fields).encode(),
                   {"Content-Type": FORM, "Accept-Language": language})


def event_of(sim: Sim, pair: Optional[dict] = None, kind: str = "ONAPPINSTALL", token: str = TOKEN,
             member_id: str = "a" * 32, **more: str) -> Dict[str, str]:
    auth = {"domain": sim.url[7:], "client_endpoint": f"{sim.url}/rest/", "server_endpoint": f"{sim.url}/rest/",
            "member_id": member_id, "application_token": token, "status": "L"}
    if pair:
        auth.update(access_token=pair["access_token"], refresh_token=pair["refresh_token"], expires_in="3600",
                    scope="crm")
    auth.update(more)
    return {"event": kind, "data[VERSION]": "1", "ts": "1790000011", **{f"auth[{k}]": v for k, v in auth.items()}}


def happens(gate: Gate, event: Dict[str, str], path: str = "/oauth/handler") -> int:
    return post(gate, path, event).status


def frame(gate: Gate, sim: Sim, pair: dict, token: str = TOKEN, path: str = "/oauth/install", **more) -> Response:
    query = urllib.parse.urlencode({"DOMAIN": sim.url[7:], "PROTOCOL": "0", "LANG": "en", "portal": "acme"})
    fields = {"AUTH_ID": pair["access_token"], "REFRESH_ID": pair["refresh_token"], "AUTH_EXPIRES": "3600",
              "member_id": "a" * 32, "status": "L", "PLACEMENT": "DEFAULT", "APPLICATION_TOKEN": token}
    return post(gate, f"{path}?{query}", {**fields, **more})


def works(gate: Gate) -> bool:
    return gate.call("server.time", {}).status == 200


def install(gate: Gate, sim: Sim, cloud: Cloud, **more) -> dict:
    pair = cloud.issue()
    assert happens(gate, event_of(sim, pair, **more)) == 200
    until(lambda: works(gate), 5, "the installed token")
    return pair


def logged(gate: Gate, **wanted) -> dict:
    until(lambda: gate.log(**wanted), 5, f"a line in the log: {wanted}")
    return gate.log(**wanted)[0]


def refused(gate: Gate, reason: str, count: int = 1) -> None:
    until(lambda: len(gate.log(event="install_refused", reason=reason)) == count, 5, f"{count} refused for {reason}")


# --- the browser's way ---------------------------------------------------------------------------------------------


def test_a_person_authorizes_in_the_browser(gate, sim, cloud):
    assert gate.call("profile", {}).code == "GATEWAY_REAUTH_REQUIRED"
    browser = Browser(gate)
    location = browser.begin()
    assert location.startswith(f"{sim.url}/oauth/authorize/?client_id={CLIENT_ID}&state=")
    assert location.endswith(f"state={browser.cookie}") and len(browser.cookie) == 64
    begun = browser.seen[0]
    assert begun.header("X-Request-Id")
    assert begun.header("Referrer-Policy") == "no-referrer" and begun.header("Cache-Control") == "no-store"
    assert begun.header("Set-Cookie").endswith("; Path=/oauth/; HttpOnly; SameSite=Lax"), begun
    page = browser.get(browser.authorize(location))
    assert page.status == 200 and browser.cookie == "", page
    text = page.body.decode()
    assert "Portal: acme" in text and "User: 1" in text and "renewed by itself" in text
    assert re.search(r"ends: 20\d\d-\d\d-\d\dT", text)
    assert "<script" not in text and page.header("Content-Security-Policy").startswith("default-src 'none'")
    assert gate.call("profile", {}).json["result"]["ID"] == "1"
    assert listed(gate)["member_id"] == "a" * 32
    assert gate.metric("b24gate_install_events_total", kind="callback", result="stored") == 1
    # The page of the flow stands in the log as an event, without what stood behind the '?'.
    assert not gate.log(event="call", path="/oauth/callback")
    assert logged(gate, event="install", kind="callback", result="stored")["user_id"] == 1
    cloud.see()
    said = gate.output + "\n".join(answer.everything.decode() for answer in browser.seen[1:])
    code = re.search(r"code=([0-9a-f]+)", browser.authorize(location))[1]
    assert not any(form.decode() in said for token in [*cloud.issued, CLIENT_SECRET, code] for form in appearances(token))


def test_in_russian_and_over_again(gate, sim, cloud):
    page = Browser(gate, "ru-RU,ru;q=0.9,en;q=0.8").run("portal=acme&credential=main")
    assert page.status == 200 and "Портал: acme" in page.body.decode(), page
    assert Browser(gate).run().status == 200  # the same user once more
    assert listed(gate)["state"] == "active" and works(gate)


def test_nobody_ends_what_another_browser_began(gate, sim):
    person = Browser(gate)
    way_back = person.authorize(person.begin())
    stranger = Browser(gate)
    assert stranger.get(way_back).status == 403
    stranger.begin()
    assert stranger.get(way_back).status == 403  # with a cookie, of a flow of his own
    assert not works(gate)
    assert person.get(way_back).status == 200  # which has cost the person nothing
    person.cookie = urllib.parse.parse_qs(way_back)["state"][0]
    assert person.get(way_back).status == 403  # a state is good once
    for state in ("", "0" * 64, "x" * 64, "0" * 4000):
        person.cookie = state
        assert person.callback("c" * 32, state).status == 403
    refused(gate, "state", 7)
    assert works(gate)


def test_codes_that_are_no_good(gate, sim, cloud):
    browser = Browser(gate)
    browser.begin()
    late = code_of(sim)
    sim.control("POST", "/clock", {"advance_s": 31})
    answer = browser.callback(late)
    assert answer.status == 403 and "30 seconds" in answer.body.decode(), answer
    browser.begin()
    assert browser.callback("0123456789abcdef" * 2).status == 403
    browser.begin()
    assert browser.get(f"/oauth/callback?state={browser.cookie}&error=access_denied").status == 403
    refused(gate, "code", 2)
    refused(gate, "no_code")
    assert listed(gate)["state"] == "no_tokens"
    cloud.fault(effect="html", status=502)
    browser.begin()
    assert browser.callback(code_of(sim)).status == 502  # the server's trouble is nobody's refusal
    cloud.heal()
    assert gate.metric("b24gate_install_events_total", kind="callback", result="failed") == 1


def test_the_tokens_of_another_portal_do_not_come_under_this_ones_name(gate, sim, cloud):
    """Whoever has a portal of his own, and the application in it, gets codes for that one."""
    browser = Browser(gate)
    browser.begin("portal=acme")
    answer = browser.callback(code_of(sim, "beta"), domain="acme.example", member_id="a" * 32)
    assert answer.status == 403 and "another portal" in answer.body.decode(), answer
    refused(gate, "other_portal")
    assert listed(gate)["state"] == "no_tokens"
    Browser(gate).run("portal=acme")
    browser.begin("portal=acme")
    assert browser.callback(code_of(sim, "beta")).status == 403
    assert gate.call("profile", {}).json["result"]["ID"] == "1" and listed(gate)["member_id"] == "a" * 32


def test_a_portal_is_known_by_its_member_id_wherever_it_is(gate, sim, cloud):
    assert Browser(gate).run().status == 200
    sim.portal("acme", public_url="https://new-name.bitrix24.com")  # where the gateway may not follow
    assert Browser(gate).run().status == 200
    assert works(gate)


def test_a_colleague_does_not_take_the_place_of_the_one_who_is_there(gate, sim, cloud):
    assert Browser(gate).run().status == 200
    browser = Browser(gate)
    browser.begin()
    answer = browser.callback(code_of(sim, user=2))
    assert answer.status == 403 and "another user" in answer.body.decode(), answer
    assert gate.call("profile", {}).json["result"]["ID"] == "1"
    cloud.revoke()
    assert gate.call("profile", {}).code == "GATEWAY_REAUTH_REQUIRED"
    browser.begin()
    assert browser.callback(code_of(sim, user=2)).status == 200  # now there is nobody to replace
    assert gate.call("profile", {}).json["result"]["ID"] == "2"
    assert Browser(gate).run().status == 200  # an administrator may
    assert gate.call("profile", {}).json["result"]["ID"] == "1"


def test_what_is_not_there_looks_like_what_may_not_be_seen(gate):
    browser = Browser(gate)
    answers = [browser.get(f"/oauth/install?{query}")
               for query in ("portal=nobody", "portal=hook", "", "portal=acme&credential=spare", "portal[]=acme",
                             "portal=%00")]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1
    assert not any(answer.header("Set-Cookie") for answer in answers)


def test_methods_and_sizes(gate, sim):
    for verb, path, allow in (("HEAD", "/oauth/install", "GET, POST"), ("POST", "/oauth/callback", "GET"),
                              ("HEAD", "/oauth/callback", "GET"), ("GET", "/oauth/handler", "POST"),
                              ("HEAD", "/oauth/handler", "POST")):
        answer = request(gate.data, verb, path)
        assert answer.status == 405 and answer.header("Allow") == allow, (verb, path, answer)
    for path in ("/oauth/handler", "/oauth/install"):
        raw = Raw(gate.data)
        raw.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 65537\r\n\r\n".encode())
        assert raw.response().status == 413  # before a byte of the body
        raw.close()
        raw = Raw(gate.data)
        raw.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        assert raw.response().status == 411
        raw.close()
        assert post(gate, path, {"event": "X", "x": "y" * 60_000}).status == 200
        for body, kind in ((b"", FORM), (b"{}", "application/json"), (b"a=b", FORM),
                           (b"event=ONAPPINSTALL", FORM), (b"\xff\xfe%zz=%00&[[[=]]]", FORM)):
            assert request(gate.data, "POST", path, body, {"Content-Type": kind}).status == 400
    assert not works(gate)


def test_secure_cookies_where_the_gateway_is_reached_over_tls(start, sim, cloud):
    gate = start(config_of(sim, server='public_url = "https://gate.example"'), environment=ENVIRONMENT)
    browser = Browser(gate)
    browser.begin()
    assert browser.seen[0].header("Set-Cookie").endswith("; SameSite=Lax; Secure")


# --- the portal's events ---------------------------------------------------------------------------------------------


def test_an_installation_from_its_beginning_to_the_next_one(gate, sim, cloud):
    install(gate, sim, cloud)
    row = listed(gate)
    assert row["member_id"] == "a" * 32 and row["state"] == "active"
    assert logged(gate, event="install", kind="install", result="stored")["user_id"] == 1

    forged = event_of(sim, cloud.issue(), token=OTHER_TOKEN)
    assert happens(gate, forged) == 403
    for token in (OTHER_TOKEN, ""):
        assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL", token=token)) == 403
    refused(gate, "wrong_application_token", 3)
    assert works(gate)

    updated = cloud.issue()
    assert happens(gate, event_of(sim, updated, kind="ONAPPUPDATE")) == 200
    logged(gate, event="install", kind="update", result="stored")
    assert works(gate)

    for _ in range(2):  # once more changes nothing
        assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL")) == 200
    answer = gate.call("profile", {})
    assert answer.code == "GATEWAY_REAUTH_REQUIRED" and "uninstalled" in answer.json["error_description"], answer
    row = listed(gate)
    assert row["state"] == "needs_reauth" and row["reason"] == "uninstalled"
    assert gate.metric("b24gate_install_events_total", kind="uninstall", result="marked") == 2

    install(gate, sim, cloud, token=OTHER_TOKEN)
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL", token=TOKEN)) == 403  # of the former installation
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL", token=OTHER_TOKEN)) == 200
    assert gate.call("profile", {}).code == "GATEWAY_REAUTH_REQUIRED"
    cloud.see()
    assert not any(form.decode() in gate.output for token in [*cloud.issued, TOKEN, OTHER_TOKEN]
                   for form in appearances(token))


def test_made_up_tokens_are_not_stored(gate, sim, cloud):
    pair = {"access_token": MADE_UP, "refresh_token": MADE_UP[::-1]}
    assert happens(gate, event_of(sim, pair)) == 200  # nobody knows yet
    refused(gate, "token_refused")
    beta = Cloud(sim, "beta").issue()
    assert happens(gate, event_of(sim, beta)) == 200  # good, but at another portal
    refused(gate, "token_refused", 2)
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL")) == 403
    refused(gate, "no_application_token")
    assert listed(gate)["state"] == "no_tokens"
    cloud.see()
    assert not any(form.decode() in gate.output for token in [*cloud.issued, MADE_UP] for form in appearances(token))


def test_a_portal_that_cannot_be_asked_says_nothing(gate, sim, cloud):
    pair = cloud.issue()
    sim.faults({"portal": "acme", "method": "profile", "effect": "html", "status": 500, "probability": 1})
    assert happens(gate, event_of(sim, pair)) == 200
    logged(gate, event="install_failed", reason="portal_unavailable")
    cloud.heal()
    assert not works(gate)
    assert gate.metric("b24gate_install_events_total", kind="install", result="failed") == 1


def test_whose_events_are_whose(gate, sim, cloud):
    pair = cloud.issue()
    elsewhere = {"client_endpoint": "https://evil.example/rest/", "domain": "evil.example"}
    assert happens(gate, event_of(sim, pair, **elsewhere)) == 403
    refused(gate, "unknown_portal")
    install(gate, sim, cloud)
    # The portal is known by now: by its id from anywhere, and by its address under no other id.
    assert happens(gate, event_of(sim, cloud.issue(), **elsewhere)) == 200
    until(lambda: len(gate.log(event="install", kind="install", result="stored")) == 2, 5, "the second")
    assert happens(gate, event_of(sim, cloud.issue(), member_id="c" * 32)) == 403
    refused(gate, "other_portal")
    assert happens(gate, event_of(sim, cloud.issue()), "/oauth/handler?credential=spare") == 403
    refused(gate, "unknown_credential")
    # An address of an event's own invention is not where calls go, nor what is kept.
    assert row_of(gate.path.parent)["client_endpoint"] == f"{sim.url}/rest/"
    assert works(gate) and not gate.log(event="portal_renamed")


def test_a_colleagues_event_does_not_change_whom_calls_act_for(gate, sim, cloud):
    """Everybody in the portal sees the application token in his browser, and has tokens of his own."""
    assert happens(gate, event_of(sim, cloud.issue(user=2))) == 200
    refused(gate, "other_user")
    install(gate, sim, cloud)
    assert happens(gate, event_of(sim, cloud.issue(user=2))) == 200
    refused(gate, "other_user", 2)
    assert gate.call("profile", {}).json["result"]["ID"] == "1"


def test_an_authorization_in_the_browser_keeps_what_proves_events(gate, sim, cloud):
    install(gate, sim, cloud)
    assert Browser(gate).run().status == 200
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL", token=OTHER_TOKEN)) == 403
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL")) == 200
    assert not works(gate)
    # It is another installation now, and its token is not known yet.
    assert Browser(gate).run().status == 200 and works(gate)
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL")) == 403
    refused(gate, "no_application_token")
    install(gate, sim, cloud, token=OTHER_TOKEN)
    until(lambda: happens(gate, event_of(sim, kind="ONAPPUNINSTALL", token=OTHER_TOKEN)) == 200, 5, "the new token")
    assert not works(gate)


def test_other_events_are_nobodys_business(gate, sim, cloud):
    assert happens(gate, event_of(sim, cloud.issue(), kind="ONCRMDEALADD")) == 200
    assert gate.metric("b24gate_install_events_total", kind="other", result="ignored") == 1
    assert not works(gate)


def test_forged_events_do_not_spend_the_portals_budget(gate, sim, cloud):
    pair = {"access_token": MADE_UP, "refresh_token": MADE_UP}
    statuses = [happens(gate, event_of(sim, pair)) for _ in range(40)]
    assert statuses.count(200) <= 30 and set(statuses) == {200, 503}, statuses
    until(lambda: len(gate.log(event="install_refused", reason="token_refused")) == statuses.count(200), 5, "the answers")
    assert sim.stats("acme")["hits"] <= 30
    assert Browser(gate).run().status == 200  # they keep nobody else out


# --- the page inside of the portal -----------------------------------------------------------------------------------


def test_the_page_of_a_local_application(gate, sim, cloud):
    pair = cloud.issue()
    page = frame(gate, sim, pair)
    assert page.status == 200, page
    text, policy = page.body.decode(), page.header("Content-Security-Policy")
    nonce = re.search(r"script-src https://api.bitrix24.com 'nonce-([0-9a-f]{32})'", policy)[1]
    assert '<script src="https://api.bitrix24.com/api/v1/"></script>' in text
    assert f'<script nonce="{nonce}">BX24.init(function(){{BX24.installFinish();}});</script>' in text
    assert text.count("<script") == 2
    assert f"frame-ancestors {sim.url};" in policy and "default-src 'none'" in policy
    assert page.header("X-Frame-Options") is None
    assert works(gate)
    # Whoever opens it afterwards sees the same, and stays who he is.
    assert frame(gate, sim, cloud.issue(user=2)).status == 200
    assert frame(gate, sim, cloud.issue(), path="/oauth/handler").status == 200
    assert gate.metric("b24gate_install_events_total", kind="frame", result="stored") == 1
    assert gate.metric("b24gate_install_events_total", kind="frame", result="kept") == 2
    assert gate.call("profile", {}).json["result"]["ID"] == "1"
    assert happens(gate, event_of(sim, kind="ONAPPUNINSTALL")) == 200  # its token is the events' too


def test_the_page_says_when_nothing_was_stored(gate, sim, cloud):
    page = frame(gate, sim, {"access_token": MADE_UP, "refresh_token": MADE_UP})
    assert page.status == 403 and "does not accept the token" in page.body.decode(), page
    assert "<script" not in page.body.decode() and f"frame-ancestors {sim.url}" in page.header("Content-Security-Policy")
    assert frame(gate, sim, cloud.issue(user=2)).status == 403
    assert frame(gate, sim, cloud.issue(), member_id="", path="/oauth/install").status == 400
    install(gate, sim, cloud)
    page = frame(gate, sim, cloud.issue(), token=OTHER_TOKEN)
    assert page.status == 403 and "another application token" in page.body.decode(), page
    assert works(gate)


# --- where a portal is, and who it is --------------------------------------------------------------------------------


def portals(gate: Gate) -> dict:
    answer = request(gate.admin, "GET", "/api/v1/portals", headers=ADMIN)
    return {portal["name"]: portal for portal in answer.json["portals"]}


def test_the_admin_port_shows_the_tokens(gate, sim, cloud):
    before = portals(gate)["acme"]
    assert before["member_id"] is None
    assert before["credentials"] == [{"name": "main", "type": "oauth", "state": "no_tokens", "reason": "no_tokens"}]
    install(gate, sim, cloud)
    after = portals(gate)
    assert after["acme"]["member_id"] == "a" * 32
    (main,) = after["acme"]["credentials"]
    assert main["state"] == "active" and 3500 < main["expires_in_s"] <= 3600
    assert main["refresh_token_age_days"] == 0 and main["refresh_token_days_left"] in (179, 180)
    assert after["hook"]["credentials"] == [{"name": "main", "type": "webhook", "state": "active"}]
    happens(gate, event_of(sim, kind="ONAPPUNINSTALL"))
    (main,) = portals(gate)["acme"]["credentials"]
    assert main["state"] == "needs_reauth" and main["reason"] == "uninstalled"


def place_of(folder) -> dict:
    connection = sqlite3.connect(f"file:{folder}/var/b24gate.db?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM portals WHERE portal = 'acme'").fetchone()
        return dict(row) if row else {}
    finally:
        connection.close()


def test_a_renamed_portal_is_called_at_its_new_place_also_after_a_restart(start, sim, cloud, tmp_path):
    new_place = Sim()
    try:
        pair = {"access_token": "accesstokenofthemovedportal00112233", "refresh_token": "refreshtokenofthemoved0011223344"}
        cloud.issue(**pair)
        new_place.portal("acme", plan="none", member_id="a" * 32, tokens=[{"client_id": CLIENT_ID, "user": 1, **pair}])
        moved = f"http://127.0.0.1:{new_place.http[1]}"
        store = f"sqlite:{tmp_path}/kept.db"
        text = config_of(sim, store=store, portal='redirect_hosts = ["127.0.0.1"]').replace(
            'plan = "none"', 'plan = "standard"', 1)
        gate = start(text, environment=ENVIRONMENT)
        import_pair(gate, {**pair, "member_id": "a" * 32})
        until(lambda: works(gate), 5, "the imported token")
        sim.portal("acme", renamed_to=moved)
        for _ in range(20):
            assert works(gate)
        assert portals(gate)["acme"]["url"] == moved
        logged(gate, event="portal_renamed")
        level = portals(gate)["acme"]["budget"]["level"]
        gate.stop()
        hits = sim.stats("acme")["hits"]
        again = start(text, environment=ENVIRONMENT)
        assert portals(again)["acme"]["url"] == moved
        assert portals(again)["acme"]["budget"]["level"] > level / 2 > 2
        assert again.call("profile", {}).json["result"]["ID"] == "1"
        assert sim.stats("acme")["hits"] == hits  # nobody asked at the old place
        again.stop()
        # Another address in the configuration is the operator's word, and newer than what was learnt.
        third = start(text.replace(f'"{sim.url}"', f'"{sim.url}/acme"', 1), environment=ENVIRONMENT)
        assert portals(third)["acme"]["url"] == sim.url
    finally:
        new_place.stop()


def test_a_refresh_that_names_another_address_moves_the_portal(start, sim, cloud):
    gate = start(config_of(sim, portal='redirect_hosts = ["127.0.0.1"]'), environment=ENVIRONMENT)
    home(sim, gate)
    assert Browser(gate).run().status == 200
    assert portals(gate)["acme"]["url"] == sim.url
    sim.portal("acme", public_url=f"http://127.0.0.1:{sim.http[1]}")
    cloud.expire()
    assert works(gate)  # the refresh that this takes tells the new address
    until(lambda: portals(gate)["acme"]["url"] == f"http://127.0.0.1:{sim.http[1]}", 5, "the move")
    assert works(gate)
    folder = gate.path.parent
    until(lambda: place_of(folder).get("url") == f"http://127.0.0.1:{sim.http[1]}", 5, "the record")
    assert place_of(folder)["member_id"] == "a" * 32
    sim.portal("acme", public_url="http://elsewhere.example")
    cloud.expire()
    assert works(gate)  # where credentials may not go they do not go
    logged(gate, event="client_endpoint_refused")
    assert portals(gate)["acme"]["url"] == f"http://127.0.0.1:{sim.http[1]}"


def test_two_credentials_of_one_portal_are_of_one_portal(start, sim, cloud):
    spare = '[portals.acme.credentials.spare]\ntype = "oauth"\nclient_id = "local.b24sim"\n' \
            f'client_secret = "env:CLIENT_SECRET"\ntoken_url = "{sim.url}/oauth/token/"\n'
    gate = start(config_of(sim, extra=spare), environment=ENVIRONMENT)
    home(sim, gate)
    assert Browser(gate).get("/oauth/install?portal=acme").status == 404  # which of the two?
    assert Browser(gate).run("portal=acme&credential=main").status == 200
    pair = cloud.issue()
    answer = {**{k: pair[k] for k in ("access_token", "refresh_token")}, "expires_in": 3600, "portal": "acme",
              "credential": "spare", "member_id": "f" * 32}
    assert tokens(gate, "import", text=json.dumps(answer)).returncode == 0
    logged(gate, event="token_of_another_portal", credential="spare")
    main, other = portals(gate)["acme"]["credentials"]
    assert main["state"] == "active" and other["state"] != "active"
    assert works(gate) and len(gate.log(event="token_of_another_portal")) == 1


def test_a_stop_waits_for_what_was_answered_already(start, sim, cloud):
    """Bitrix24 tells an installation once: 200 was said, so a restart must not lose it."""
    text = config_of(sim)
    gate = start(text, environment=ENVIRONMENT)
    sim.portal("acme", methods={"profile": {"latency_ms": 1000}})
    try:
        assert happens(gate, event_of(sim, cloud.issue())) == 200
        gate.stop()
        assert gate.log(event="install", kind="install", result="stored")
        assert listed(gate)["state"] == "active"
    finally:
        sim.portal("acme", methods={"profile": {"latency_ms": 0}})
