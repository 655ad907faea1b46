"""What is said of a run, and what is kept of one that went wrong."""
import collections
import dataclasses
import json
import pathlib
from typing import Dict, List

from .history import History
from .oracle import Violation


def summary(history: History, run: Dict[str, object]) -> str:
    promised = [wish for wish in history.wishes if wish.operations]
    states = collections.Counter(ended.state if ended else "gone" for ended in history.ended.values())
    kinds = collections.Counter(wish.kind for wish in promised)
    said = collections.Counter(reply.status for wish in history.wishes for reply in wish.replies)
    held = collections.Counter(ended.why for ended in history.held.values())
    vague = sum(bool(ended) and ended.state in ("failed", "dead") and ended.executed == "unknown"
                for ended in history.ended.values())
    attempts = sum(len(row.attempts) for row in history.rows.values())
    cut = sum(attempt.mark in ("lost", "unknown") for row in history.rows.values() for attempt in row.attempts)
    looks = sum(attempt.lookup for row in history.rows.values() for attempt in row.attempts)
    most = max((len(row.attempts) for row in history.rows.values()), default=0)
    lines = [
        ", ".join(f"{name} {value}" for name, value in run.items()),
        f"asked for {len(history.wishes)} calls; promised {len(history.ended)} operations: {counted(kinds)}",
        f"in order {sum(bool(wish.order) for wish in promised)}, under a key {sum(bool(w.key) for w in promised)}, "
        f"keys used for something else {len(history.strangers)}, answers {counted(said)}",
        f"ended: {counted(states)}; held by {counted(held) or 'none'}; "
        f"failed or dead with an outcome that nobody knows {vague}",
        f"attempts {attempts}, cut off {cut}, lookups {looks}, at most {most} of one; the portals carried out "
        f"{len(history.executions)} calls; callbacks {len(history.callbacks)}",
    ]
    return "\n".join(lines)


def counted(counter: collections.Counter) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items(), key=lambda item: str(item[0])))


def keep(history: History, violations: List[Violation], last_words: List[str], folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plain = dataclasses.asdict(history)
    for name in ("counters", "counted"):
        plain[name] = {"/".join(key): value for key, value in plain[name].items()}
    (folder / "history.json").write_text(json.dumps(plain, indent=1))
    (folder / "violations.txt").write_text("\n".join(map(str, violations)) + "\n")
    (folder / "gateway.log").write_text("\n".join(last_words) + "\n")
