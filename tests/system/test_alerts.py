"""Alerts from the outside: what fires and ends, what is silenced, what a restart keeps, that several gateways tell once."""
import json
import time

from admin import get, post, store_of
from alerting import (ENV, WINDOW, alerts, alerts_config, break_config, channel, gateway, hook, mend_config, messages,
                      state, told)
from harness import Gate, until
from oauth import hold
from portal import Answer, error, result
from receivers import receivers


def test_errors_of_the_portal_fire_and_end(gateway, portal, receivers):
    portal.clear()
    desk = receivers()
    gate = gateway(alerts_config(portal.url, hook(desk.url + "/hook", more='rules = ["error_rate"]')))
    assert alerts(gate) == []
    # What the callers get wrong is no trouble of the system.
    portal.handler = lambda _: error(400, "ERROR_ARGUMENT", "no")
    for _ in range(25):
        gate.call("crm.deal.add", {"fields": {}})
    time.sleep(WINDOW + 0.5)
    assert state(gate, "error_rate") == ""
    portal.handler = lambda _: Answer(500, b"oops")

    def fails(condition) -> None:
        def once_more() -> bool:
            gate.call("crm.deal.add", {"fields": {}})
            return condition()
        until(once_more, 2 * WINDOW)

    for _ in range(25):
        gate.call("crm.deal.add", {"fields": {}})
    fails(lambda: state(gate, "error_rate") == "firing")
    fails(lambda: len(desk.received) == 1)
    fails(lambda: alerts(gate, "error_rate")[0]["part"] >= 20)
    fails(lambda: gate.metric("b24gate_alerts", rule="error_rate", state="firing") == 1)
    [one] = alerts(gate, "error_rate")
    assert (one["subject"], one["portal"], one["severity"]) == ("acme", "acme", "critical")
    assert one["peak"] > 0.1 and one["threshold"] == 0.1 and one["resolved"] is None
    assert one["texts"]["en"]["headline"].startswith("Error rate acme: ")
    assert one["texts"]["ru"]["headline"].startswith("Доля ошибок acme: ")
    portal.clear()

    def over() -> bool:
        gate.call("crm.deal.list", {})
        return state(gate, "error_rate") == "resolved"

    until(over, 4 * WINDOW)
    until(lambda: len(desk.received) == 2, 10)
    assert [m["status"] for m in messages(desk)] == ["firing", "resolved"]
    assert alerts(gate, "error_rate")[0]["end"] == "fixed"


def test_operations_that_need_a_person_fire(gateway, portal, receivers):
    """Two that are held are more than the one that is allowed; one of them given up, it is over."""
    portal.clear()
    portal.handler = lambda _: Answer(502, b"gone")
    desk = receivers()
    rule = "[alerts.rules.stuck_operations]\nthreshold = 1\nfor = \"0s\"\n[operations]\nsettle = \"1s\"\n"
    gate = gateway(alerts_config(portal.url, hook(desk.url) + rule))
    for _ in range(2):
        assert gate.call("crm.deal.add", {"fields": {}}, headers={"Prefer": "respond-async"}).status == 202
    until(lambda: state(gate, "stuck_operations") == "firing", 20)
    until(lambda: len(desk.received) == 1, 10)
    [one] = alerts(gate, "stuck_operations")
    assert (one["subject"], one["portal"], one["value"], one["threshold"]) == (None, None, 2, 1)
    held = get(gate, "/api/v1/operations?state=held").json["operations"]
    assert post(gate, f"/api/v1/operations/{held[0]['id']}/discard", {}).status == 200
    until(lambda: state(gate, "stuck_operations") == "resolved", 10)
    until(lambda: [m["status"] for m in messages(desk)] == ["firing", "resolved"], 10)
    portal.clear()


