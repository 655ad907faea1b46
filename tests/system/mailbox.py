"""A mail server that keeps what it gets: ESMTP with STARTTLS and TLS from the start, on asyncio. Standard library only."""
import asyncio
import base64
import email
import email.policy
import ssl
import threading
from dataclasses import dataclass, field
from typing import List, Optional


@dataclass
class Mail:
    sender: str
    receivers: List[str]
    data: bytes
    tls: bool
    user: Optional[str]

    @property
    def message(self):
        return email.message_from_bytes(self.data, policy=email.policy.default)

    @property
    def text(self) -> str:
        return self.message.get_content()


@dataclass
class Mailbox:
    """`refuse`: the answer to RCPT TO, where it is to be no good one; `starttls`: whether it is offered."""

    context: Optional[ssl.SSLContext] = None
    implicit: bool = False
    starttls: bool = True
    password: Optional[str] = None
    refuse: str = ""
    hang: bool = False
    received: List[Mail] = field(default_factory=list)
    sessions: int = 0

    def __post_init__(self):
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    @property
    def url(self) -> str:
        return f"{'smtps' if self.implicit else 'smtp'}://localhost:{self.port}"

    def close(self) -> None:
        def end() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join(5)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context if self.implicit else None))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()

    async def _serve(self, reader, writer) -> None:
        self.sessions += 1
        try:
            await self._session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _session(self, reader, writer) -> None:
        tls, user, sender, receivers = self.implicit, None, "", []

        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 localhost ESMTP")
        while True:
            await writer.drain()
            line = (await reader.readuntil(b"\r\n"))[:-2].decode()
            if self.hang:
                await asyncio.sleep(3600)
            verb = line.upper()
            if verb.startswith("EHLO"):
                say("250-localhost")
                if self.context and self.starttls and not tls:
                    say("250-STARTTLS")
                if self.password is not None and (tls or not self.context):
                    say("250-AUTH PLAIN")
                say("250 8BITMIME")
            elif verb.startswith("HELO"):
                say("250 localhost")
            elif verb == "STARTTLS":
                say("220 go ahead")
                await writer.drain()
                # asyncio of Debian 12's Python has start_tls of streams' writers.
                await writer.start_tls(self.context)
                tls, user = True, None
            elif verb.startswith("AUTH PLAIN"):
                given = line[len("AUTH PLAIN"):].strip()
                if not given:
                    say("334 ")
                    await writer.drain()
                    given = (await reader.readuntil(b"\r\n"))[:-2].decode()
                _, name, password = base64.b64decode(given).decode().split("\0")
                if password == self.password:
                    user = name
                    say("235 welcome")
                else:
                    say("535 wrong password")
            elif verb.startswith("MAIL FROM:"):
                sender, receivers = line[10:].split(">")[0].strip(" <"), []
                say("250 ok")
            elif verb.startswith("RCPT TO:"):
                if self.refuse:
                    say(self.refuse)
                else:
                    receivers.append(line[8:].split(">")[0].strip(" <"))
                    say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                await writer.drain()
                data = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                self.received.append(Mail(sender, receivers, data, tls, user))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                await writer.drain()
                return
            else:
                say("502 no such command")
