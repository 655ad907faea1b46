"""What other tools are given to watch b24gate with: the rules for Prometheus and the dashboard for Grafana ask for metrics
that there are, with the labels that those have. And one request is found again wherever it is told of."""
import json
import re

from admin import get
from harness import ROOT, until
from oauth import ENVIRONMENT
from operations import AS_CLIENT, hand_over, operations_config, show, taken
from portal import Answer, error

# In PromQL: what stands in quotes, a selector's name and its matchers, what a sum is by, names that are recorded.
QUOTED = re.compile(r'"[^"]*"')
SELECTOR = re.compile(r"(?<![\w:])((?:b24gate|process)_\w+)(?![\w:])\s*(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
# Labels that Prometheus adds itself.
ADDED = {"job", "instance"}


def documented() -> dict:
    """Every metric's type and labels, as docs/metrics.md has them; a test holds that against the server."""
    out = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if line.startswith("| `"):
            name, kind, labels, _ = (cell.strip() for cell in line.strip("| ").split(" | ", 3))
            out[name.strip("`")] = (kind, set(re.findall(r"`(\w+)`", labels)))
    assert len(out) > 50
    return out


def wrong_in(expression: str, known: dict) -> list:
    """What an expression asks for that there is not."""
    wrong = []
    text = QUOTED.sub('""', expression)
    labels = set(ADDED)
    for name, matchers in SELECTOR.findall(text):
        part = re.fullmatch(r"(\w+?)_(bucket|sum|count)", name)
        if part and known.get(part[1], ("",))[0] == "histogram":
            kind, own = known[part[1]]
            own = own | {"le"} if part[2] == "bucket" else own
        elif name in known and known[name][0] != "histogram":
            kind, own = known[name]
        else:
            wrong.append(name)
            continue
        labels |= own
        wrong += [f"{name}: {label}" for label in re.findall(r"(\w+)\s*[!=]", matchers) if label not in own | ADDED]
        if kind == "counter" and not re.search(r"\b(?:rate|increase|irate)\([^()]*" + name, text):
            wrong.append(f"{name} is a counter: take its rate")
    for group in GROUPING.findall(text):
        wrong += [f"by {label}" for label in re.findall(r"\w+", group) if label not in labels]
    return wrong


def test_what_the_check_finds():
    known = documented()
    assert wrong_in('sum by (portal) (rate(b24gate_calls_total{fault="system"}[5m]))', known) == []
    assert wrong_in('histogram_quantile(0.9, sum by (le) (rate(b24gate_call_duration_seconds_bucket[5m])))', known) == []
    assert wrong_in("b24gate_nonsense", known) == ["b24gate_nonsense"]
    assert wrong_in("b24gate_call_duration_seconds", known) == ["b24gate_call_duration_seconds"]
    assert wrong_in('rate(b24gate_calls_total{client="x"}[5m])', known) == ["b24gate_calls_total: client"]
    assert wrong_in("sum by (client) (rate(b24gate_calls_total[5m]))", known) == ["by client"]
    assert wrong_in("sum(b24gate_calls_total)", known) == ["b24gate_calls_total is a counter: take its rate"]


def test_the_rules_for_prometheus():
    known = documented()
    text = (ROOT / "conf" / "prometheus-rules.yml").read_text()
    text = re.sub(r"(?m)^\s*#.*$", "", text)
    # An expression is what stands behind "expr:", or indented below it.
    expressions = re.findall(r"(?m)^( *)expr:(?: \|)?((?:.*)(?:\n\1 +.*)*)", text)
    assert len(expressions) == text.count("expr:") >= 15
    assert [wrong_in(expression, known) for _, expression in expressions if wrong_in(expression, known)] == []
    assert len(set(re.findall(r"alert: (\w+)", text))) == text.count("alert:")
    assert text.count("summary:") == text.count("severity:") == text.count("alert:")


def test_the_dashboard_for_grafana():
    known = documented()
    dashboard = json.loads((ROOT / "conf" / "grafana-dashboard.json").read_text())
    assert dashboard["uid"] == "b24gate" and dashboard["schemaVersion"] == 39  # of Grafana 10.4
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "portal"} and variables["datasource"]["query"] == "prometheus"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 30
    taken = set()
    asked = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        squares = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                   for y in range(place["y"], place["y"] + place["h"])}
        assert not squares & taken, panel["title"]
        taken |= squares
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("timeseries", "stat") and panel["title"] and panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert wrong_in(target["expr"], known) == [], (panel["title"], target["expr"])
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= {"portal", "job", "__rate_interval"}, target["expr"]
            used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = set(re.findall(r"\w+", ",".join(GROUPING.findall(target["expr"]))))
            assert used <= grouped | ADDED, (panel["title"], target["legendFormat"])
            asked |= {name for name, _ in SELECTOR.findall(target["expr"])}
    assert len(asked) > 40
    for query in (variables["job"], variables["portal"]):
        assert re.match(r"label_values\((\w+),", query["definition"])[1] in known


TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "vendor=4bf92f3577"}


def test_a_trace_goes_into_the_log_and_nowhere_else(start, portal):
    portal.clear()
    gate = start(operations_config(portal.url), environment=ENVIRONMENT)
    for verb, path in (("POST", None), ("GET", "/rest/crm.deal.list")):
        key = {} if path is None else AS_CLIENT
        answer = gate.call("crm.deal.list", {} if path is None else None, verb=verb, path=path,
                           headers={**TRACE, **key, "X-Request-Id": f"traced-{verb}"})
        assert answer.status == 200, answer
        assert b"4bf92f3577" not in answer.everything
        until(lambda: gate.log(request_id=f"traced-{verb}"))
        assert gate.log(request_id=f"traced-{verb}")[-1]["traceparent"] == TRACE["traceparent"]
    id = taken(hand_over(gate, "crm.deal.update", {"id": 1}, headers=TRACE))
    until(lambda: show(gate, id)["state"] == "succeeded", 10)
    assert len(portal.received) == 3
    assert not any(b"4bf92f3577" in one.bytes or one.header("traceparent") for one in portal.received)
    # What is none, or none that can be written down as it is, stops no call.
    for odd in ("", "x", "0" * 500, "00-\"-{}"):
        assert gate.call("crm.deal.list", {}, headers={"traceparent": odd}).status == 200


def test_a_request_is_found_by_its_id_everywhere(start, portal):
    portal.clear()
    portal.handler = lambda _: error(400, "ERROR_ARGUMENT", "no")
    gate = start(operations_config(portal.url), environment=ENVIRONMENT)
    answer = gate.call("crm.deal.add", {}, headers={"X-Request-Id": "found-again-1"})
    assert answer.header("X-Request-Id") == answer.gateway["request_id"] == "found-again-1"
    until(lambda: gate.log(request_id="found-again-1"))
    assert gate.log(request_id="found-again-1")[-1]["error"] == "ERROR_ARGUMENT"
    errors = get(gate, "/api/v1/errors").json["errors"]
    assert [one["code"] for one in errors if one["request_id"] == "found-again-1"] == ["ERROR_ARGUMENT"]

    portal.handler = lambda _: Answer(500, b"oops")
    answer = hand_over(gate, "crm.deal.update", {"id": 1}, headers={"X-Request-Id": "found-again-2"})
    id = taken(answer)
    assert answer.header("X-Request-Id") == show(gate, id)["request_id"] == "found-again-2"
    until(lambda: gate.log(event="operation_taken", request_id="found-again-2"))
    [line] = gate.log(event="operation_taken", request_id="found-again-2")
    assert line["operation"] == id
    [found] = get(gate, "/api/v1/operations?text=found-again-2").json["operations"]
    assert (found["id"], found["request_id"]) == (id, "found-again-2")
    # Its attempts are found by its own id.
    until(lambda: len(show(gate, id)["attempts"]) >= 2, 10)
    assert {one["request_id"] for one in show(gate, id)["attempts"]} == {id}
    until(lambda: gate.log(request_id=id))
    until(lambda: gate.metric("b24gate_operation_oldest_timestamp_seconds", state="pending") > 1.7e9, 15)
    assert gate.metric("b24gate_operation_oldest_timestamp_seconds", state="held") == 0
    portal.clear()
    until(lambda: show(gate, id)["state"] == "succeeded", 10)
    until(lambda: gate.metric("b24gate_operation_oldest_timestamp_seconds", state="pending") == 0, 15)
