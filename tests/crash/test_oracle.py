"""The oracle against made-up histories: a good one passes, and each thing that must not happen is seen."""
import copy

import pytest

from .history import (CHECKABLE, KEYED, READ, REPEATABLE, UNSAFE, Attempt, Callback, Ended, Execution, History, Reply,
                      Row, Wish)
from .oracle import judge


def taken(operation: str) -> Reply:
    return Reply(202, operation=operation)


def wish(marker: str, kind: str, method: str, *operations: str, **more) -> Wish:
    adds = method.endswith(".add")
    return Wish(marker, "shop", kind, method, "acme", replies=[taken(o) for o in operations], adds=adds, **more)


def done(number: int, marker: str, started: float, ended: float, record: int = 0) -> Execution:
    return Execution("acme", number, started, ended, "crm.deal.add", record, marker)


def ended(name: str, state: str = "succeeded", **more) -> Ended:
    return Ended(name, state, answered=state == "succeeded", **more)


def row(name: str, *attempts: Attempt, state: str = "succeeded", finished: int = 0) -> Row:
    return Row(name, state, UNSAFE, len(attempts), finished or attempts[-1].ended, 0, list(attempts))


@pytest.fixture
def good() -> History:
    history = History()
    history.wishes = [
        wish("m-add", UNSAFE, "crm.deal.add", "a", callback=True),
        wish("m-origin", CHECKABLE, "crm.lead.add", "b"),
        wish("m-update", REPEATABLE, "crm.deal.update", "c", order="k", place=1),
        wish("m-next", REPEATABLE, "crm.deal.update", "d", order="k", place=2),
        wish("m-twin", KEYED, "tasks.task.add", "e", "e", key="i-1"),
        wish("m-read", READ, "crm.deal.get", "f"),
        wish("m-held", UNSAFE, "crm.deal.add", "g", order="l", place=3),
        wish("m-refused", UNSAFE, "crm.deal.add"),
        wish("m-silent", UNSAFE, "crm.deal.add"),
        wish("m-failed", UNSAFE, "crm.deal.add", "h"),
        wish("m-behind", UNSAFE, "crm.deal.add", "i", order="l", place=4),
    ]
    history.wishes[7].replies = [Reply(503, "GATEWAY_STORE", "no")]
    history.wishes[8].replies = [Reply(0)]
    history.strangers = [("shop", "i-1", Reply(409, "GATEWAY_CONFLICT", "no"))]
    history.executions = [done(1, "m-add", 1, 2, 71), done(2, "m-origin", 1, 9, 72), done(3, "m-update", 2, 3),
                          done(4, "m-update", 6, 7), done(5, "m-next", 7, 8), done(6, "m-twin", 1, 2, 73),
                          done(7, "m-read", 1, 2), done(8, "m-read", 3, 4), done(9, "m-held", 1, 2, 74),
                          done(10, "m-silent", 1, 2, 75), done(11, "m-behind", 3, 4, 76)]
    history.ended = {"a": ended("a", record=71), "b": ended("b", record=72, inferred=True), "c": ended("c"),
                     "d": ended("d"), "e": ended("e", record=73), "f": ended("f"), "g": ended("g", "discarded"),
                     "h": ended("h", "failed", executed="no"), "i": ended("i", record=76)}
    history.held = {"g": ended("g", "held", why="outcome_unknown", results=["lost"])}
    history.discarded = {"g": 2.5}
    history.rows = {"c": row("c", Attempt(1, False, 1, 20, 60, "lost"), Attempt(2, False, 3, 60, 70, "answered"))}
    history.callbacks_on = True
    history.callbacks = [Callback("a", "msg_a", "succeeded", True), Callback("a", "msg_a", "succeeded", True)]
    history.counters = history.counted = {("shop", "acme", "succeeded"): 6}
    return history


def rules(history: History) -> set:
    return {violation.rule for violation in judge(history)}


def test_what_is_right_passes(good):
    assert judge(good) == []


def change(path):
    """A history with one thing wrong."""
    def of(history: History) -> History:
        out = copy.deepcopy(history)
        path(out)
        return out
    return of


def add(executions: str, *more):
    return lambda h: getattr(h, executions).append(*more)


def many_held(history: History) -> None:
    for i in range(200):
        name = f"x{i}"
        history.wishes.append(wish(f"m-{name}", UNSAFE, "crm.deal.add", name))
        history.ended[name] = ended(name, "held", why="outcome_unknown", results=["lost"])


