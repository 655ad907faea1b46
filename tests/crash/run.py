"""One run: a simulated cloud, gateways, clients, trouble, and in the end the oracle."""
import pathlib
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from harness import ADMIN_KEY, BUILD, PATIENCE, ROOT, SECRET, Sim, sha256
from oauth import CLIENT_ID, CLIENT_SECRET, STORE_KEY, tokens

from . import faults, oracle, sink, witness, workload
from .desk import Desk
from .fleet import Fleet
from .history import Execution, History

CONFIG = """
[server]
listen = "127.0.0.1:0"
threads = 2
shutdown_grace = "5s"
[admin]
listen = "127.0.0.1:0"
key = "env:ADMIN_KEY"
[store]
url = "env:STORE_URL"
encryption_key = "env:STORE_KEY"
[portals.acme]
url = "{sim}/acme"
plan = "none"
timeout = "{timeout}ms"
assume_spent = false
[portals.acme.credentials.main]
type = "oauth"
client_id = "{client_id}"
client_secret = "env:CLIENT_SECRET"
token_url = "{sim}/oauth/token/"
[portals.beta]
url = "{sim}/beta"
plan = "none"
timeout = "{timeout}ms"
assume_spent = false
[portals.beta.credentials.main]
type = "webhook"
user = 1
secret = "env:WEBHOOK"
{clients}
[retry]
server = {{ attempts = 1, base = "20ms", max = "100ms" }}
network = {{ attempts = 1, base = "20ms", max = "100ms" }}
timeout = {{ attempts = 1, base = "20ms", max = "100ms" }}
[operations]
settle = "{settle}ms"
min_free_disk = "{floor}B"
callback_hosts = ["127.0.0.1"]
callback_secret = "env:CALLBACK_SECRET"
allow_private_callbacks = true
callback_timeout = "2s"
[operations.retry]
attempts = 8
base = "300ms"
max = "3s"
[log]
level = "warn"
calls = false
"""
CLIENT = """
[clients.{name}]
key_sha256 = "{digest}"
portals = ["acme", "beta"]
timeout = "8s"
"""
MIB = 1 << 20


@dataclass
class Options:
    seed: int
    minutes: float = 2
    kills: int = 35
    store: str = "sqlite"
    clients: int = 6
    rate: float = 25
    severity: float = 1
    sabotage: str = ""
    folder: pathlib.Path = pathlib.Path("crash")
    callbacks: bool = True


@dataclass
class Result:
    history: History
    violations: List[oracle.Violation]
    facts: Dict[str, object]
    last_words: List[str] = field(default_factory=list)


