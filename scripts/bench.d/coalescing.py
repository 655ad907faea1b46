"""What it is worth that waiting calls travel together; run by scripts/bench.

scripts/bench makespan   1,000 single crm.deal.get from 8 client processes through b24gate, to a portal of the standard plan
                         (50 requests at once, 2 a second) that works 30 ms on each; beside it @bitrix24/b24jssdk with its own
                         limiter, asking the portal itself. Then what the gateway sustains when the budget is spent.
scripts/bench latency    what a call costs that has to wait for nothing, with coalescing on and off, call by call in turn
"""
import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"
PROCESSES = 8
JSON = {"Content-Type": "application/json"}

# The calls of one process, through the SDK as it comes.
SDK = """
import { B24Hook } from '@bitrix24/b24jssdk'
const [url, first, count] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])]
const b24 = B24Hook.fromWebhookUrl(url)
let errors = 0
await Promise.all(Array.from({ length: count }, async (_, i) => {
  const id = 1 + (first + i) % 170
  try {
    const answer = await b24.actions.v2.call.make({ method: 'crm.deal.get', params: { id } })
    if (!answer.isSuccess || String(answer.getData().result.ID) !== String(id)) ++errors
  } catch { ++errors }
}))
console.log(JSON.stringify({ errors }))
process.exit(0)
"""


def one_client(address, key, first, count, connections, statuses):
    """A client process: so many connections, on each one call behind the other."""
    found, open_ones, numbers = {}, [], iter(range(first, first + count))

    def send(connection):
        number = next(numbers, None)
        if number is None:
            return
        params = json.dumps({"id": 1 + number % 170, "n": number}).encode()
        connection.request("POST", f"/rest/1/{key}/crm.deal.get", params, JSON)
        open_ones.append((connection, number))

    for _ in range(min(connections, count)):
        send(http.client.HTTPConnection(*address, timeout=300))
    done = 0
    while done < len(open_ones):
        connection, number = open_ones[done]
        done += 1
        answer = connection.getresponse()
        body = json.loads(answer.read())
        right = answer.status != 200 or body["result"]["ID"] == str(1 + number % 170)
        name = answer.status if right else "wrong"
        found[name] = found.get(name, 0) + 1
        send(connection)
    statuses.put(found)


def through_gateway(gate, key, count, connections):
    """Seconds, and how many answers of each status."""
    statuses = multiprocessing.Queue()
    each = [count // PROCESSES + (i < count % PROCESSES) for i in range(PROCESSES)]
    clients = [multiprocessing.Process(target=one_client, args=(gate.data, key, sum(each[:i]), each[i], connections, statuses))
               for i in range(PROCESSES)]
    before = time.monotonic()
    for client in clients:
        client.start()
    total = {}
    for _ in clients:
        for status, seen in statuses.get(timeout=600).items():
            total[status] = total.get(status, 0) + seen
    took = time.monotonic() - before
    for client in clients:
        client.join()
    return took, total


def through_sdk(url, ca, count, processes):
    each = [count // processes + (i < count % processes) for i in range(processes)]
    before = time.monotonic()
    running = [subprocess.Popen(["node", "--input-type=module", "-e", SDK, url, str(sum(each[:i])), str(each[i])], cwd=CLIENTS,
                                env={**os.environ, "NODE_EXTRA_CA_CERTS": str(ca)}, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True) for i in range(processes)]
    outputs = [child.communicate()[0] for child in running]
    took = time.monotonic() - before
    lines = [[json.loads(line) for line in out.splitlines() if line.startswith('{"errors"')] for out in outputs]
    if not all(lines):
        sys.exit(f"bench: b24jssdk did not run; tests/clients/run installs it: {outputs}")
    return took, sum(line[-1]["errors"] for line in lines)


def row(name, calls, seconds, stats, errors, note=""):
    print(f"{name:34}{calls:>8}{seconds:>10.1f}{calls / seconds:>10.1f}{stats['hits']:>8}{stats['refused']['rate']:>10}"
          f"{errors:>8}  {note}", flush=True)


def makespan(options, harness):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="b24gate-bench-")))
        sim = harness.Sim(("--https", "127.0.0.1:0", "--write-ca", str(folder / "ca.pem"), "--latency-ms", "30"))
        stack.callback(sim.stop)
        sim.portal("acme", webhooks=[{"user": 1, "secret": harness.SECRET}], plan="standard")

        def gateway(spent):
            text = harness.config_text(sim.url + "/acme", client='timeout = "300s"', extra=f'[log]\nfile = "{folder}/log.jsonl"')
            text = text.replace('plan = "none"\nassume_spent = false', f'plan = "standard"\nassume_spent = {str(spent).lower()}')
            sim.reset()
            if spent:  # the portal's bucket is as full as the gateway takes it to be
                direct = http.client.HTTPConnection(*sim.http, timeout=20, source_address=("127.0.0.1", 0))
                sim.portal("acme", latency_ms=0)
                for _ in range(50):
                    direct.request("POST", f"/acme/rest/1/{harness.SECRET}/profile", b"{}", JSON)
                    direct.getresponse().read()
                sim.portal("acme", latency_ms=30)
            return harness.Gate(folder, text)

        print("single crm.deal.get at a portal of the standard plan (50 at once, 2 a second) that works 30 ms on each\n")
        print(f"{'':34}{'calls':>8}{'seconds':>10}{'calls/s':>10}{'hits':>8}{'refused':>10}{'errors':>8}")
        if options.calls:
            gate = gateway(spent=False)
            took, statuses = through_gateway(gate, harness.KEY, options.calls, options.calls)
            row(f"b24gate, {PROCESSES} processes", options.calls, took, sim.stats("acme"), options.calls - statuses.get(200, 0))
            gate.stop()
        for processes in (PROCESSES, 1) if options.direct else ():
            sim.reset()
            url = f"https://localhost:{harness.parse_address(sim.listening['listening']['https'])[1]}/rest/1/{harness.SECRET}/"
            took, errors = through_sdk(url, folder / "ca.pem", options.direct, processes)
            bound = max(0.0, (options.direct - 50) / 2)
            row(f"b24jssdk itself, {processes} process{'es' if processes > 1 else ''}", options.direct, took, sim.stats("acme"),
                errors, f"bound for single calls: {bound:.0f} s")
        if options.calls:
            print(f"{'bound for single calls':34}{options.calls:>8}{max(0.0, (options.calls - 50) / 2):>10.1f}")
        if options.sustained:
            gate = gateway(spent=True)
            took, statuses = through_gateway(gate, harness.KEY, options.sustained, 250)
            stats = sim.stats("acme")
            stats["hits"] -= 50
            row("b24gate, the bucket full", options.sustained, took, stats, options.sustained - statuses.get(200, 0))
            gate.stop()


