"""Operations over the admin port and from the shell: found, understood, begun anew, given up; one and many."""
import json
import threading
import time

import pytest

from admin import ADMIN, command, finished_job, get, post, store_of, url_of
from harness import SECRET, Gate, config_text, until
from oauth import ENVIRONMENT
from operations import hand_over, operations_config, show, state, taken
from portal import error, result
from seed import seed


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    gate = Gate(tmp_path_factory.mktemp("operations"), config_text("https://localhost:1"))
    yield gate
    gate.stop()


class Night:
    """A gateway and marks of the test's own: tests of one module share a store."""
    count = 0

    def __init__(self, gate: Gate):
        Night.count += 1
        self.gate, self.client = gate, f"night-{Night.count}"

    def seed(self, *rows: dict) -> list:
        full = [{"client": self.client, "id": f"{self.client}-{number}", **row} for number, row in enumerate(rows)]
        seed(store_of(self.gate), full)
        return [row["id"] for row in full]

    def list(self, query: str = "", **more) -> dict:
        answer = get(self.gate, f"/api/v1/operations?client={self.client}{query}", **more)
        assert answer.status == 200, answer
        return answer.json

    def ids(self, query: str = "") -> list:
        return [row["id"] for row in self.list(query)["operations"]]

    def walk(self, query: str = "") -> list:
        ids, following = [], ""
        while True:
            page = self.list(f"{query}{following}")
            ids += [row["id"] for row in page["operations"]]
            if page["next"] is None:
                return ids
            following = f"&next={page['next']}"

    def state(self, id: str) -> str:
        return get(self.gate, f"/api/v1/operations/{id}").json["state"]


@pytest.fixture
def night(module_gateway):
    yield Night(module_gateway)
    module_gateway.check_reports()


HELD = {"state": "held", "why": "outcome_unknown", "error_class": "timeout", "code": "GATEWAY_UPSTREAM_TIMEOUT"}
FAILED = {"state": "failed", "error_class": "validation", "code": "ERROR_ARGUMENT", "executed": "no", "status": 400}


# One after the other

def test_lists_are_filtered_and_say_why(night):
    a, b, c, d, e = night.seed({}, HELD, FAILED, {"state": "waiting", "why": "server", "attempts": 3},
                               {"state": "succeeded", "method": "tasks.task.get", "portal": "other", "error_class": "",
                                "code": "", "executed": "yes"})
    assert night.ids() == [e, d, c, b, a]
    assert night.ids("&state=held") == [b]
    assert night.ids("&state=held,dead,failed") == [c, b, a]
    assert night.ids("&state=waiting,succeeded") == [e, d]
    assert night.ids("&portal=other") == [e]
    assert night.ids("&class=validation") == [c]
    assert night.ids("&method=crm.*.add") == [d, c, b, a]
    assert night.ids("&method=TASKS.*") == [e]
    assert night.ids("&method=*.get") == [e]
    assert night.ids("&text=error_argument") == [c]
    assert night.ids("&from=2020-01-01&until=2020-01-02") == []
    assert night.ids("&from=2020-01-01T00:00:00%2B03:00") == [e, d, c, b, a]
    rows = {row["id"]: row for row in night.list()["operations"]}
    assert rows[a]["actions"] == ["retry", "discard"] and rows[d]["actions"] == ["discard"] and rows[e]["actions"] == []
    assert "3 of 8" in rows[d]["standing"]["en"] and rows[d]["standing"]["ru"] != rows[d]["standing"]["en"]
    assert rows[d]["due"] is None and rows[e]["finished"].endswith("Z") and rows[a]["max_attempts"] == 8


def test_a_mistake_in_a_filter_is_told_with_what_would_be_right(night):
    for query, hint in (("state=deed", "dead"), ("class=servr", "server"), ("stat=dead", "state"), ("limit=0", "1 to 500"),
                        ("limit=many", "1 to 500"), ("from=yesterday", "2026-01-31T23:59:59Z"), ("next=17", "next"),
                        ("state=dead&state=held", "twice"), ("text=%f", "%"), ("text=" + "a" * 201, "longer")):
        answer = get(night.gate, f"/api/v1/operations?{query}")
        assert answer.status == 400 and answer.code == "GATEWAY_BAD_REQUEST", (query, answer)
        assert hint in answer.json["error_description"], (query, answer)


