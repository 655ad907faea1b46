"""Asks what became of each promise, as clients do, and decides what is left to a person: it discards what is held."""
import json
import random
import threading
import time
from typing import Callable, Dict, List, Optional, Tuple

from .history import FINAL, Ended, History, Wish
from .workload import record_of, speak


def ended_of(said: dict) -> Ended:
    operation = said["operation"]
    answer = operation.get("answer")
    body = answer.get("body") if isinstance(answer, dict) else None
    return Ended(operation["id"], operation["state"], operation.get("executed") or "", operation.get("why") or "",
                 bool(operation.get("inferred")), record_of(body.get("result")) if isinstance(body, dict) else 0,
                 answer is not None, [attempt.get("result") or "" for attempt in operation.get("attempts", [])])


class Desk(threading.Thread):
    def __init__(self, history: History, keys: Dict[str, str], address, seed: int,
                 held: Callable[[], List[Tuple[str, str]]]):
        super().__init__(daemon=True, name="desk")
        self.history, self.keys, self.address = history, keys, address
        self.random = random.Random(f"{seed}/desk")
        self.stopping = threading.Event()
        self.held = held  # id and client, as the store says
        self.seen_held: Dict[str, float] = {}
        # A person takes his time: meanwhile others come to wait behind what is held.
        self.hesitation = 6.0
        self.open: Dict[str, Wish] = {}
        self.failure: Optional[BaseException] = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.round(limit=100)
                self.stopping.wait(0.5)
        except BaseException as error:  # told by run.py
            self.failure = error

    def round(self, limit: Optional[int] = None) -> None:
        for wish in self.history.wishes:
            for operation in wish.operations:
                if operation not in self.history.ended and operation not in self.open:
                    self.open[operation] = wish
        chosen: List[str] = list(self.open)
        if limit is not None and len(chosen) > limit:
            chosen = self.random.sample(chosen, limit)
        for operation in chosen:
            if self.stopping.is_set() and limit is not None:
                return
            self.ask(operation)

    def speak(self, verb: str, operation: str, client: str):
        try:
            return speak(self.address(self.random), f"/operations/{operation}", None,
                         {"Authorization": f"Bearer {self.keys[client]}"}, verb, 5)
        except ConnectionRefusedError:
            return 0, b""

    def ask(self, operation: str) -> None:
        client = self.open[operation].client
        status, body = self.speak("GET", operation, client)
        if status == 404:
            self.history.ended[operation] = None
            del self.open[operation]
        if status != 200:
            return
        ended = ended_of(json.loads(body))
        if ended.state in FINAL:
            self.history.ended[operation] = ended
            del self.open[operation]
        elif ended.state == "held":
            self.history.held.setdefault(operation, ended)
            if time.monotonic() < self.seen_held.setdefault(operation, time.monotonic()) + self.hesitation:
                return
            # Before it is known to have happened: a gateway may die over it.
            self.history.discarded.setdefault(operation, time.time())
            self.speak("DELETE", operation, client)

    def drain(self, seconds: float) -> bool:
        """Until everything has ended."""
        self.hesitation = 0.0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.round()
            if not self.open:
                return True
            # Those whose callers never heard of them have nobody else to give them up.
            for operation, client in self.held():
                if operation not in self.open:
                    self.speak("DELETE", operation, client)
            time.sleep(0.3)
        for operation, wish in self.open.items():
            status, body = self.speak("GET", operation, wish.client)
            self.history.ended[operation] = (ended_of(json.loads(body)) if status == 200 else
                                             Ended(operation, f"answered {status}"))
        return False