def test_a_credential_that_is_refused_fires_and_ends(gateway, portal, receivers):
    """And mutes what follows from it."""
    portal.clear()
    portal.handler = lambda _: error(401, "INVALID_CREDENTIALS", "no such webhook")
    desk = receivers()
    gate = gateway(alerts_config(portal.url, hook(desk.url)))
    until(lambda: gate.call("crm.deal.list", {}).status == 401 and state(gate, "needs_reauth") == "firing", 10)
    until(lambda: len(desk.received) == 1, 10)
    [one] = messages(desk)[0]["alerts"]
    assert (one["labels"]["alertname"], one["labels"]["subject"]) == ("needs_reauth", "acme/main")
    portal.clear()
    # A reload looks again at what a webhook is worth.
    mend_config(gate)
    until(lambda: gate.call("crm.deal.list", {}).status == 200 and state(gate, "needs_reauth") == "resolved", 15)
    until(lambda: messages(desk)[-1]["status"] == "resolved", 10)


def test_errors_of_a_client_go_to_its_person(gateway, portal):
    portal.clear()

    def answer(received):
        if "im.notify.system.add" in received.target:
            return result(5)
        return error(400, "CRM_FIELD_ERROR_REQUIRED", "Обязательное поле не заполнено [x]")

    portal.handler = answer
    gate = gateway(alerts_config(portal.url, client="responsible_user = 33"))
    for _ in range(3):
        assert gate.call("crm.deal.update", {"id": 1, "fields": {"PHONE": "s3cr3t-phone"}}).status == 400

    def notices() -> list:
        return [json.loads(one.body) for one in portal.received if "im.notify.system.add" in one.target]

    until(lambda: len(notices()) == 1, 10)
    [notice] = notices()
    assert notice["USER_ID"] == 33
    assert "warehouse" in notice["MESSAGE"] and "crm.deal.update: CRM_FIELD_ERROR_REQUIRED (3 times)" in notice["MESSAGE"]
    assert "Обязательное поле" in notice["MESSAGE"] and "(x)" in notice["MESSAGE"]
    assert "s3cr3t" not in notice["MESSAGE"]
    until(lambda: told(gate, "(responsible)", "sent") == 1)
    portal.clear()


def test_silences(gateway, portal, receivers):
    desk = receivers()
    gate = gateway(alerts_config(portal.url, hook(desk.url)))
    made = post(gate, "/api/v1/silences", {"rule": "reload", "for": "1h", "reason": "known"})
    assert made.status == 200, made
    break_config(gate)
    until(lambda: state(gate, "reload") == "firing", 10)
    time.sleep(1)
    assert desk.received == []
    [one] = alerts(gate, "reload")
    assert one["silence"]["reason"] == "known" and one["silence"]["id"] == made.json["silence"]
    assert post(gate, f"/api/v1/silences/{made.json['silence']}/end", {}).status == 200
    until(lambda: len(desk.received) == 1, 10)
    # From the alert itself.
    again = post(gate, f"/api/v1/alerts/{one['id']}/silence", {"for": "30m"})
    assert again.status == 200 and again.json["rule"] == "reload", again
    until(lambda: alerts(gate, "reload")[0]["silence"] is not None)
    for path, body, status, said in (
            ("/api/v1/alerts/nothing/silence", {"for": "1h"}, 404, "no alert"),
            (f"/api/v1/alerts/{one['id']}/silence", {}, 400, "for"),
            (f"/api/v1/alerts/{one['id']}/silence", {"for": "8d"}, 400, "7 days"),
            (f"/api/v1/alerts/{one['id']}/silence", {"for": "soon"}, 400, "duration"),
            (f"/api/v1/alerts/{one['id']}/silence", {"until": "2001-01-01"}, 400, "future"),
            ("/api/v1/silences", {"rule": "nonsense", "for": "1h"}, 400, "rule"),
            ("/api/v1/silences/x/end", {}, 400, "number"), ("/api/v1/silences/999/end", {}, 404, "silence")):
        answer = post(gate, path, body)
        assert answer.status == status and said in answer.json["error_description"], (path, body, answer)
    audited = [one["action"] for one in get(gate, "/api/v1/audit").json["audit"]]
    assert audited.count("silence") == 2 and "end silence" in audited