BAD = {
    "a promise that is not there": ("kept", lambda h: h.ended.update(a=None)),
    "a promise that nobody asked for": ("kept", lambda h: h.ended.pop("a")),
    "one that goes on for ever": ("kept", lambda h: h.ended.update(a=ended("a", "waiting"))),
    "discarded by nobody": ("kept", lambda h: h.ended.update(a=ended("a", "discarded"))),
    "an unsafe add twice": ("once", add("executions", done(20, "m-add", 5, 6, 90))),
    "an add with an origin twice": ("once", add("executions", done(20, "m-origin", 11, 12, 90))),
    "a keyed write twice": ("once", add("executions", done(20, "m-twin", 5, 6, 90))),
    "an add twice whose caller heard nothing": ("once", add("executions", done(20, "m-silent", 5, 6, 90))),
    "success without the deed": ("succeeded", lambda h: h.executions.pop(0)),
    "somebody else's answer": ("succeeded", lambda h: setattr(h.ended["a"], "record", 99)),
    "success without an answer": ("succeeded", lambda h: setattr(h.ended["a"], "answered", False)),
    "failed, not carried out, and done": ("not_executed", add("executions", done(20, "m-failed", 5, 6, 90))),
    "refused and done": ("refused", add("executions", done(20, "m-refused", 5, 6, 90))),
    "a 500 for a hand-over": ("refused", lambda h: h.wishes[8].replies.append(Reply(500))),
    "overtaken": ("ordered", lambda h: setattr(h.executions[4], "started", 6.5)),
    "overtaken by far": ("ordered", lambda h: setattr(h.executions[4], "started", 1)),
    "the next one goes while one is held": ("ordered", lambda h: setattr(h.executions[10], "started", 2.2)),
    "overtaken by a late one": ("ordered", add("executions", done(20, "m-update", 2, 30))),
    "a read is held": ("held", lambda h: h.held.update(f=ended("f", "held", why="outcome_unknown", results=["lost"]))),
    "held, and could be looked for": ("held", lambda h: h.held.update(
        b=ended("b", "held", why="outcome_unknown", results=["lost"]))),
    "held though answered": ("held", lambda h: setattr(h.held["g"], "results", ["answered"])),
    "all held": ("held", many_held),
    "two operations for twins": ("keys", lambda h: (h.wishes[4].replies.append(taken("z")),
                                                    h.ended.update(z=ended("z", record=73)))),
    "one operation for two": ("keys", lambda h: h.wishes[5].replies.append(taken("a"))),
    "a stranger under a key": ("keys", lambda h: h.strangers.append(("shop", "i-1", taken("y")))),
    "a stranger refused wrongly": ("keys", lambda h: h.strangers.append(("shop", "i-1", Reply(500)))),
    "a stranger carried out": ("keys", add("executions", done(20, "m-twin-other", 5, 6, 90))),
    "sent and not written down": ("attempts", add("executions", done(20, "m-update", 1, 1.5))),
    "a hole in the attempts": ("attempts", lambda h: setattr(h.rows["c"].attempts[1], "number", 3)),
    "falling fences": ("attempts", lambda h: setattr(h.rows["c"].attempts[1], "fence", 0)),
    "ended by who had lost it": ("attempts", lambda h: (setattr(h.rows["c"], "finished", 65),
                                                       setattr(h.rows["c"].attempts[0], "ended", 65))),
    "counted wrongly": ("counters", lambda h: setattr(h, "counters", {("shop", "acme", "succeeded"): 7})),
    "blocked by nobody": ("counters", lambda h: setattr(h, "blocked_strays", 1)),
    "nobody told": ("told", lambda h: h.callbacks.clear()),
    "told of something else": ("told", lambda h: [setattr(c, "state", "held") for c in h.callbacks]),
    "nobody told that it is held": ("told", lambda h: setattr(h.wishes[6], "callback", True)),
    "told under two names": ("told", lambda h: setattr(h.callbacks[1], "webhook_id", "msg_b")),
    "a wrong signature": ("told", lambda h: setattr(h.callbacks[0], "signed", False)),
    "a broken file": ("store", lambda h: setattr(h, "integrity", "row 3 missing")),
    "a secret in the file": ("store", add("leaks", "the webhook's secret")),
    "a gateway that fell over": ("store", add("reports", "ended with -11")),
}


@pytest.mark.parametrize("name", BAD)
def test_what_must_not_happen_is_seen(good, name):
    rule, wrong = BAD[name]
    assert rule in rules(change(wrong)(good)), judge(change(wrong)(good))


def test_what_a_person_begins_anew_may_happen_again(good):
    good.executions.append(done(20, "m-add", 5, 6, 90))
    good.retried["a"] = 1
    assert judge(good) == []
