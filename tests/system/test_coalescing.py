"""Calls that have to wait travel together, and nobody can tell: the same answers, nothing of each other, only where it
was asked for."""
import json
import os
import random
import re
import string
import time
import urllib.parse

import pytest

from crowd import OFF, WEBHOOK, Call, batched, batches_seen, crowd, crowded, encoded, gets
from harness import ADMIN_KEY, KEY, OTHER_KEY, PATIENCE, SANITIZER, SECRET, Gate, Sim, config_text, request, sha256, until

ECHO = 'read_methods = ["sim.echo"]'
# What may differ between two answers to the same call.
VOLATILE = {"date", "ratelimit", "ratelimit-policy", "content-length", "x-request-id", "x-b24-batched", "x-b24-wait-ms",
            "x-b24-attempts", "x-bitrix-rest-time", "x-bitrix-rest-user-time", "x-bitrix-rest-system-time", "connection"}


@pytest.fixture(scope="module")
def sim():
    sim = Sim(("--keep-requests", "5000"))
    yield sim
    sim.stop()


def sameness(answer, echo: bool = False):
    """All that two answers to the same call have to have in common, body byte for byte but for `time`."""
    headers = sorted((name.lower(), value) for name, value in answer.headers if name.lower() not in VOLATILE)
    if answer.status == 200 and echo:
        # An integer counts as its decimal string.
        return 200, headers, json.dumps(json.loads(answer.body, parse_int=str)["result"])
    if answer.status == 200:
        return 200, headers, re.sub(rb'"time":\{[^}]*\}', b"", answer.body)
    body = answer.json
    for name in ("request_id", "attempts"):
        del body["gateway"][name]
    return answer.status, headers, json.dumps(body)


def kept_out(gate: Gate) -> dict:
    """How many calls had to wait and travelled alone, by reason."""
    metrics = gate.get("/metrics", admin=True).body.decode()
    found = re.findall(r'^b24gate_batch_kept_out_total\{[^}]*reason="([^"]*)"[^}]*\} (\S+)$', metrics, re.M)
    return {reason: int(float(count)) for reason, count in found if float(count)}


def alone_and_together(start, sim, calls, rate=100, client="", settings=None):
    """The answers to the same calls of a gateway that sends each by itself, and of one where they have to wait."""
    sim.reset()
    parts = {"portal": ECHO, "client": client}
    single = start(config_text(sim.url + "/acme", **parts))
    together = crowded(start, sim, rate=rate, settings=settings, **parts)
    return crowd(single, calls, OFF), crowd(together, calls), together


# --- sameness ---------------------------------------------------------------------------------------------------------

PLAIN = ["Müller", "日本語テキスト", "🎉 party", 'say "yes"', "it's", "100% sure", "a+b c", "R&D", "x=y", "a#b", "q?", "[0]", "a]b[c",
         "back\\slash", "tab\there", "line\nbreak", "0012", "-5", "1e5", "1.50", " padded ", "Ünïcödé\u00a0space", "й" * 300,
         "x" * 2000, "50%", "%", "%zz", "@user", "~`^|{}", "{\"a\": 1}", "a;b", "true", "null", "🧑‍🤝‍🧑", "\u202eright", "0", ""]
STRANGE = ["%41", "&amp;", "<b>", "$", "$total", "select * from deal", "../up", "a\u0000b", "onclick=x", "\u2029", "$result[c0]"]
KEYS = ["NAME", "ufCrm", ">ID", "!=STAGE_ID", "@ID", "%TITLE", "ключ", "a b", "a.b", "key-1", "UF_CRM_1700000000", "0x", "a+b"]
STRANGE_KEYS = ["a[b", "a]b", "a[b]", "[x]", "7", "01", "-3", "a\tb", "", " lead", "auth_connector", "state"]


def value(source: random.Random, depth: int):
    kind = source.random()
    if depth and kind < 0.25:
        return {source.choice(KEYS): value(source, depth - 1) for _ in range(source.randrange(1, 4))}
    if depth and kind < 0.45:
        return [value(source, depth - 1) for _ in range(source.randrange(1, 4))]
    if kind < 0.6:
        return source.choice([0, 1, -1, 42, 2**31, 2**63 - 1, -2**63])
    if kind < 0.64:
        return source.choice([True, False, None, 1.5, 1e300, 2**64, [], {}])
    if kind < 0.68:
        return source.choice(STRANGE)
    if kind < 0.75:
        return "".join(source.choice(string.printable[:95] + "äß€") for _ in range(source.randrange(40)))
    return source.choice(PLAIN)