def test_pages_are_whole_while_others_come_in(night):
    ids = night.seed(*[{"state": state} for state in ("dead", "held", "failed", "succeeded", "queued") * 9])
    problems = [id for id, number in zip(ids, range(45)) if number % 5 < 3]
    assert night.walk("&limit=7") == ids[::-1]
    assert night.walk("&limit=4&state=held,dead,failed") == problems[::-1]
    stop = threading.Event()

    def insert():
        number = 0
        while not stop.is_set():
            seed(store_of(night.gate), [{"id": f"{night.client}-late-{number}", "client": night.client}])
            number += 1

    late = threading.Thread(target=insert)
    late.start()
    try:
        for _ in range(3):
            walked = night.walk("&limit=3&state=held,dead,failed,queued,succeeded")
            assert [id for id in walked if "late" not in id] == ids[::-1]
            assert len(set(walked)) == len(walked)
    finally:
        stop.set()
        late.join()


def test_one_operation_with_its_history(night):
    (id,) = night.seed({})
    answer = get(night.gate, f"/api/v1/operations/{id}")
    assert answer.status == 200
    operation = answer.json
    assert operation["explanation"]["en"]["meaning"] and operation["explanation"]["ru"]["advice"]
    (attempt,) = operation["history"]
    assert (attempt["number"], attempt["status"], attempt["mark"], attempt["duration_ms"]) == (1, 500, "answered", 17)
    assert operation["answer"] is None
    missing = get(night.gate, "/api/v1/operations/nobody%20home")
    assert missing.status == 404 and '"nobody home"' in missing.json["error_description"], missing


def test_retry_and_discard_of_one(night):
    dead, held, waiting, done = night.seed({}, HELD, {"state": "waiting", "why": "server"}, {"state": "succeeded"})
    answer = post(night.gate, f"/api/v1/operations/{dead}/retry", {"reason": "the portal is back\r\nsince noon"})
    assert answer.status == 200 and answer.json["state"] == "queued" and answer.json["generation"] == 1, answer
    again = post(night.gate, f"/api/v1/operations/{dead}/retry")
    assert again.status == 409 and "held, dead or failed" in again.json["error_description"], again
    assert post(night.gate, f"/api/v1/operations/{held}/retry").json["state"] == "queued"
    assert post(night.gate, f"/api/v1/operations/{waiting}/retry").status == 409
    assert post(night.gate, f"/api/v1/operations/{waiting}/discard").json["state"] == "discarded"
    assert post(night.gate, f"/api/v1/operations/{done}/discard").status == 409
    assert post(night.gate, "/api/v1/operations/nobody/retry").status == 404
    assert post(night.gate, f"/api/v1/operations/{held}/discard", {"reason": "x" * 501}).status == 400
    assert post(night.gate, f"/api/v1/operations/{held}/discard", {"because": "x"}).status == 400


def test_counts_are_kept_not_counted(night):
    night.seed({}, {}, HELD, {"state": "succeeded"})
    answer = get(night.gate, "/api/v1/operations/counts").json
    own = {row["state"]: row["count"] for row in answer["counts"] if row["client"] == night.client}
    assert own == {"dead": 2, "held": 1, "succeeded": 1}
    assert set(answer["total"]) == {"queued", "running", "waiting", "succeeded", "failed", "dead", "held", "discarded"}
    assert answer["total"]["dead"] >= 2


# Many

def plan(night: Night, action: str, **filter) -> dict:
    answer = post(night.gate, f"/api/v1/operations/{action}", {"filter": {"client": night.client, **filter}})
    assert answer.status == 200, answer
    return answer.json["plan"]


