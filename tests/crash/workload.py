"""What clients ask for, and what they are told. Each client is a thread whose wishes follow from the seed alone."""
import http.client
import json
import random
import socket
import threading
import time
from typing import Callable, Dict, List, Optional, Tuple

from .history import CHECKABLE, KEYED, READ, REPEATABLE, UNSAFE, History, Reply, Wish

# Begins every text that a client makes up: none of them may stand in the store as it is.
MARK = "mk7q-"
PORTALS = ("acme", "beta")
ADDRESS_PATIENCE, ANSWER_PATIENCE = 30, 12
ROWS_TO_UPDATE = 100


class Asking:
    """A wish and the request that says it."""

    def __init__(self, wish: Wish, path: str, params: dict, headers: Dict[str, str]):
        self.wish, self.path, self.params, self.headers = wish, path, params, headers


def speak(address: Tuple[str, int], path: str, body: Optional[bytes], headers: Dict[str, str], verb: str = "POST",
          patience: float = ANSWER_PATIENCE) -> Tuple[int, bytes]:
    """Status and body; status 0: the connection broke or nothing came. ConnectionRefusedError: nothing was sent."""
    connection = http.client.HTTPConnection(*address, timeout=patience)
    try:
        connection.connect()
    except (OSError, socket.timeout) as error:
        raise ConnectionRefusedError(str(error)) from None
    try:
        connection.request(verb, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def reply_of(status: int, body: bytes) -> Reply:
    try:
        said = json.loads(body) if body else {}
    except ValueError:
        return Reply(status, "no JSON")
    reply = Reply(status)
    if status == 202:
        reply.operation = said.get("operation", {}).get("id", "")
        return reply
    error = said.get("error", "")
    reply.code = error.get("code", "") if isinstance(error, dict) else str(error)
    gateway = said.get("gateway")
    if isinstance(gateway, dict):
        reply.executed = gateway.get("executed", "")
    reply.record = record_of(said.get("result"))
    return reply


def record_of(result) -> int:
    """The id in what an add answers."""
    if isinstance(result, dict):
        inner = result.get("item") or result.get("task") or result
        result = inner.get("id", 0) if isinstance(inner, dict) else 0
    return int(result) if isinstance(result, (int, str)) and str(result).isdigit() and result is not True else 0


class Client(threading.Thread):
    def __init__(self, number: int, seed: int, key: str, history: History, address: Callable[[random.Random], tuple],
                 rate: float, callback: str = ""):
        super().__init__(daemon=True, name=f"client{number}")
        self.number, self.key, self.history, self.address = number, key, history, address
        self.random = random.Random(f"{seed}/{number}")
        self.pause, self.callback = 1 / rate, callback
        self.stopping = threading.Event()
        self.asked = 0
        self.failure: Optional[BaseException] = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.ask(self.think_of())
                self.stopping.wait(self.random.expovariate(1 / self.pause))
        except BaseException as error:  # told by run.py
            self.failure = error

    # --- wishes ------------------------------------------------------------------------------------------------------

    def think_of(self) -> Asking:
        roll, chance = self.random, self.random.random
        self.asked += 1
        marker = f"{MARK}{self.number}-{self.asked}"
        portal = roll.choice(PORTALS)
        make = roll.choices((self.plain_add, self.origin_add, self.item_add, self.update, self.delete, self.read,
                             self.task_add, self.task_update, self.hopeless), (10, 18, 8, 22, 6, 10, 12, 8, 6))[0]
        kind, method, params = make(marker)
        wish = Wish(marker, f"client{self.number}", kind, method, portal, adds=method.endswith(".add"))
        if isinstance(params.get("fields"), dict):
            size = int(100 * 10 ** roll.uniform(0, 2.3)) if chance() > 0.01 else roll.randrange(100_000, 900_000)
            params["fields"]["comments" if ".item." in method or method.startswith("tasks.") else "COMMENTS"] = (
                f"{marker} " + "o" * size)
        headers = {"Content-Type": "application/json"}
        wish.mode = roll.choices(("async", "queue", "sync"), (76, 14, 10))[0]
        if wish.mode == "async":
            headers["Prefer"] = "respond-async"
            if kind != READ and chance() < 0.35:
                wish.order, wish.place = f"{MARK}order-{roll.randrange(2)}", self.asked
                headers["X-B24-Order-Key"] = wish.order
        elif wish.mode == "queue":
            headers["X-B24-On-Failure"] = "queue"
        if wish.mode != "sync" and chance() < 0.2:
            wish.key = headers["Idempotency-Key"] = f"{MARK}key-{self.number}-{self.asked}"
        if wish.mode != "sync" and self.callback and chance() < 0.3:
            wish.callback = True
            headers["X-B24-Callback"] = self.callback
        api = "api/" if method.startswith("tasks.") else ""
        return Asking(wish, f"/portals/{portal}/rest/{api}1/{self.key}/{method}", params, headers)

    def plain_add(self, marker: str) -> tuple:
        return UNSAFE, f"crm.{self.random.choice(('deal', 'contact'))}.add", {"fields": {"UF_MARK": marker}}

    def origin_add(self, marker: str) -> tuple:
        entity = self.random.choice(("lead", "deal", "contact", "company"))
        return CHECKABLE, f"crm.{entity}.add", {"fields": {"ORIGINATOR_ID": "shop", "ORIGIN_ID": marker}}

    def item_add(self, marker: str) -> tuple:
        if self.random.random() < 0.5:
            return CHECKABLE, "crm.item.add", {"entityTypeId": 150, "fields": {"xmlId": marker}}
        return CHECKABLE, "crm.item.add", {"entityTypeId": 2, "fields": {"originatorId": "shop", "originId": marker}}

    def update(self, marker: str) -> tuple:
        return REPEATABLE, "crm.deal.update", {"id": self.random.randint(1, ROWS_TO_UPDATE),
                                               "fields": {"UF_MARK": marker}}

    def delete(self, marker: str) -> tuple:
        # A row of its own each time; those that the others update are not among them.
        return REPEATABLE, "crm.deal.delete", {"id": ROWS_TO_UPDATE + self.number * 1000 + self.asked % 1000 + 1,
                                               "UF_MARK": marker}

    def read(self, marker: str) -> tuple:
        return READ, "crm.deal.get", {"id": self.random.randint(1, ROWS_TO_UPDATE), "UF_MARK": marker}

    def task_add(self, marker: str) -> tuple:
        return KEYED, "tasks.task.add", {"fields": {"title": marker, "creatorId": 1, "responsibleId": 1}}

    def task_update(self, marker: str) -> tuple:
        return REPEATABLE, "tasks.task.update", {"id": self.random.randint(1, 50), "fields": {"title": marker}}

    def hopeless(self, marker: str) -> tuple:
        """What the portal will refuse."""
        if self.random.random() < 0.5:
            return REPEATABLE, "crm.deal.update", {"id": 10 ** 9, "fields": {"UF_MARK": marker}}
        return UNSAFE, "crm.deal.add", {"fields": "none", "UF_MARK": marker}

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(self, asking: Asking) -> None:
        wish = asking.wish
        self.history.wishes.append(wish)
        body = json.dumps(asking.params).encode()
        self.send(wish, asking, body)
        if not wish.key:
            return
        # Under a key it may be asked for again: until there is an answer, and for good measure once more.
        for _ in range(5):
            if wish.replies and wish.replies[-1].status not in (0, 503, 504):
                break
            self.stopping.wait(self.random.uniform(0.1, 1))
            self.send(wish, asking, body)
        wish.twins = self.random.randrange(3)
        for _ in range(wish.twins):
            self.send(wish, asking, body)
        # A key that was refused with nothing done stands for nothing.
        if wish.operations and self.random.random() < 0.3:
            status, answer = self.speak_up(asking, body.replace(wish.marker.encode(), f"{wish.marker}-other".encode()))
            self.history.strangers.append((wish.client, wish.key, reply_of(status, answer)))

    def send(self, wish: Wish, asking: Asking, body: bytes) -> None:
        status, answer = self.speak_up(asking, body)
        wish.replies.append(reply_of(status, answer))

    def speak_up(self, asking: Asking, body: bytes) -> Tuple[int, bytes]:
        deadline = time.monotonic() + ADDRESS_PATIENCE
        while True:
            try:
                return speak(self.address(self.random), asking.path, body, asking.headers)
            except ConnectionRefusedError:
                # Nothing has been asked yet: wait for a gateway to be there.
                if time.monotonic() > deadline:
                    raise AssertionError("no gateway for half a minute") from None
                time.sleep(0.02)


def start_clients(count: int, seed: int, keys: List[str], history: History, address, rate: float,
                  callback: str = "") -> List[Client]:
    clients = [Client(i, seed, keys[i], history, address, rate / count, callback) for i in range(count)]
    for client in clients:
        client.start()
    return clients