def generated(number: int, source: random.Random) -> Call:
    kind = source.random()
    if kind < 0.1:
        return Call("crm.deal.get", {"id": source.choice([number % 170 + 1, str(number % 170 + 1)]), "n": number})
    if kind < 0.2:
        rows = {"filter": {source.choice([">ID", "<=ID", "@ID", "!ID"]): number % 170}, "order": {"ID": "DESC"},
                "select": source.choice([["ID", "TITLE"], ["*"], ["ID"]]), "start": source.choice([0, 50, -1]), "n": number}
        return Call("crm.contact.list", rows) if source.random() < 0.5 else Call("crm.contact.list", form=encoded(rows))
    if kind < 0.25:
        return Call(source.choice(["user.get", "CRM.Deal.Fields", "profile", "crm.company.list"]) + ".json",
                    verb="GET", query=f"n={number}")
    params = {source.choice(KEYS + (STRANGE_KEYS if source.random() < 0.15 else [])): value(source, 4)
              for _ in range(source.randrange(1, 6))}
    params["n"] = f"call {number}"
    kind = source.random()
    if kind < 0.5:
        return Call("sim.echo", params)
    if kind < 0.6:
        return Call("sim.echo", {"over": 1, **params}, query=f"over=2&q[]=a&q[]={number}")
    if kind < 0.8:
        return Call("sim.echo", form=encoded(params))
    return Call("sim.echo", verb="GET", query=encoded(params))


def test_the_same_answers_as_alone(start, sim):
    """Differential: each call alone and in a crowd. B24GATE_SEED=n tries others."""
    seed = int(os.environ.get("B24GATE_SEED", "11"))
    source = random.Random(seed)
    count = 1200 if not SANITIZER else 400
    calls = [generated(i, source) for i in range(count)]
    alone, together, gate = alone_and_together(start, sim, calls, rate=200)
    for call, one, other in zip(calls, alone, together):
        assert batched(one) == 0
        assert sameness(one, "echo" in call.path) == sameness(other, "echo" in call.path), f"seed {seed}: {call}\nalone    {one}\ntogether {other}"
    travelled = sum(batched(answer) > 1 for answer in together)
    reasons = kept_out(gate)
    print(f"\n{count} calls: {travelled} travelled together, kept out: {reasons}")
    # Each reason a call was generated for, and no more calls than those.
    assert {"float_number", "boolean", "null_value", "empty_array", "dollar", "security_filter"} <= set(reasons), reasons
    assert travelled + sum(reasons.values()) > count * 0.95 and travelled > count * 0.4, (travelled, reasons)


def test_failures_are_the_same_as_alone(start, sim):
    """A portal tells a batch less of a failure than a single call: no status, at times no text."""
    limited = {"webhooks": [{**WEBHOOK, "scope": ["crm"]}]}
    calls = gets(20)
    for i in range(8):
        calls += [Call("crm.deal.get", {"id": 900000 + i}), Call("crm.deal.get", {"n": i}), Call("tasks.task.list", {"n": i}),
                  Call("no.such.method", {"n": i}), Call("crm.no.get", {"n": i}), Call("crm.item.get", {"entityTypeId": 2, "id": i}),
                  Call("crm.item.list", {"entityTypeId": "x", "n": i}), Call("user.current", form=f"n={i}")]
    sim.portal("acme", **limited)
    alone, together, _ = alone_and_together(start, sim, calls, settings=limited)
    statuses = {(answer.status, answer.header("X-B24-Error")) for answer in alone}
    assert len(statuses) >= 4 and (200, None) in statuses, statuses
    assert any(status in (401, 403) and code == "insufficient_scope" for status, code in statuses), statuses
    for call, one, other in zip(calls, alone, together):
        assert sameness(one, "echo" in call.path) == sameness(other, "echo" in call.path), f"{call}\nalone    {one}\ntogether {other}"
    assert sum(batched(answer) > 1 for answer in together) >= 15
    assert not [answer for answer in together if answer.status != 200 and batched(answer)], "the true failure is told alone"


# --- nothing of each other --------------------------------------------------------------------------------------------

