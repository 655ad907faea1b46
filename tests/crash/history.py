"""What happened in a run, as the oracle reads it. Plain data."""
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Set, Tuple

# What makes a repeat of a call safe, by the contract: decided here from the call alone, not taken from the gateway.
READ, REPEATABLE, CHECKABLE, KEYED, UNSAFE = "read", "repeatable", "checkable", "keyed", "unsafe"
FINAL = ("succeeded", "failed", "dead", "discarded")


@dataclass
class Reply:
    """What a client was told; status 0: nothing, the connection ended."""
    status: int
    code: str = ""
    executed: str = ""
    operation: str = ""
    record: int = 0  # in the answer of an add that was answered at once


@dataclass
class Wish:
    """One thing that a client wanted to happen once."""
    marker: str
    client: str
    kind: str
    method: str
    portal: str
    mode: str = "async"  # async, queue (X-B24-On-Failure), sync
    order: str = ""
    place: int = 0  # in the order of its client's hand-overs
    key: str = ""  # Idempotency-Key
    twins: int = 0  # how often it was asked for again under its key
    replies: List[Reply] = field(default_factory=list)
    callback: bool = False
    adds: bool = False

    @property
    def operations(self) -> Set[str]:
        return {reply.operation for reply in self.replies if reply.status == 202}


@dataclass
class Attempt:
    number: int
    lookup: bool
    fence: int
    intent: int
    ended: int
    mark: str


@dataclass
class Ended:
    """What GET /operations/{id} said in the end."""
    id: str
    state: str
    executed: str = ""
    why: str = ""
    inferred: bool = False
    record: int = 0  # in its answer
    answered: bool = False
    results: List[str] = field(default_factory=list)  # how its attempts ended, in order


@dataclass
class Row:
    """What the store's file says."""
    id: str
    state: str
    kind: str
    tried: int
    finished: int
    generation: int
    attempts: List[Attempt] = field(default_factory=list)


@dataclass
class Execution:
    """What the portal has done."""
    portal: str
    number: int
    started: float
    ended: float
    method: str
    record: int
    marker: str
    error: str = ""
    key: str = ""


@dataclass
class Callback:
    operation: str
    webhook_id: str
    state: str
    signed: bool


@dataclass
class History:
    wishes: List[Wish] = field(default_factory=list)
    # Requests under a key that was used for something else: (client, key, reply).
    strangers: List[Tuple[str, str, Reply]] = field(default_factory=list)
    ended: Dict[str, Optional[Ended]] = field(default_factory=dict)  # None: 404
    held: Dict[str, Ended] = field(default_factory=dict)  # as they were when the test saw them so
    executions: List[Execution] = field(default_factory=list)
    rows: Dict[str, Row] = field(default_factory=dict)
    counters: Dict[Tuple[str, str, str], int] = field(default_factory=dict)  # client, portal, state
    counted: Dict[Tuple[str, str, str], int] = field(default_factory=dict)
    blocked_strays: int = 0
    discarded: Dict[str, float] = field(default_factory=dict)  # by the test, since then
    retried: Dict[str, int] = field(default_factory=dict)  # by the test, id: how often
    callbacks: List[Callback] = field(default_factory=list)
    callbacks_on: bool = False
    leaks: List[str] = field(default_factory=list)  # secrets and bodies that stand in the store as they are
    integrity: str = "ok"
    reports: List[str] = field(default_factory=list)  # gateways that ended by themselves, sanitizers