def test_many_are_begun_anew_behind_a_plan(night):
    ids = night.seed({}, {"method": "crm.lead.add"}, HELD, FAILED, {"state": "waiting"}, {"state": "succeeded"})
    seen = plan(night, "retry")
    assert (seen["count"], seen["held"], seen["held_left_out"], seen["complete"]) == (3, 0, 1, True)
    assert seen["by_state"] == {"dead": 2, "failed": 1} and seen["by_class"] == {"server": 2, "validation": 1}
    assert seen["by_method"] == {"crm.deal.add": 2, "crm.lead.add": 1} and seen["by_portal"] == {"gone": 3}
    assert seen["estimate_s"] is None, "nobody knows the pace of a portal that is not configured"
    assert [night.state(id) for id in ids] == ["dead", "dead", "held", "failed", "waiting", "succeeded"]
    # What changes between plan and job is left alone.
    assert post(night.gate, f"/api/v1/operations/{ids[1]}/discard").status == 200
    answer = post(night.gate, "/api/v1/operations/retry", {"plan": seen["token"], "reason": "the night is over"})
    assert answer.status == 202, answer
    job = answer.json["job"]
    assert answer.header("Location") == f"/api/v1/jobs/{job['id']}"
    ended = finished_job(night.gate, job["id"])
    assert (ended["state"], ended["total"], ended["done"], ended["skipped"]) == ("finished", 3, 2, 1), ended
    assert [night.state(id) for id in ids] == ["queued", "discarded", "held", "queued", "waiting", "succeeded"]
    rows = {row["id"]: row for row in night.list()["operations"]}
    assert rows[ids[0]]["priority"] == "bulk", "a storm goes behind what people wait for"
    assert post(night.gate, "/api/v1/operations/retry", {"plan": seen["token"]}).status == 409
    assert job["id"] in [one["id"] for one in get(night.gate, "/api/v1/jobs").json["jobs"]]
    assert post(night.gate, f"/api/v1/jobs/{job['id']}/cancel").status == 409
    assert get(night.gate, "/api/v1/jobs/none").status == 404


def test_held_ones_go_only_where_they_are_named(night):
    ids = night.seed({}, HELD, HELD)
    seen = plan(night, "retry", state="held")
    assert (seen["count"], seen["held"], seen["held_left_out"]) == (2, 2, 0)
    assert plan(night, "retry", state=["held", "dead"])["count"] == 3
    job = post(night.gate, "/api/v1/operations/retry", {"plan": seen["token"]}).json["job"]
    assert finished_job(night.gate, job["id"])["done"] == 2
    assert [night.state(id) for id in ids] == ["dead", "queued", "queued"]


def test_many_are_given_up(night):
    ids = night.seed({}, {"state": "queued"}, FAILED)
    seen = plan(night, "discard", state="queued,failed")
    wrong = post(night.gate, "/api/v1/operations/retry", {"plan": seen["token"]})
    assert wrong.status == 409, "a plan is good for its own action alone"
    job = post(night.gate, "/api/v1/operations/discard", {"plan": seen["token"]}).json["job"]
    assert finished_job(night.gate, job["id"])["done"] == 2
    assert [night.state(id) for id in ids] == ["dead", "discarded", "discarded"]


@pytest.mark.parametrize("body,hint", [
    (None, "filter"), ({}, "filter"), ({"filter": []}, "filter"), ({"filter": {}, "reason": "x"}, "filter"),
    ({"filter": {"state": "running"}}, "begun anew"), ({"filter": {"state": "deed"}}, "dead"),
    ({"filter": {"limit": 5}}, "limit"), ({"filter": {"state": {}}}, "state"), ({"plan": 5}, "token"),
    ({"plan": "no-such-plan"}, "plan"), ({"plan": "x", "why": "y"}, "why")])
def test_a_plan_that_makes_no_sense(night, body, hint):
    answer = post(night.gate, "/api/v1/operations/retry", body)
    assert answer.status in (400, 409) and hint in answer.json["error_description"], answer


