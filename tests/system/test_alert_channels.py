"""How alerts reach people: each kind of channel on real sockets, how it fails, and that none of them tells a secret."""
import json
import time

import pytest

from admin import command, get, post, url_of
from alerting import (ENV, HOOK_SECRET, TOKEN, alerts_config, break_config, channel, gateway, hook,
                      mailboxes, mend_config, messages, told)
from harness import SECRET, Sim, appearances, certificate, server_context, until
from portal import Answer, error, result
from receivers import genuine, headers_of, receivers

TELEGRAM = """
[alerts.channels.phone]
type = "telegram"
token = "env:TOKEN"
chat = "{chat}"
url = "{url}"
{more}
"""
MAIL = """
[alerts.channels.{name}]
type = "email"
server = "{url}"
from = "b24gate@example.com"
to = ["a@example.com", "b@example.com"]
{more}
"""


def phone(url: str, chat: str = "-100123", more: str = "") -> str:
    return TELEGRAM.format(url=url, chat=chat, more=more)


def mail(url: str, name: str = "mail", more: str = "") -> str:
    return MAIL.format(url=url, name=name, more=more)


def test_a_webhook_is_signed_and_says_what_alertmanager_says(gateway, portal, receivers):
    desk = receivers()
    gate = gateway(alerts_config(portal.url, hook(desk.url + "/s3cr3t/path"),
                                 alerts='link = "https://gate.internal"'))
    break_config(gate)
    until(lambda: len(desk.received) == 1, 10)
    [one] = desk.received
    assert (one.method, one.target) == ("POST", "/s3cr3t/path")
    headers = headers_of(one)
    assert genuine(HOOK_SECRET, headers, one.body) and not genuine(HOOK_SECRET, headers, one.body + b" ")
    message = json.loads(one.body)
    assert (message["version"], message["status"], message["receiver"]) == ("4", "firing", "desk")
    [alert] = message["alerts"]
    assert alert["labels"]["alertname"] == "reload" and alert["labels"]["severity"] == "critical"
    assert alert["generatorURL"] == f"https://gate.internal/alerts/{alert['fingerprint']}"
    assert message["text"].startswith("[FIRING] Reload ")
    time.sleep(1)
    assert len(desk.received) == 1  # once
    mend_config(gate)
    until(lambda: len(desk.received) == 2, 10)
    assert messages(desk)[1]["status"] == "resolved"
    assert headers_of(desk.received[1])["webhook-id"] != headers["webhook-id"]
    gate.stop()
    assert "s3cr3t" not in gate.output and HOOK_SECRET not in gate.output
    [line] = [line for line in gate.log(event="alert") if line["firing"]]
    assert line["level"] == "error" and "Reload" in line["title"]


def test_a_webhook_that_fails_is_tried_again_with_the_same_id(gateway, portal, receivers):
    desk = receivers()
    desk.script(Answer(500))
    gate = gateway(alerts_config(portal.url, hook(desk.url)))
    break_config(gate)
    until(lambda: len(desk.received) == 2, 20)  # the first step is of five seconds
    first, second = (headers_of(one) for one in desk.received)
    assert first["webhook-id"] == second["webhook-id"]
    assert genuine(HOOK_SECRET, second, desk.received[1].body)
    until(lambda: told(gate, "desk", "sent") == 1)
    assert told(gate, "desk", "failed") == 1


def test_telegram(gateway, portal, receivers):
    sent = iter(range(1, 100))
    bot = receivers(lambda _: Answer(200, json.dumps({"ok": True, "result": {"message_id": next(sent)}}).encode()))
    gate = gateway(alerts_config(portal.url, phone(bot.url, more='thread = 9\nlanguage = "ru"')))
    break_config(gate)
    until(lambda: len(bot.received) == 1, 10)
    [one] = bot.received
    assert one.target == f"/bot{TOKEN}/sendMessage"
    message = json.loads(one.body)
    assert (message["chat_id"], message["message_thread_id"], message["parse_mode"]) == ("-100123", 9, "HTML")
    assert message["link_preview_options"] == {"is_disabled": True}
    assert message["text"].startswith("<b>[СБОЙ] Конфигурация ")
    mend_config(gate)
    until(lambda: len(bot.received) == 2, 10)
    over = json.loads(bot.received[1].body)
    assert over["reply_parameters"]["message_id"] == 1 and "[ПРОШЛО]" in over["text"]
    gate.stop()
    assert TOKEN not in gate.output