PLANTS = ["$result[c0]", "$result[c0][TITLE]", "$result[c1]", "$RESULT[c0][TITLE]", "x $result[c0][TITLE] y", "$total[c0]", "$next[c0]",
          "$time[c0][start]", "$error[c0]", "$result[0][TITLE]", "$result"]


def spied(number: int, plant: str):
    once, twice = urllib.parse.quote(plant), urllib.parse.quote(urllib.parse.quote(plant))
    tag = f"n=spy{number}"
    yield Call("sim.echo", {"n": f"spy{number}", "x": plant})
    yield Call("sim.echo", {"n": f"spy{number}", plant: "x"})
    yield Call("sim.echo", {"n": f"spy{number}", "a": {"b": [{"c": plant}, plant]}, "d": {plant: plant}})
    yield Call("sim.echo", {"n": f"spy{number}", "x": once})
    yield Call("sim.echo", {"n": f"spy{number}", "x": twice})
    escaped = "".join(f"\\u{ord(c):04x}" for c in plant)
    yield Call("sim.echo", f'{{"n": "spy{number}", "x": "{escaped}", "{escaped}": 1}}'.encode())
    yield Call("sim.echo", form=f"{tag}&x={once}")
    yield Call("sim.echo", form=f"{tag}&x={twice}")
    yield Call("sim.echo", form=f"{tag}&x={plant}&a[{once}]=1")
    yield Call("sim.echo", verb="GET", query=f"{tag}&a[b][]={once}")
    yield Call("sim.echo", {"n": f"spy{number}"}, query=f"x={once}")


def test_nobody_sees_or_changes_what_is_another_ones(start, sim):
    """A portal replaces `$result[...]` in a batch by the result of another command: of another caller's, here."""
    spies = [spy for number, plant in enumerate(PLANTS) for spy in spied(number, plant)]
    calls = spies + gets(80) + [Call("crm.contact.list", {"filter": {">ID": i}, "n": i}) for i in range(20)]
    random.Random(3).shuffle(calls)
    alone, together, gate = alone_and_together(start, sim, calls)
    # The portal really does it.
    trap = {"cmd": {"c0": "crm.deal.get?id=1", "c1": "sim.echo?x=%24result%5Bc0%5D%5BTITLE%5D", "c2": "sim.echo?x=$total[c0]"}}
    sprung = gate.call("batch", trap).json["result"]["result"]
    assert sprung["c1"]["x"] == sprung["c0"]["TITLE"] != "$result[c0][TITLE]", sprung
    for call, one, other in zip(calls, alone, together):
        assert sameness(one, "echo" in call.path) == sameness(other, "echo" in call.path), f"{call}\nalone    {one}\ntogether {other}"
        if call in spies:
            assert batched(other) == 0, f"{call} travelled with others"
    assert sum(batched(answer) > 1 for answer in together) >= 30
    for commands in batches_seen(sim)[:-1]:
        assert not [command for command in commands if "$" in command or "%24" in command or "%2524" in command]


CLIENTS = f"""
[clients.stranger]
key_sha256 = "{sha256(OTHER_KEY)}"
portals = ["acme"]
"""


def test_links_carry_the_key_of_their_own_caller(start, sim):
    gate = crowded(start, sim, clients=CLIENTS)
    calls = [Call("disk.file.get", {"id": 1, "n": i}, key=(KEY, OTHER_KEY)[i % 2]) for i in range(12)]
    answers = crowd(gate, calls)
    assert sum(batched(answer) > 1 for answer in answers) >= 8, [batched(answer) for answer in answers]
    for i, answer in enumerate(answers):
        own, other = (KEY, OTHER_KEY)[i % 2], (KEY, OTHER_KEY)[1 - i % 2]
        assert SECRET.encode() not in answer.everything and other.encode() not in answer.everything, answer
        link = urllib.parse.urlsplit(answer.json["result"]["DOWNLOAD_URL"])
        assert link.netloc == f"{gate.data[0]}:{gate.data[1]}" and own in link.geturl()
    file = request(gate.data, "GET", f"{link.path}?{link.query}")
    assert (file.status, len(file.body)) == (200, 1000), file