class Run:
    def __init__(self, options: Options):
        self.options = options
        self.random = random.Random(f"{options.seed}/run")
        self.history = History(callbacks_on=options.callbacks)
        self.keys = {f"client{i}": f"b24g_0crash0test0key0of0client0{i:02}00000" for i in range(options.clients)}
        self.floor = 12 * MIB
        self.pace = threading.Lock()  # held while nobody may be killed
        self.failures: List[BaseException] = []
        self.sim: Optional[Sim] = None
        self.sink: Optional[sink.Sink] = None
        self.fleet: Optional[Fleet] = None
        self.disk: Optional[faults.Disk] = None
        self.postgres: Optional[pathlib.Path] = None

    # --- setting up --------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Run":
        try:
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def set_up(self) -> None:
        options = self.options
        options.folder.mkdir(parents=True, exist_ok=True)
        self.sim = Sim(("--plan", "none", "--seed", str(options.seed)))
        rows = {"deal": workload.ROWS_TO_UPDATE + 1000 * options.clients, "task": 60}
        for name in workload.PORTALS:
            self.sim.portal(name, plan="none", operating=False, seed=rows, latency_ms=5,
                            webhooks=[{"user": 1, "secret": SECRET}])
        self.sim.control("POST", "/oauth", {"refresh_grace_s": 120})
        self.pair = self.sim.control("POST", "/portals/acme/tokens", {"user": 1, "client_id": CLIENT_ID})
        self.sink = sink.Sink(self.history, options.seed)
        if options.store == "postgresql":
            self.postgres = options.folder.resolve() / "postgres"
            url = subprocess.run([str(ROOT / "scripts/postgres"), "start", str(self.postgres)], check=True,
                                 capture_output=True, text=True).stdout.strip()
            self.store = witness.PostgresStore(self.postgres, url)
        else:
            self.disk = faults.Disk(options.folder.resolve() / "disk", 96 + int(30 * options.minutes))
            self.store = witness.SqliteStore(self.disk.folder / "b24gate.db")
        self.start_gateways()

    def start_gateways(self) -> None:
        options = self.options
        clients = "".join(CLIENT.format(name=name, digest=sha256(key)) for name, key in self.keys.items())
        text = CONFIG.format(sim=self.sim.url, client_id=CLIENT_ID, clients=clients,
                             timeout=faults.TIMEOUT_MS * PATIENCE, settle=faults.SETTLE_MS * PATIENCE, floor=self.floor)
        configs = []
        for number in range(2 if options.store == "postgresql" else 1):
            path = options.folder / f"gateway{number}.toml"
            path.write_text(text)
            configs.append(path)
        environment = {"ADMIN_KEY": ADMIN_KEY, "STORE_KEY": STORE_KEY, "CLIENT_SECRET": CLIENT_SECRET,
                       "WEBHOOK": SECRET, "CALLBACK_SECRET": sink.SECRET, "STORE_URL": self.store.url}
        given = tokens(configs[0], "import", environment=environment, text=(
            '{"access_token": "%(access_token)s", "refresh_token": "%(refresh_token)s", "expires_in": 3600, '
            '"portal": "acme", "credential": "main"}' % self.pair))
        assert given.returncode == 0, given
        program = BUILD / "b24gate"
        if options.sabotage:
            program = BUILD / "b24gate_sabotaged"
            environment["B24GATE_SABOTAGE"] = options.sabotage
        self.fleet = Fleet(program, configs, environment, self.history.reports)
        self.fleet.start_all()

    def __exit__(self, *_) -> None:
        for member in self.fleet.members if self.fleet else []:
            if member:
                member.kill()
        if self.sink:
            self.sink.close()
        if self.sim:
            self.sim.kill()
        if self.postgres:
            subprocess.run([str(ROOT / "scripts/postgres"), "stop", str(self.postgres)], check=False)
        if self.disk:
            self.disk.close()

    # --- running -----------------------------------------------------------------------------------------------------

    def go(self) -> Result:
        options, seconds = self.options, self.options.minutes * 60
        self.sim.faults(*faults.portal_faults(options.severity))
        clients = workload.start_clients(options.clients, options.seed, list(self.keys.values()), self.history,
                                         self.fleet.address, options.rate, self.sink.url if options.callbacks else "")
        desk = Desk(self.history, self.keys, self.fleet.address, options.seed,
                    lambda: self.store.ask(witness.UNKNOWN_HELD))
        desk.start()
        began = time.monotonic()
        others = [threading.Thread(target=self.guarded, args=(work, began, seconds), daemon=True)
                  for work in (self.trouble_at_the_portal, self.trouble_at_the_store, self.long_silences)]
        for other in others:
            other.start()
        try:
            self.kill_them(began, seconds)
        finally:
            for thread in (*clients, desk):
                thread.stopping.set()
        for thread in (*others, *clients, desk):
            thread.join(60 * PATIENCE)
        for thread in (*clients, desk):
            if thread.failure:
                self.failures.append(thread.failure)
        if self.failures:
            raise self.failures[0]
        return self.end(desk)

    def guarded(self, work, began: float, seconds: float) -> None:
        try:
            work(began, seconds)
        except BaseException as error:
            self.failures.append(error)

    def kill_them(self, began: float, seconds: float) -> None:
        """SIGKILL at random moments; with several gateways now this one, now that one."""
        for moment in faults.moments(self.random, self.options.kills, seconds):
            self.sleep_until(began + moment)
            with self.pace:
                self.fleet.watch()
                self.fleet.kill(self.random.randrange(len(self.fleet.configs)))
        self.sleep_until(began + seconds)

    def sleep_until(self, moment: float) -> None:
        while time.monotonic() < moment and not self.failures:
            time.sleep(min(0.5, max(0.0, moment - time.monotonic())))

    def trouble_at_the_portal(self, began: float, seconds: float) -> None:
        """Tokens expire, and now and then the portal sheds load."""
        roll = random.Random(f"{self.options.seed}/portal")
        while time.monotonic() - began < seconds and not self.failures:
            time.sleep(roll.uniform(2, 6))
            self.sim.portal("acme", expire_tokens=True)
            if roll.random() < 0.15:
                self.sim.faults({"portal": roll.choice(workload.PORTALS), "effect": "error", "code": "OVERLOAD_LIMIT",
                                 "times": 1})

    def trouble_at_the_store(self, began: float, seconds: float) -> None:
        """Once: the disk fills, first as far as the gateway lets it, then wholly; or the server is restarted."""
        self.sleep_until(began + seconds * 0.45)
        with self.pace:
            if self.options.store == "postgresql":
                subprocess.run([str(ROOT / "scripts/postgres"), "restart", str(self.postgres)], check=True)
                return
            gateway = self.fleet.members[0].pid
            for free in (self.floor * 2 // 3, 0):
                self.disk.leave(free, gateway)
                time.sleep(4 * PATIENCE)
            self.disk.relieve(gateway)

    def long_silences(self, began: float, seconds: float) -> None:
        """A gateway that stands still until others take it for dead, and then goes on as if nothing had been: at the
        worst moment, when another one is at work on what it had."""
        if self.options.store != "postgresql":
            return
        roll = random.Random(f"{self.options.seed}/silence")
        for share in (0.1, 0.6, 0.8):
            self.sleep_until(began + seconds * share)
            with self.pace:
                self.latency(0.7 * faults.TIMEOUT_MS)
                time.sleep(2)
                self.fleet.pause(roll.randrange(2), 25 * PATIENCE,
                                 lambda: self.store.ask(witness.TAKEN_OVER_AND_SENT)[0][0] > 0)
                time.sleep(2)
                self.latency(5)

    def latency(self, milliseconds: float) -> None:
        for name in workload.PORTALS:
            self.sim.portal(name, latency_ms=milliseconds)

    # --- the end -----------------------------------------------------------------------------------------------------

    def end(self, desk: Desk) -> Result:
        history = self.history
        self.sim.control("DELETE", "/faults")
        self.fleet.watch()
        drained = time.monotonic()
        desk.drain(90 * PATIENCE)
        drained = time.monotonic() - drained
        self.wait_for_callbacks()
        self.wait_for_the_portal()
        marks = {"what a client wrote": workload.MARK}
        leaks = witness.search(self.store, self.secrets(), marks)
        self.fleet.stop()
        witness.look(self.store, history)
        history.leaks = sorted({*leaks, *witness.search(self.store, self.secrets(), marks)})
        for portal in workload.PORTALS:
            history.executions += self.executions(portal)
        starts = sorted(self.fleet.starts)
        facts: Dict[str, object] = {
            "seed": self.options.seed, "store": self.options.store, "kills": self.fleet.kills,
            "silences": self.fleet.pauses, "start-up at the median": f"{starts[len(starts) // 2] * 1000:.0f} ms",
            "drained in": f"{drained:.0f} s"}
        if self.disk:
            facts["disk"] = self.disk.how
        return Result(history, oracle.judge(history), facts, self.fleet.last_words)

    def wait_for_callbacks(self) -> None:
        """One that was refused comes again after five seconds, one whose gateway died when its lease is over."""
        deadline = time.monotonic() + 60 * PATIENCE
        while list(oracle.Case(self.history).told()) and time.monotonic() < deadline:
            time.sleep(0.5)

    def wait_for_the_portal(self) -> None:
        deadline = time.monotonic() + 10 * PATIENCE
        while any(self.sim.stats(name)["in_flight"] for name in workload.PORTALS) and time.monotonic() < deadline:
            time.sleep(0.1)

    def secrets(self) -> Dict[str, str]:
        found = {"a webhook's secret": SECRET, "an application's secret": CLIENT_SECRET,
                 "the callbacks' secret": sink.SECRET, **{f"the key of {name}": key for name, key in self.keys.items()}}
        for pair in [self.pair, *self.sim.control("GET", "/portals/acme/tokens")]:
            found["an access token"], found["a refresh token"] = pair["access_token"], pair["refresh_token"]
        return found

    def executions(self, portal: str) -> List[Execution]:
        out: List[Execution] = []
        after = 0
        while True:
            page = self.sim.control("GET", f"/executions?portal={portal}&after={after}&limit=20000")
            out += [Execution(portal, e["number"], e["started"], e["ended"], e["method"], e["record"], e["marker"],
                              e["error"], e["key"]) for e in page["executions"]]
            if page["next"] == after:
                return out
            after = page["next"]
