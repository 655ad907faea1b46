"""Gateways that are killed at any moment and come back at once."""
import pathlib
import random
import signal
import threading
import time
from typing import Dict, List, Optional, Tuple

from harness import Process, parse_address


# What is written beyond a limit is then an error, as on a full disk, and no signal.
NO_SIGNAL = ["sh", "-c", 'trap "" XFSZ; exec "$@"', "sh"]


class Member(Process):
    """b24gate serve, or its sabotaged twin."""

    def __init__(self, program: pathlib.Path, config: pathlib.Path, environment: Dict[str, str]):
        super().__init__([*NO_SIGNAL, str(program), "serve", "--config", str(config)], environment)
        places = self.listening.get("listening", self.listening)
        self.data = parse_address(next(places[name] for name in ("listen", "data") if places.get(name)))


class Fleet:
    def __init__(self, program: pathlib.Path, configs: List[pathlib.Path], environment: Dict[str, str],
                 reports: List[str]):
        self.program, self.configs, self.environment, self.reports = program, configs, environment, reports
        self.lock = threading.Lock()
        self.members: List[Optional[Member]] = [None] * len(configs)
        self.kills = self.pauses = 0
        self.starts: List[float] = []
        self.last_words: List[str] = []

    def start(self, number: int) -> None:
        began = time.monotonic()
        member = Member(self.program, self.configs[number], self.environment)
        self.starts.append(time.monotonic() - began)
        with self.lock:
            self.members[number] = member

    def start_all(self) -> None:
        for number in range(len(self.configs)):
            self.start(number)

    def address(self, random_: random.Random) -> Tuple[str, int]:
        """Of any gateway that is there."""
        with self.lock:
            there = [member for member in self.members if member]
        if not there:
            raise ConnectionRefusedError("no gateway is there")
        return random_.choice(there).data

    def kill(self, number: int, back: bool = True) -> None:
        with self.lock:
            member, self.members[number] = self.members[number], None
        if member:
            self.look_at(member)
            member.kill()
            self.kills += 1
        if back:
            self.start(number)

    def pause(self, number: int, longest: float, is_time) -> None:
        """Others take it for dead; it does not know. It wakes when `is_time` says so."""
        member = self.members[number]
        member.signal(signal.SIGSTOP)
        self.pauses += 1
        deadline = time.monotonic() + longest
        while time.monotonic() < deadline and not is_time():
            time.sleep(0.05)
        member.signal(signal.SIGCONT)

    def look_at(self, member: Member) -> None:
        """One that has ended by itself, or about which a sanitizer has spoken, is a finding."""
        code = member.process.poll()
        if code is not None:
            self.reports.append(f"a gateway ended by itself with {code}: {member.output[-1500:]}")
        try:
            member.check_reports()
        except AssertionError as error:
            self.reports.append(str(error)[:3000])
        self.last_words = (member.out + member.err)[-200:]

    def watch(self) -> None:
        """Brings back who has ended by himself, which is a finding."""
        for number, member in enumerate(self.members):
            if member and member.process.poll() is not None:
                self.look_at(member)
                with self.lock:
                    self.members[number] = None
                self.start(number)

    def stop(self) -> None:
        for number, member in enumerate(self.members):
            if not member:
                continue
            self.members[number] = None
            try:
                member.stop()
            except AssertionError as error:
                self.reports.append(str(error)[:3000])
            self.last_words = (member.out + member.err)[-200:]