def test_a_job_ends_early_when_it_is_told_to(night):
    night.seed(*[{} for _ in range(3000)])
    seen = plan(night, "discard")
    assert seen["count"] == 3000
    job = post(night.gate, "/api/v1/operations/discard", {"plan": seen["token"]}).json["job"]["id"]
    answer = post(night.gate, f"/api/v1/jobs/{job}/cancel")
    ended = finished_job(night.gate, job)
    if answer.status == 202:
        assert ended["state"] == "cancelled" and ended["done"] < 3000, ended
    else:
        assert answer.status == 409 and ended["state"] == "finished", (answer, ended)
    assert len(night.walk("&state=discarded&limit=500")) == ended["done"]


def test_bodies_that_are_no_json_or_too_large(night):
    for body in (b"{", b"[]", b'{"filter": ' + b"[" * 1000, b"\xff"):
        answer = post_raw(night, body)
        assert answer.status == 400, (body, answer)
    assert post_raw(night, b" " * 70_000).status == 413


def post_raw(night, body: bytes):
    from harness import request
    return request(night.gate.admin, "POST", "/api/v1/operations/retry", body,
                   {**ADMIN, "Content-Type": "application/json"})


HOSTILE = "<img src=x onerror=alert(1)>\"'\u2028\u202e</script>"


def test_hostile_texts_are_data(night):
    (id,) = night.seed({"method": HOSTILE, "portal": HOSTILE, "code": HOSTILE, "why": HOSTILE})
    answer = get(night.gate, f"/api/v1/operations/{id}")
    assert answer.json["method"] == answer.json["portal"] == answer.json["code"] == HOSTILE
    assert answer.header("Content-Type").startswith("application/json") and answer.header("X-Content-Type-Options") == "nosniff"
    found = get(night.gate, "/api/v1/operations?portal=" + "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22%27%E2%80%A8%E2%80%AE%3C/script%3E")
    assert [row["id"] for row in found.json["operations"]] == [id]


# With a portal behind it

def test_what_the_portal_answered_is_shown_masked(start, portal):
    portal.clear()
    portal.script(error(400, "ERROR_ARGUMENT", "the title is missing"),
                  result({"ID": 17, "PHONE": "+7-999-123-45-67", "TITLE": "Deal", "secret": SECRET}))
    gate = start(operations_config(portal.url), environment=ENVIRONMENT)
    id = taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": ""}}))
    assert state(gate, id)["state"] == "failed"
    operation = get(gate, f"/api/v1/operations/{id}").json
    assert operation["class"] == "validation" and operation["actions"] == ["retry", "discard"]
    assert "ERROR_ARGUMENT" in operation["history"][0]["answer"]["text"], operation
    assert operation["answer"]["status"] == 400 and "the title is missing" in operation["answer"]["text"]
    assert get(gate, "/api/v1/operations/counts").json["total"]["failed"] == 1
    assert post(gate, f"/api/v1/operations/{id}/retry", {"reason": "again"}).json["state"] in ("queued", "running", "succeeded")
    until(lambda: show(gate, id)["state"] == "succeeded", 10, "it is sent at once")
    answer = get(gate, f"/api/v1/operations/{id}")
    text = answer.json["answer"]["text"]
    assert '"TITLE":"Deal"' in text.replace(" ", "") and "***" in text and "999-123" not in text
    assert SECRET.encode() not in answer.everything
    assert [attempt["number"] for attempt in answer.json["history"]] == [1, 2]
    told = command("operations", "show", id, "--url", url_of(gate)).stdout
    assert "answer" in told and "attempt 2" in told and "999-123" not in told


def test_operations_of_a_paused_portal_wait(start, portal):
    portal.clear()
    gate = start(operations_config(portal.url), environment=ENVIRONMENT)
    assert post(gate, "/api/v1/portals/acme/pause", {"reason": "maintenance"}).status == 200
    ids = [taken(hand_over(gate, "crm.deal.add", {"fields": {"TITLE": str(number)}})) for number in range(3)]
    before = len(portal.received)
    time.sleep(1)
    assert len(portal.received) == before, "nothing is sent"
    assert {show(gate, id)["state"] for id in ids} <= {"queued", "waiting"}
    assert post(gate, "/api/v1/portals/acme/resume").status == 200
    for id in ids:
        assert state(gate, id)["state"] == "succeeded"


