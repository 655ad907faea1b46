"""What slow clients cost the others; run by scripts/bench.

scripts/bench slow-clients   32 connections make calls, in turns alone and beside 2,000 connections that are idle and 500 that drip a
                             byte of a request every second (half of them of a head, half of a body). Connections that the gateway
                             sends away are opened anew. The ratio of the p99 is taken within each round.
"""
import argparse
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import os
import pathlib
import resource
import selectors
import socket
import statistics
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
loader = importlib.machinery.SourceFileLoader("bench", str(ROOT / "scripts" / "bench"))
bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
loader.exec_module(bench)

HOOK = f"/rest/1/{bench.KEY}/crm.deal.add"
HEAD = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\n".encode()
GOOD = HEAD + b"Content-Length: 0\r\n\r\n"
STARTS = {"idle": b"", "idle behind a call": GOOD, "head": HEAD + b"X: ", "body": HEAD + b"Content-Length: 1000000\r\n\r\n"}


class Crowd(threading.Thread):
    """Keeps the slow connections open until `stop`."""

    def __init__(self, port, idle, dripping):
        super().__init__(daemon=True)
        self.port, self.ended, self.ready = port, threading.Event(), threading.Event()
        self.wanted = ["idle", "idle behind a call"] * (idle // 2) + ["head", "body"] * (dripping // 2)
        self.sent_away = 0
        self.selector = selectors.DefaultSelector()
        self.drippers = set()

    def open(self, kind):
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        connection.sendall(STARTS[kind])
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, kind)
        if kind in ("head", "body"):
            self.drippers.add(connection)

    def read(self, connection, kind):
        with contextlib.suppress(OSError):
            if connection.recv(65536):
                return
        self.selector.unregister(connection)
        self.drippers.discard(connection)
        connection.close()
        self.sent_away += 1
        self.open(kind)

    def run(self):
        for kind in self.wanted:
            self.open(kind)
        self.ready.set()
        queue = []
        while not self.ended.is_set():
            # Spread over the second, as clients do that know nothing of each other.
            if not queue:
                queue = list(self.drippers)
            for connection in queue[:max(1, len(self.drippers) // 50)]:
                with contextlib.suppress(OSError):
                    connection.send(b"a")
            queue = queue[max(1, len(self.drippers) // 50):]
            for key, _ in self.selector.select(0.02):
                self.read(key.fileobj, key.data)

    def stop(self):
        self.ended.set()
        self.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def start_gateway(folder, cpus, upstream, options):
    port, admin = bench.free_port(), bench.free_port()
    path = folder / "b24gate.toml"
    path.write_text(f"""[server]
listen = "127.0.0.1:{port}"
threads = 1
[admin]
listen = "127.0.0.1:{admin}"
[portals.bench]
url = "http://127.0.0.1:{upstream}"
plan = "none"
max_in_flight = 1000
[portals.bench.credentials.main]
type = "webhook"
user = 1
secret = "env:BENCH_SECRET"
[clients.bench]
key_sha256 = "{hashlib.sha256(bench.KEY.encode()).hexdigest()}"
portals = ["bench"]
[log]
file = "{folder}/log"
""")
    child = bench.Child([str(options.build / "b24gate"), "serve", "--config", str(path)], folder / "out", cpus, {"BENCH_SECRET": "secret"})
    child.wait_for(port)
    return bench.Proxy(child, port, port)


def measure(options):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    cpus = sorted(os.sched_getaffinity(0))
    gate_cpus, load_cpus = ({cpus[0]}, set(cpus[1:])) if len(cpus) > 1 else (set(cpus), set(cpus))
    options.connections = 32
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="b24gate-bench-")))
        gate = start_gateway(folder, gate_cpus, bench.start_upstream(stack, folder, load_cpus), options)
        stack.callback(gate.child.stop)
        os.sched_setaffinity(0, load_cpus)
        bench.load(gate, "b24gate", "http", 1, options, load_cpus)
        rounds = []
        for number in range(options.rounds):
            alone = bench.load(gate, "b24gate", "http", options.seconds, options, load_cpus)
            crowd = Crowd(gate.ports["http"], options.idle, options.dripping)
            crowd.start()
            crowd.ready.wait()
            beside = bench.load(gate, "b24gate", "http", options.seconds, options, load_cpus)
            crowd.stop()
            rounds.append((alone, beside))
            print(f"round {number + 1}: p99 {alone['p99_us']} us alone, {beside['p99_us']} us beside {len(crowd.wanted)} slow ones "
                  f"({crowd.sent_away} sent away), {alone['requests_per_second']:.0f} and {beside['requests_per_second']:.0f} calls/s", flush=True)
        for figure in ("p50_us", "p99_us", "requests_per_second"):
            ratio = statistics.median(beside[figure] / alone[figure] for alone, beside in rounds)
            print(f"{figure}: {ratio:.2f} times")


def main():
    parser = argparse.ArgumentParser(prog="bench slow-clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=bench.positive, default=5)
    parser.add_argument("--seconds", type=bench.positive, default=10)
    parser.add_argument("--idle", type=bench.positive, default=2000)
    parser.add_argument("--dripping", type=bench.positive, default=500)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(os.environ.get("B24GATE_BUILD", ROOT / "build")))
    options = parser.parse_args(sys.argv[2:])
    options.build = options.build.resolve()
    try:
        measure(options)
    except bench.Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