def test_telegram_moves_a_chat_and_asks_to_wait(gateway, portal, receivers):
    bot = receivers(lambda _: Answer(200, b'{"ok":true,"result":{"message_id":1}}'))
    bot.script(Answer(400, b'{"ok":false,"description":"upgraded","parameters":{"migrate_to_chat_id":-100999}}'))
    gate = gateway(alerts_config(portal.url, phone(bot.url, "-5")))
    break_config(gate)
    until(lambda: len(bot.received) == 2, 10)
    assert [json.loads(one.body)["chat_id"] for one in bot.received] == ["-5", "-100999"]
    until(lambda: gate.log(event="alert_chat_moved"))
    bot.script(Answer(429, b'{"ok":false,"description":"slow down","parameters":{"retry_after":3600}}'))
    mend_config(gate)
    until(lambda: len(bot.received) == 3, 10)
    time.sleep(1)
    assert len(bot.received) == 3
    assert channel(gate, "phone")["failing"] and channel(gate, "phone")["error"] == "HTTP 429: slow down"


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_mail_goes_over_tls_with_a_login(gateway, portal, mailboxes, tmp_path, implicit):
    cert, key = certificate(tmp_path, "mail")
    mailbox = mailboxes(context=server_context(cert, key), implicit=implicit, password=ENV["MAIL_PASSWORD"])
    login = f'user = "gate"\npassword = "env:MAIL_PASSWORD"\nca = "{cert}"\nlanguage = "ru"'
    gate = gateway(alerts_config(portal.url, mail(mailbox.url, more=login), timeout=10))
    break_config(gate)
    until(lambda: len(mailbox.received) == 1, 15)
    [first] = mailbox.received
    assert first.tls and first.user == "gate"
    assert (first.sender, first.receivers) == ("b24gate@example.com", ["a@example.com", "b@example.com"])
    message = first.message
    assert message["Subject"].startswith("[СБОЙ] Конфигурация ")
    assert message["Auto-Submitted"] == "auto-generated" and message["From"] == "b24gate <b24gate@example.com>"
    assert "Что делать" in first.text
    mend_config(gate)
    until(lambda: len(mailbox.received) == 2, 15)
    over = mailbox.received[1].message
    assert over["References"] == message["References"] and over["Message-ID"] != message["Message-ID"]
    gate.stop()
    assert ENV["MAIL_PASSWORD"] not in gate.output


def test_mail_does_not_go_without_tls(gateway, portal, mailboxes, tmp_path):
    """A server that offers no TLS, or one that cannot be trusted, gets nothing."""
    cert, key = certificate(tmp_path, "mail")
    plain, unknown = mailboxes(), mailboxes(context=server_context(cert, key))
    gate = gateway(alerts_config(portal.url, mail(plain.url) + mail(unknown.url, "other"), timeout=10))
    break_config(gate)
    until(lambda: told(gate, "mail", "failed") >= 1, 15)
    until(lambda: told(gate, "other", "failed") >= 1, 15)
    assert plain.received == [] and unknown.received == []
    assert plain.sessions >= 1 and unknown.sessions >= 1


def test_a_mail_server_that_refuses_and_one_that_hangs(gateway, portal, mailboxes):
    """Neither holds up the gateway, another channel, or a stop."""
    refusing, hanging = mailboxes(refuse="550 no such user"), mailboxes(hang=True)
    channels = mail(refusing.url, more="plain = true") + mail(hanging.url, "slow", "plain = true")
    gate = gateway(alerts_config(portal.url, channels, timeout=3))
    break_config(gate)
    until(lambda: told(gate, "mail", "refused") == 1, 15)
    portal.clear()
    assert gate.call("crm.deal.list", {}).status == 200
    until(lambda: gate.log(event="alert"), 10)
    until(lambda: told(gate, "slow", "failed") >= 1, 15)
    assert channel(gate, "mail")["failing"] and "550" in channel(gate, "mail")["error"]


@pytest.fixture(scope="module")
def sim():
    sim = Sim()
    yield sim
    sim.stop()


def portal_of(sim: Sim) -> None:
    sim.control("DELETE", "/faults")
    sim.portal("acme", webhooks=[{"user": 1, "secret": SECRET}], plan="none", latency_ms=0, refuse="")
    sim.reset()