# From the shell

def test_the_shell_lists_shows_and_acts(night):
    dead, held = night.seed({}, HELD)
    place = ["--url", url_of(night.gate)]
    table = command("operations", "list", *place, "--client", night.client).stdout
    assert dead in table and held in table and table.startswith("ID"), table
    found = json.loads(command("operations", "list", *place, "--client", night.client, "--state", "held,failed",
                               "--since", "1h", "--method", "crm.*", "--json").stdout)
    assert [row["id"] for row in found["operations"]] == [held]
    text = command("operations", "show", dead, *place).stdout
    assert "attempt 1" in text and "INTERNAL_SERVER_ERROR" in text and "advice" in text, text
    asked = command("operations", "retry", dead, *place, code=1)
    assert "--yes" in asked.stderr and night.state(dead) == "dead"
    done = command("operations", "retry", dead, *place, "--yes", "--reason", "by hand")
    assert done.stdout == f"{dead}: queued\n" and night.state(dead) == "queued"
    assert "held, dead or failed" in command("operations", "retry", dead, *place, "--yes", code=1).stderr
    assert command("operations", "discard", held, *place, "--yes").stdout == f"{held}: discarded\n"
    assert "no operation" in command("operations", "show", "nobody", *place, code=2).stderr
    assert "did you mean" in command("operations", "list", *place, "--state", "deed", code=2).stderr
    assert command("operations", "list", *place, "--since", "soon", code=2).stderr
    assert "key" in command("operations", "list", *place, key="another-key-than-the-admins", code=1).stderr


def test_the_shell_shows_a_plan_before_it_acts_on_all(night):
    ids = night.seed({}, {}, HELD)
    place = ["--url", url_of(night.gate), "--client", night.client]
    shown = command("operations", "retry", "--all", *place, code=1)
    assert "retry 2 operations" in shown.stdout and "1 more fit and stay" in shown.stdout and "--yes" in shown.stderr
    assert night.state(ids[0]) == "dead"
    done = command("operations", "retry", "--all", *place, "--yes")
    assert "retry finished: 2 of 2 done" in done.stdout, done
    assert [night.state(id) for id in ids] == ["queued", "queued", "held"]
    nothing = command("operations", "retry", "--all", *place, "--yes")
    assert "retry 0 operations" in nothing.stdout
    assert "not both" in command("operations", "retry", ids[0], "--all", *place, code=2).stderr


def test_without_a_gateway_the_shell_works_on_the_store(tmp_path):
    config = tmp_path / "b24gate.toml"
    config.write_text(config_text("https://localhost:1").replace('[admin]\nlisten = "127.0.0.1:0"',
                                                                 '[admin]\nlisten = "127.0.0.1:1"'))
    place = ["--config", str(config)]
    empty = command("operations", "list", *place)
    assert "no such operations" in empty.stdout and "no gateway answers at http://127.0.0.1:1" in empty.stderr
    seed(tmp_path / "var" / "b24gate.db", [{"id": "one"}, {"id": "two", **HELD}, {"id": "three", **FAILED}])
    assert "three" in command("operations", "list", *place).stdout
    assert command("operations", "discard", "two", *place, "--yes").stdout == "two: discarded\n"
    done = command("operations", "retry", "--all", *place, "--yes", "--json")
    assert json.loads(done.stdout)["done"] == 2, done
    states = {row["id"]: row["state"] for row in
              json.loads(command("operations", "list", *place, "--json").stdout)["operations"]}
    assert states == {"one": "queued", "two": "discarded", "three": "queued"}


def test_the_shell_prints_no_control_characters(night):
    (id,) = night.seed({"method": "crm\x1b[2J\u009b31m", "portal": "gone"})
    for action in (["list", "--client", night.client], ["show", id]):
        out = command("operations", *action, "--url", url_of(night.gate)).stdout
        assert "\x1b" not in out and "\u009b" not in out, out
