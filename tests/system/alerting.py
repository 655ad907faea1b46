"""Alerts as the tests set them up and look at them: what takes minutes takes moments, only the time is shortened."""
import base64
import json

import pytest

from admin import get, post
from harness import PATIENCE, Gate, config_text
from mailbox import Mailbox
from oauth import ENVIRONMENT, STORE
from portal import FakePortal

TOKEN = "123456:telegram-bot-token"
HOOK_SECRET = "whsec_" + base64.b64encode(b"alerts are signed with it, too").decode()
ENV = {**ENVIRONMENT, "TOKEN": TOKEN, "HOOK_SECRET": HOOK_SECRET, "MAIL_PASSWORD": "ma1l-pa55word"}
# The window of the error rate, in seconds. A gateway judges by no window that is longer than it has been there.
WINDOW = 5 if PATIENCE == 1 else 15

QUICK = """
[alerts]
interval = "200ms"
keep = "{keep}"
group_wait = "0s"
group_interval = "100ms"
timeout = "{timeout}ms"
responsible_wait = "{wait}s"
{alerts}
[alerts.rules.error_rate]
window = "{window}s"
for = "0s"
[alerts.rules.reload]
severity = "critical"
{channels}
"""
HOOK = """
[alerts.channels.{name}]
type = "webhook"
url = "{url}"
secret = "env:HOOK_SECRET"
{more}
"""


def hook(url: str, name: str = "desk", more: str = "") -> str:
    return HOOK.format(url=url, name=name, more=more)


def alerts_config(portal_url: str, channels: str = "", alerts: str = "", timeout: float = 2, keep: str = "300ms",
                  store: str = "", extra: str = "", **parts) -> str:
    quick = QUICK.format(timeout=int(1000 * timeout * min(PATIENCE, 5)), wait=2 * PATIENCE, window=WINDOW, keep=keep,
                         alerts=alerts, channels=channels)
    return config_text(portal_url, extra=extra + STORE.format(url=store or "sqlite:var/b24gate.db") + quick, **parts)


def break_config(gate: Gate) -> str:
    """A reload that fails: the quickest trouble there is. Gives the good text."""
    good = gate.path.read_text()
    gate.path.write_text("[server\n")
    assert post(gate, "/api/v1/reload").status == 422
    gate.path.write_text(good)
    return good


def mend_config(gate: Gate) -> None:
    assert post(gate, "/api/v1/reload").status == 200


def alerts(gate: Gate, rule: str = "") -> list:
    answer = get(gate, "/api/v1/alerts")
    assert answer.status == 200, answer
    return [one for one in answer.json["alerts"] if not rule or one["rule"] == rule]


def state(gate: Gate, rule: str) -> str:
    found = alerts(gate, rule)
    return found[0]["state"] if found else ""


def channel(gate: Gate, name: str) -> dict:
    return next(one for one in get(gate, "/api/v1/alerts").json["channels"] if one["name"] == name)


def told(gate: Gate, name: str, result: str) -> float:
    return gate.metric("b24gate_notifications_total", channel=name, result=result)


def messages(receiver: FakePortal) -> list:
    return [json.loads(one.body) for one in receiver.received]


@pytest.fixture
def mailboxes():
    started = []

    def begin(**parts) -> Mailbox:
        started.append(Mailbox(**parts))
        return started[-1]

    yield begin
    for mailbox in started:
        mailbox.close()


@pytest.fixture
def gateway(start):
    return lambda config, **environment: start(config, environment={**ENV, **environment})