def test_each_credential_has_batches_of_its_own(start, sim):
    """Each of two webhooks stands for another user; profile tells whom the portal has seen."""
    hooks = {"webhooks": [WEBHOOK, {"user": 2, "secret": "wh0ok5ecret0two"}]}
    second = '[portals.acme.credentials.second]\ntype = "webhook"\nuser = 2\nsecret = "env:SECOND"'
    clients = CLIENTS + 'credentials = { acme = "second" }\n'
    gate = crowded(lambda text: start(text, environment={"SECOND": "wh0ok5ecret0two"}), sim, settings=hooks,
                   portals=second, clients=clients, client='credentials = { acme = "main" }')
    calls = [Call("profile", {"n": i}, key=(KEY, OTHER_KEY)[i % 2]) for i in range(40)]
    answers = crowd(gate, calls)
    assert [answer.json["result"]["ID"] for answer in answers] == [str(1 + i % 2) for i in range(40)]
    assert sum(batched(answer) > 1 for answer in answers) >= 30
    sizes = [len(commands) for commands in batches_seen(sim)]
    assert max(sizes) <= 20, sizes


# --- only what waits, only where it may -------------------------------------------------------------------------------

def test_a_call_with_budget_at_hand_goes_alone(start, sim):
    gate = crowded(start, sim, portal="assume_spent = false", burst=50, rate=2)
    for call in gets(20):
        answer = call.send(gate).answer()
        assert answer.status == 200 and not batched(answer) and int(answer.header("X-B24-Wait-Ms")) == 0, answer
    stats = sim.stats("acme")
    assert (stats["hits"], stats["batches"]) == (20, 0)


def test_one_that_waits_by_itself_is_a_plain_call(start, sim):
    gate = crowded(start, sim, rate=2)
    first, second = (gate.call("crm.deal.get", {"id": i}) for i in (1, 2))  # the second finds the bucket full
    assert (first.status, second.status, batched(first), batched(second)) == (200, 200, 0, 0)
    assert int(second.header("X-B24-Wait-Ms")) > 0, second
    assert sim.stats("acme")["batches"] == 0


def updates(count: int):
    return [Call("crm.deal.update", {"id": 1 + i, "fields": {"TITLE": f"new {i}"}}) for i in range(count)]


def test_writes_go_alone(start, sim):
    gate = crowded(start, sim, rate=40)
    answers = crowd(gate, updates(15))
    assert {(answer.status, batched(answer)) for answer in answers} == {(200, 0)}, answers
    stats = sim.stats("acme")
    assert (stats["batches"], stats["hits"], stats["executions"]["crm.deal.update"]) == (0, 15, 15)
    assert set(kept_out(gate)) == {"write"}


def test_writes_that_may_have_batches_of_their_own(start, sim):
    gate = crowded(start, sim, portal='coalesce = { writes = ["crm.deal.update"] }', rate=10)
    calls = [call for pair in zip(updates(30), gets(30)) for call in pair]
    calls += [Call("crm.contact.update", {"id": 1 + i, "fields": {"NAME": "n"}}) for i in range(3)]
    answers = crowd(gate, calls)
    assert {answer.status for answer in answers} == {200}, answers
    seen = batches_seen(sim)
    assert [commands for commands in seen if any("update" in command for command in commands)], seen
    for commands in seen:
        assert len({command.split("?")[0] for command in commands}) == 1, commands
    assert not [answer for answer in answers[60:] if batched(answer)]
    executions = sim.stats("acme")["executions"]
    assert (executions["crm.deal.update"], executions["crm.deal.get"], executions["crm.contact.update"]) == (30, 30, 3)
    titles = {row["ID"]: row["TITLE"] for row in sim.control("GET", "/crm/deal?portal=acme")}
    assert [titles[str(1 + i)] for i in range(30)] == [f"new {i}" for i in range(30)]


@pytest.mark.parametrize("switch", ["defaults", "portal", "client", "header", "one call"])
def test_switches(start, sim, switch):
    parts = {"defaults": {"extra": "[defaults.coalesce]\nenabled = false"}, "portal": {"portal": "coalesce = { enabled = false }"},
             "client": {"client": "coalesce = false"}}
    gate = crowded(start, sim, rate=40, **parts.get(switch, {}))
    calls = gets(16)
    answers = crowd(gate, calls[:1], OFF) + crowd(gate, calls[1:]) if switch == "one call" else \
        crowd(gate, calls, OFF if switch == "header" else None)
    assert {answer.status for answer in answers} == {200}
    travelled = [answer for answer in answers if batched(answer)]
    assert bool(travelled) == (switch == "one call"), answers
    assert batched(answers[0]) == 0
    if switch != "one call":
        assert (sim.stats("acme")["batches"], sim.stats("acme")["hits"]) == (0, 16)