def test_the_portal_as_a_channel(gateway, portal):
    portal.clear()
    portal.handler = lambda _: result(77)
    gate = gateway(alerts_config(portal.url, """
[alerts.channels.office]
type = "portal"
portal = "acme"
user = 12
"""))
    break_config(gate)

    def notices() -> list:
        return [json.loads(one.body) for one in portal.received if "im.notify.system.add" in one.target]

    until(lambda: len(notices()) == 1, 10)
    [notice] = notices()
    assert notice["USER_ID"] == 12 and notice["MESSAGE"].startswith("[B](FIRING) Reload ")
    assert notice["TAG"].startswith("b24gate:reload")
    done = command("alerts", "test", "office", "--url", url_of(gate))
    assert "sent" in done.stdout, done
    assert len(notices()) == 2 and "Test of the channel office" in notices()[1]["MESSAGE"]


def test_the_simulated_portal_takes_a_notice(gateway, sim):
    portal_of(sim)
    gate = gateway(alerts_config(sim.url + "/acme", """
[alerts.channels.office]
type = "portal"
portal = "acme"
user = 1
"""))
    answer = post(gate, "/api/v1/channels/office/test", {})
    assert answer.status == 200 and answer.json["result"] == "sent", answer
    assert sim.stats("acme")["executions"]["im.notify.system.add"] == 1


def test_the_command(gateway, portal, receivers):
    desk, broken = receivers(), receivers(lambda _: Answer(403, b"go away"))
    gate = gateway(alerts_config(portal.url, hook(desk.url) +
                                 hook(broken.url, "broken")))
    done = command("alerts", "test", "desk", "--url", url_of(gate))
    assert done.stdout.startswith("desk: sent (HTTP 204"), done
    [one] = desk.received
    assert json.loads(one.body)["type"] == "alert.test" and genuine(HOOK_SECRET, headers_of(one), one.body)
    done = command("alerts", "test", "broken", "--url", url_of(gate), code=1)
    assert "refused" in done.stderr and "go away" in done.stderr, done
    done = command("alerts", "test", "nothing", "--url", url_of(gate), code=2)
    assert "no channel of this name" in done.stderr, done
    assert command("alerts", code=None).returncode == 2


def test_no_channel_tells_its_secrets(gateway, portal, receivers, mailboxes, tmp_path):
    """Whatever a receiver says to a message: most say again what they were told."""
    portal.clear()
    echo = receivers(lambda r: Answer(403, b"who is " + r.target.encode() + b" " + (r.header("webhook-signature") or "")
                                      .encode()))
    bot = receivers(lambda r: Answer(401, json.dumps(
        {"ok": False, "description": "Unauthorized: " + "x" * 240 + r.target}).encode()))
    cert, key = certificate(tmp_path, "mail")
    login = f'user = "gate"\npassword = "env:MAIL_PASSWORD"\nca = "{cert}"\n'
    refusing = mailboxes(context=server_context(cert, key), password="another one")
    gate = gateway(alerts_config(
        portal.url, hook(echo.url + "/services/T0/h1dden-path-of-a-hook") + phone(bot.url) + mail(refusing.url, more=login),
        timeout=10, alerts=f'heartbeat_url = "{echo.url}/ping/h1dden-path-of-a-beat"'))
    break_config(gate)
    names = ("desk", "phone", "mail")
    until(lambda: all(told(gate, name, "refused") + told(gate, name, "failed") >= 1 for name in names), 20)
    until(lambda: told(gate, "(heartbeat)", "refused") >= 1, 20)
    seen = [post(gate, f"/api/v1/channels/{name}/test", {}).everything for name in names]
    for name in names:
        done = command("alerts", "test", name, "--url", url_of(gate), code=1)
        seen.append((done.stdout + done.stderr).encode())
    until(lambda: all(channel(gate, name)["failing"] for name in names), 10)
    seen.append(get(gate, "/api/v1/alerts").everything)
    seen.append(gate.get("/metrics", admin=True).everything)
    gate.stop()
    seen.append(gate.output.encode())
    seen += [file.read_bytes() for file in gate.path.parent.glob("var/*")]
    for secret in (TOKEN, HOOK_SECRET, ENV["MAIL_PASSWORD"], "h1dden-path"):
        for form in appearances(secret):
            assert not any(form in text for text in seen), (secret, form)