def latency(options, harness):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="b24gate-bench-")))
        sim = harness.Sim()
        stack.callback(sim.stop)
        sim.portal("acme", webhooks=[{"user": 1, "secret": harness.SECRET}], plan="none")
        connections = {}
        for name in ("on", "off"):
            (folder / name).mkdir()
            text = harness.config_text(sim.url + "/acme", portal=f"coalesce = {{ enabled = {str(name == 'on').lower()} }}\n"
                                       "burst = 100000\nrate = 10000", extra=f'[log]\nfile = "{folder}/{name}.jsonl"')
            gate = harness.Gate(folder / name, text.replace('plan = "none"\n', "", 1))
            stack.callback(gate.stop)
            connections[name] = http.client.HTTPConnection(*gate.data, timeout=20)

        def call(name, number):
            connection = connections[name]
            body = json.dumps({"id": 1 + number % 170, "n": number}).encode()
            before = time.perf_counter()
            connection.request("POST", f"/rest/1/{harness.KEY}/crm.deal.get", body, JSON)
            answer = connection.getresponse()
            answer.read()
            took = time.perf_counter() - before
            if answer.status != 200 or answer.getheader("X-B24-Batched"):
                sys.exit(f"bench: {answer.status} with headers {answer.getheaders()}")
            return took

        took = {"on": [], "off": []}
        for number in range(options.calls + 500):
            for name in ("on", "off") if number % 2 else ("off", "on"):
                seconds = call(name, number)
                if number >= 500:  # pools and caches are warm
                    took[name].append(seconds)
        print(f"a call that waits for nothing, {options.calls} each, in turn\n")
        print(f"{'coalescing':14}{'p50 us':>10}{'p90 us':>10}{'p99 us':>10}{'mean us':>10}")
        for name, all_of_it in took.items():
            cuts = statistics.quantiles(all_of_it, n=100)
            print(f"{name:14}" + "".join(f"{figure * 1e6:>10.1f}" for figure in (cuts[49], cuts[89], cuts[98], statistics.mean(all_of_it))))
        print(f"{'on / off':14}{statistics.median(took['on']) / statistics.median(took['off']):>10.3f}")


def main(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("makespan")
    one.add_argument("--calls", type=int, default=1000, help="through the gateway (1000); 0: none")
    one.add_argument("--direct", type=int, default=150, metavar="N", help="by the SDK itself (150; all 1000 take 8 minutes); 0: none")
    one.add_argument("--sustained", type=int, default=10000, metavar="N", help="with the budget spent (10000, 100 seconds); 0: none")
    other = kinds.add_parser("latency")
    other.add_argument("--calls", type=int, default=20000, help="with each setting (20000)")
    for kind in (one, other):
        kind.add_argument("--build", type=pathlib.Path, default=pathlib.Path(os.environ.get("B24GATE_BUILD", ROOT / "build")),
                          help="folder with b24gate and b24sim (B24GATE_BUILD, else build/)")
    options = parser.parse_args(arguments)
    os.environ["B24GATE_BUILD"] = str(options.build.resolve())
    sys.path.insert(0, str(ROOT / "tests" / "system"))
    import harness  # pylint: disable=import-outside-toplevel
    {"makespan": makespan, "latency": latency}[options.kind](options, harness)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