def test_a_restart_keeps_what_fires_and_tells_nothing_twice(gateway, portal, receivers):
    desk = receivers()
    text = alerts_config(portal.url, hook(desk.url), keep="1h")
    gate = gateway(text)
    break_config(gate)
    until(lambda: len(desk.received) == 1, 10)
    until(lambda: "desk" in [one["channel"] for one in alerts(gate, "reload")[0]["told"]])
    silence = post(gate, "/api/v1/silences", {"rule": "disk", "for": "1h"}).json["silence"]
    [before] = alerts(gate, "reload")
    gate.stop()
    again = Gate(gate.path.parent, text, ENV)
    try:
        time.sleep(2)
        [after] = alerts(again, "reload")
        assert after["state"] == "firing" and after["fired"] == before["fired"]
        assert [one["id"] for one in get(again, "/api/v1/alerts").json["silences"]] == [silence]
        assert len(desk.received) == 1
        again.kill()
        third = Gate(gate.path.parent, text, ENV)
        try:
            time.sleep(2)
            assert state(third, "reload") == "firing" and len(desk.received) == 1
        finally:
            third.stop()
    finally:
        if not again.stopped:
            again.stop()


def test_two_gateways_tell_once(start, portal, receivers, postgres):
    """The one that looks after the alerts is killed: the other one knows what was told, and tells the end."""
    desk = receivers()
    text = alerts_config(portal.url, hook(desk.url), store="env:STORE_URL", keep="1s")
    gates = [start(text, environment={**ENV, "STORE_URL": postgres}) for _ in range(2)]
    for gate in gates:
        break_config(gate)
    until(lambda: len(desk.received) >= 1, 15)
    until(lambda: sum(told(gate, "desk", "sent") for gate in gates) == 1)
    time.sleep(2)
    assert len(desk.received) == 1
    assert [state(gate, "reload") for gate in gates] == ["firing", "firing"]
    gates.sort(key=lambda gate: told(gate, "desk", "sent"))
    other, teller = gates
    teller.kill()
    # What the dead one said last counts until it is taken for gone; so the trouble outlasts the change of hands.
    mend_config(other)
    until(lambda: state(other, "reload") == "resolved", 40)
    until(lambda: len(desk.received) >= 2, 15)
    assert [m["status"] for m in messages(desk)] == ["firing", "resolved"]
    assert told(other, "desk", "sent") == 1


def test_a_store_that_is_away_is_told_without_it(gateway, portal, receivers):
    desk = receivers()
    rule = '[alerts.rules.store]\nfor = "0s"\n'
    gate = gateway(alerts_config(portal.url, hook(desk.url) + rule))
    lock = hold(store_of(gate).with_name("b24gate.db.lock"))
    until(lambda: len(desk.received) == 1, 30)
    [one] = messages(desk)[0]["alerts"]
    assert one["labels"]["alertname"] == "store" and one["labels"]["severity"] == "page"
    assert [one["rule"] for one in alerts(gate)] == ["store"]
    lock.close()
    until(lambda: [m["status"] for m in messages(desk)] == ["firing", "resolved"], 30)


def test_a_channel_that_is_broken_is_told_through_another_one(gateway, portal, receivers):
    desk, gone = receivers(), receivers(lambda _: Answer(404))
    channels = hook(desk.url) + hook(gone.url, "gone", 'rules = ["reload"]') + '[alerts.rules.channel]\nfor = "0s"\n'
    gate = gateway(alerts_config(portal.url, channels))
    break_config(gate)
    until(lambda: any(m["commonLabels"]["alertname"] == "channel" for m in messages(desk)), 15)
    assert channel(gate, "gone")["failing"]
    time.sleep(1)
    assert len(gone.received) == 1  # only a person helps: no hammering


def test_the_heartbeat(gateway, portal, receivers):
    ear = receivers()
    gate = gateway(alerts_config(portal.url, alerts=f'heartbeat_url = "{ear.url}/beat"\nheartbeat_interval = "1s"'))
    until(lambda: len(ear.received) >= 2, 15)
    assert (ear.received[0].method, ear.received[0].target) == ("GET", "/beat")
    until(lambda: told(gate, "(heartbeat)", "sent") >= 1)
    # Nobody asks any more: that is what is noticed.
    gate.kill()
    heard = len(ear.received)
    time.sleep(2.5)
    assert len(ear.received) == heard
