"""What may not have happened. Looks only at what clients were told, what the portal has done and what the store says in
the end; knows nothing of how the gateway works."""
from collections import defaultdict
from typing import Dict, Iterator, List, NamedTuple

from .history import CHECKABLE, FINAL, KEYED, READ, REPEATABLE, UNSAFE, Execution, History, Row, Wish

# Of all operations, and of those that nobody can check: more than so many held would be a way of passing.
MOST_HELD, MOST_UNSAFE_HELD = 0.2, 0.6


class Violation(NamedTuple):
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def judge(history: History) -> List[Violation]:
    case = Case(history)
    found: List[Violation] = []
    for rule in (case.kept, case.once, case.succeeded, case.not_executed, case.refused, case.ordered, case.held,
                 case.keys, case.attempts, case.counters, case.told, case.store):
        found += [Violation(rule.__name__, text) for text in rule()]
    return found


class Case:
    def __init__(self, history: History):
        self.history = history
        self.done: Dict[str, List[Execution]] = defaultdict(list)
        self.tried: Dict[str, List[Execution]] = defaultdict(list)
        for execution in history.executions:
            if execution.marker:
                self.tried[execution.marker].append(execution)
                if not execution.error:
                    self.done[execution.marker].append(execution)

    def ends(self) -> Iterator[tuple]:
        for wish in self.history.wishes:
            for operation in sorted(wish.operations):
                ended = self.history.ended.get(operation)
                if ended:
                    yield wish, ended

    def allowed(self, wish: Wish) -> int:
        return 1 + sum(self.history.retried.get(operation, 0) for operation in wish.operations)

    # --- rules: each gives what is wrong, in words -----------------------------------------------------------------

    def kept(self) -> Iterator[str]:
        for wish in self.history.wishes:
            for operation in sorted(wish.operations):
                if operation not in self.history.ended:
                    yield f"{operation} ({wish.marker}) was never asked for"
                elif self.history.ended[operation] is None:
                    yield f"{operation} ({wish.marker}) got a 202 and is not there"
        for wish, ended in self.ends():
            if ended.state not in FINAL and ended.state != "held":
                yield f"{ended.id} ({wish.marker}) is {ended.state} {ended.why} in the end"
            if ended.state == "discarded" and ended.id not in self.history.discarded:
                yield f"{ended.id} ({wish.marker}) is discarded, and nobody did that"

    def once(self) -> Iterator[str]:
        for wish in self.history.wishes:
            done = self.done[wish.marker]
            if wish.kind in (CHECKABLE, KEYED, UNSAFE) and len(done) > self.allowed(wish):
                times = ", ".join(f"{e.started:.3f}-{e.ended:.3f}" for e in done)
                yield f"{wish.kind} {wish.method} {wish.marker} was carried out {len(done)} times: {times}"

    def succeeded(self) -> Iterator[str]:
        for wish, ended in self.ends():
            if ended.state != "succeeded":
                continue
            if not self.done[wish.marker]:
                yield f"{ended.id} ({wish.method} {wish.marker}) has succeeded and was never carried out"
            elif wish.kind == KEYED and ended.inferred and not ended.record:
                pass  # a key that is used up shows that it was done, and not what the answer was
            elif wish.adds and ended.record not in [e.record for e in self.done[wish.marker]]:
                yield f"{ended.id} ({wish.marker}) answers with record {ended.record}, which it did not make"
            elif not ended.answered and not ended.inferred:
                yield f"{ended.id} ({wish.marker}) has succeeded and has no answer"

    def not_executed(self) -> Iterator[str]:
        for wish, ended in self.ends():
            if wish.kind == READ or ended.id in self.history.retried:
                continue
            if ended.state in ("failed", "dead") and ended.executed == "no" and self.done[wish.marker]:
                yield f"{ended.id} ({wish.marker}) is {ended.state} and said not to be carried out; it was"

    def refused(self) -> Iterator[str]:
        """Who was told "no" before there was a promise has nothing done behind his back."""
        for wish in self.history.wishes:
            certain = [r for r in wish.replies if r.status >= 400 and r.executed == "no"]
            # What may be repeated is: its last attempt can say "no" when an earlier one has done it.
            once = wish.kind in (CHECKABLE, KEYED, UNSAFE)
            if once and wish.replies and len(certain) == len(wish.replies) and self.done[wish.marker]:
                yield f"{wish.marker} was refused with {certain[0].status} {certain[0].code}, and was carried out"
            if wish.mode == "async":
                for reply in wish.replies:
                    if reply.status not in (0, 202, 400, 409, 413, 503):
                        yield f"the hand-over of {wish.marker} was answered {reply.status} {reply.code}"

    def ordered(self) -> Iterator[str]:
        """Nothing of a later one begins before all of an earlier one is over, what was cut off included."""
        chains: Dict[tuple, List[Wish]] = defaultdict(list)
        for wish in self.history.wishes:
            # A place in the order is known only of what was promised before the next one was asked for.
            if wish.order and wish.operations:
                chains[(wish.client, wish.portal, wish.order)].append(wish)
        for chain in chains.values():
            chain.sort(key=lambda wish: wish.place)
            over, last = 0.0, ""
            for wish in chain:
                # A read that comes late changes nothing; what a person begins anew has lost its place.
                begun_anew = any(operation in self.history.retried for operation in wish.operations)
                tried = self.tried[wish.marker]
                begins = min((e.started for e in tried), default=over)
                if begins < over and not begun_anew:
                    yield (f"{wish.marker} began at {begins:.3f}, before {last} of its order key {wish.order} was over "
                           f"at {over:.3f}")
                if wish.kind == READ or begun_anew:
                    continue
                # One that is held keeps the others waiting until somebody gives it up.
                given_up = [self.history.discarded.get(operation, 0.0) for operation in wish.operations]
                ends = max([e.ended for e in tried] + given_up)
                if ends > over:
                    over, last = ends, wish.marker

    def held(self) -> Iterator[str]:
        """Held is what is unknown and can neither be repeated nor looked for; and nothing else."""
        wish_of = {operation: wish for wish in self.history.wishes for operation in wish.operations}
        seen = dict(self.history.held)
        seen.update({ended.id: ended for _, ended in self.ends() if ended.state == "held"})
        for ended in seen.values():
            wish = wish_of.get(ended.id)
            if not wish:
                continue
            if wish.kind in (READ, REPEATABLE):
                yield f"{ended.id} ({wish.kind} {wish.marker}) is held ({ended.why}) and could be repeated"
            if wish.kind == CHECKABLE and ended.why != "lookup_failed":
                yield f"{ended.id} ({wish.marker}) is held ({ended.why}) and could be looked for"
            if not {"unknown", "lost"} & set(ended.results):
                yield f"{ended.id} ({wish.marker}) is held ({ended.why}), and each of its attempts was answered"
        unsafe = sum(wish.kind == UNSAFE for wish in wish_of.values())
        if len(wish_of) >= 100 and len(seen) > MOST_HELD * len(wish_of):
            yield f"{len(seen)} of {len(wish_of)} are held: that is no way to keep a promise"
        if unsafe >= 100 and len(seen) > MOST_UNSAFE_HELD * unsafe:
            yield f"{len(seen)} are held, and only {unsafe} cannot be checked"

    def keys(self) -> Iterator[str]:
        first: Dict[str, Wish] = {}
        for wish in self.history.wishes:
            if len(wish.operations) > 1:
                yield f"{wish.marker} has {len(wish.operations)} operations under one key {wish.key or '(none)'}"
            for operation in wish.operations:
                other = first.setdefault(operation, wish)
                if other is not wish:
                    yield f"{operation} stands for {other.marker} and for {wish.marker}"
        for client, key, reply in self.history.strangers:
            if reply.status == 202:
                yield f"{client} used {key} for another request and got a 202"
            elif reply.status not in (0, 409, 503):
                yield f"{client} used {key} for another request and got {reply.status} {reply.code}"
        for marker in self.tried:
            if marker.endswith("-other"):
                yield f"{marker} was carried out under the key of another request"

    def attempts(self) -> Iterator[str]:
        marker_of = {operation: wish for wish in self.history.wishes for operation in wish.operations}
        for row in self.history.rows.values():
            numbers = [attempt.number for attempt in row.attempts]
            if numbers != list(range(1, len(numbers) + 1)) or len(numbers) != row.tried:
                yield f"{row.id} has attempts {numbers} and says {row.tried}"
            fences = [attempt.fence for attempt in row.attempts]
            if fences != sorted(fences):
                yield f"{row.id}: its fences fall: {fences}"
            wish = marker_of.get(row.id)
            sends = sum(not attempt.lookup for attempt in row.attempts)
            # What was tried before it was handed over was no operation's attempt.
            if wish and wish.mode == "async" and len(self.tried[wish.marker]) > sends:
                yield f"{row.id} ({wish.marker}) was sent {len(self.tried[wish.marker])} times and wrote down {sends}"
            yield from self._ender(row)

    @staticmethod
    def _ender(row: Row) -> Iterator[str]:
        """Who ended it must have been the last one to try."""
        if row.state not in ("succeeded", "failed") or not row.attempts or row.generation:
            return
        for attempt in row.attempts[:-1]:
            later = row.attempts[attempt.number]
            if attempt.ended == row.finished and attempt.ended > later.intent and later.ended != row.finished:
                yield (f"{row.id} was ended by its attempt {attempt.number} at {row.finished}, while attempt "
                       f"{later.number} was under way since {later.intent}")

    def counters(self) -> Iterator[str]:
        for name in sorted(set(self.history.counters) | set(self.history.counted)):
            says, is_there = self.history.counters.get(name, 0), self.history.counted.get(name, 0)
            if says != is_there:
                yield f"the counter of {name} says {says}, and there are {is_there}"
        if self.history.blocked_strays:
            yield f"{self.history.blocked_strays} wait for an order key that nobody holds"

    def told(self) -> Iterator[str]:
        if not self.history.callbacks_on:
            return
        got = defaultdict(list)
        for callback in self.history.callbacks:
            got[callback.operation].append(callback)
        for wish, ended in self.ends():
            if not wish.callback:
                continue
            # A call that was tried at once may be held from the beginning: its 202 says so.
            was_held = wish.mode == "async" and ended.id in self.history.held
            for state in {ended.state} | ({"held"} if was_held else set()):
                mine = [c for c in got[ended.id] if c.state == state]
                if not mine:
                    yield f"nobody was told that {ended.id} ({wish.marker}) is {state}"
                # What a person begins anew ends anew.
                if len({c.webhook_id for c in mine}) > self.allowed(wish):
                    yield f"{ended.id} was told of under several names: {sorted({c.webhook_id for c in mine})}"
        for callback in self.history.callbacks:
            if not callback.signed:
                yield f"the callback {callback.webhook_id} has a wrong signature"

    def store(self) -> Iterator[str]:
        if self.history.integrity != "ok":
            yield f"integrity_check says {self.history.integrity}"
        for leak in self.history.leaks:
            yield f"{leak} stands in the store as it is"
        for report in self.history.reports:
            yield report
