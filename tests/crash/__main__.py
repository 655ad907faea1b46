"""See scripts/crash."""
import argparse
import pathlib
import secrets
import shutil
import sys
import tempfile

from . import report
from .run import Options, Result, Run

SABOTAGES = {"acknowledge_early": "sqlite", "repeat_unsafe": "sqlite", "no_settling": "sqlite",
             "unblock_on_held": "sqlite", "forget_intent": "sqlite", "no_fence": "postgresql"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/crash", description=(
        "Kills gateways while clients hand operations over, and looks whether one is lost, done twice or overtaken."))
    parser.add_argument("--minutes", type=float, default=2, help="how long (2)")
    parser.add_argument("--kills", type=int, help="how many (one each 3.5 seconds)")
    parser.add_argument("--seed", type=int, help="the one that an earlier run has printed; else another one each time")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite",
                        help="postgresql: two gateways, and the server is restarted once")
    parser.add_argument("--rate", type=float, default=25, help="calls a second that clients ask for (25)")
    parser.add_argument("--severity", type=float, default=1, help="how much more goes wrong at the portal (1)")
    parser.add_argument("--keep", type=pathlib.Path, help="where to write what happened, when something is wrong")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), help="break this promise; the run must see it")
    parser.add_argument("--prove", action="store_true",
                        help="break each promise, one after the other, and see that the oracle notices")
    parser.add_argument("--no-callbacks", action="store_true", help="ask for no callbacks")
    return parser.parse_args()


def one(given: argparse.Namespace, seed: int, minutes: float, sabotage: str, store: str) -> Result:
    kills = given.kills if given.kills is not None else max(1, round(minutes * 60 / 3.5))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="b24gate-crash."))
    try:
        with Run(Options(seed, minutes, kills, store, rate=given.rate, severity=given.severity, sabotage=sabotage,
                         folder=folder, callbacks=not given.no_callbacks)) as run:
            return run.go()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def again(given: argparse.Namespace, seed: int, sabotage: str, store: str) -> str:
    words = ["scripts/crash", "--seed", str(seed), "--minutes", f"{given.minutes:g}", "--store", store]
    for name in ("kills", "rate", "severity"):
        value = getattr(given, name)
        if value is not None and value != {"rate": 25, "severity": 1}.get(name):
            words += [f"--{name}", f"{value:g}"]
    return " ".join(words + (["--sabotage", sabotage] if sabotage else []) +
                    (["--no-callbacks"] if given.no_callbacks else []))


def tell(result: Result) -> None:
    print(report.summary(result.history, result.facts), flush=True)
    for violation in result.violations[:30]:
        print(f"  {violation}", flush=True)
    if len(result.violations) > 30:
        print(f"  and {len(result.violations) - 30} more")


def prove(given: argparse.Namespace, seed: int) -> int:
    unseen = []
    for sabotage, store in SABOTAGES.items():
        result = one(given, seed, min(given.minutes, 1.5 if store == "postgresql" else 0.6), sabotage, store)
        rules = sorted({violation.rule for violation in result.violations})
        print(f"{sabotage}: {', '.join(rules) or 'NOT NOTICED'} ({len(result.violations)} complaints)", flush=True)
        for violation in result.violations[:2]:
            print(f"  {violation}", flush=True)
        if not rules:
            unseen.append(sabotage)
    print(f"{len(SABOTAGES) - len(unseen)} passed, {len(unseen)} failed")
    return 1 if unseen else 0


def main() -> int:
    given = arguments()
    seed = given.seed if given.seed is not None else secrets.randbelow(10 ** 9)
    print(f"seed {seed}", flush=True)
    if given.prove:
        return prove(given, seed)
    result = one(given, seed, given.minutes, given.sabotage or "", given.store)
    tell(result)
    if given.sabotage:
        print("noticed" if result.violations else "NOT NOTICED")
        return 0 if result.violations else 1
    if result.violations:
        if given.keep:
            report.keep(result.history, result.violations, result.last_words, given.keep)
        print(f"again: {again(given, seed, '', given.store)}")
    print(f"{0 if result.violations else 1} passed, {1 if result.violations else 0} failed")
    return 1 if result.violations else 0


sys.exit(main())