def test_at_most_max_calls_travel_together(start, sim):
    gate = crowded(start, sim, portal="coalesce = { max_calls = 7 }", rate=10)
    answers = crowd(gate, gets(40))
    assert {answer.status for answer in answers} == {200}
    sizes = [len(commands) for commands in batches_seen(sim)]
    assert max(sizes) == 7 and min(sizes) >= 2, sizes


def test_slow_methods_travel_in_small_company(start, sim):
    """What a method takes is learnt, and a batch is filled up to max_duration."""
    slow = {"methods": {"crm.deal.list": {"latency_ms": 200}}}
    gate = crowded(start, sim, portal='coalesce = { max_duration = "1s" }', rate=4, settings=slow)
    assert {gate.call("crm.deal.list", {"n": f"learn {i}"}).status for i in range(3)} == {200}
    answers = crowd(gate, [Call("crm.deal.list", {"n": i}) for i in range(20)])
    assert {answer.status for answer in answers} == {200}
    sizes = [len(commands) for commands in batches_seen(sim)]
    assert sizes and max(sizes) <= 5, sizes
    sim.portal("acme", methods={"crm.deal.list": None})


# --- what is counted --------------------------------------------------------------------------------------------------

def test_counts_and_log_lines(start, sim):
    gate = crowded(start, sim, rate=10, clients=CLIENTS)
    calls = [call for pair in zip(gets(60), gets(60, "crm.contact.get", key=OTHER_KEY)) for call in pair]
    answers = crowd(gate, calls)
    assert {answer.status for answer in answers} == {200}
    travelled = [answer for answer in answers if batched(answer)]
    stats = sim.stats("acme")
    seen = batches_seen(sim)
    assert stats["batches"] == len(seen) and sum(map(len, seen)) == len(travelled) > 60
    assert gate.metric("b24gate_batches_total", portal="acme") == len(seen)
    assert gate.metric("b24gate_batched_calls_total", portal="acme") == len(travelled)
    assert gate.metric("b24gate_batch_hits_saved_total", portal="acme") == len(travelled) - len(seen)
    assert gate.metric("b24gate_batch_failures_total", portal="acme") == 0
    assert gate.metric("b24gate_budget_hits_total", portal="acme") == stats["hits"]
    assert gate.metric("b24gate_upstream_attempts_total", portal="acme") == stats["hits"]
    assert gate.metric("b24gate_calls_total", portal="acme") == len(calls)
    assert (stats["executions"]["crm.deal.get"], stats["executions"]["crm.contact.get"]) == (60, 60)
    portal = gate.get("/api/v1/portals", admin=True, headers={"Authorization": f"Bearer {ADMIN_KEY}"}).json["portals"][0]["batches"]
    assert (portal["enabled"], portal["batches"], portal["calls"], portal["failed"]) == (True, len(seen), len(travelled), 0)
    for answer in answers:
        line = until_logged(gate, answer.header("X-Request-Id"))
        assert line.get("batch_size", 0) == batched(answer), line
        assert answer.header("X-B24-Attempts") == "1"


def until_logged(gate: Gate, request_id: str) -> dict:
    until(lambda: gate.log(request_id=request_id), what=f"the log line of {request_id}")
    return gate.log(request_id=request_id)[-1]


def test_the_wait_is_for_budget_alone(start, sim):
    """X-B24-Wait-Ms ends when the batch leaves: how long the portal works on it is no wait for budget."""
    gate = crowded(start, sim)
    sim.faults({"method": "batch", "effect": "latency", "delay_ms": 600, "probability": 1})
    answers = [answer for answer in crowd(gate, gets(12)) if batched(answer)]
    assert len(answers) >= 8
    for answer in answers:
        line = until_logged(gate, answer.header("X-Request-Id"))
        assert line["upstream_ms"] >= 600 and line["wait_ms"] <= line["duration_ms"] - line["upstream_ms"] + 1, line
        assert abs(line["wait_ms"] - int(answer.header("X-B24-Wait-Ms"))) <= 1, (line, answer)
