"""The page's own addresses: pictures, raw output, decisions; and what they refuse."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lychee_app import query
from lychee_app.records import Source
from lychee_app.request import Request
from lychee_app.services import Services, opened
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.ui.server import own_names_only
from lychee_app.web.routes import MOST_BODY_BYTES, MOST_STEPS, routes
from tests.support.fakes import FakeScorer, Gate, picture

OURS = {"X-Lychee": "1"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


@dataclass
class Served:
    """A finished run of files, and a client of the addresses that show it."""

    client: TestClient
    services: Services
    run: str
    files: list[Path]

    def get(self, kind: str, index: int, **more: Any):
        return self.client.get(f"/lychee/{kind}/{self.run}/{index}", **more)

    def decide(self, *steps: object, headers: dict[str, str] | None = None):
        return self.client.post(
            f"/lychee/decisions/{self.run}",
            json={"steps": steps},
            headers=OURS if headers is None else headers,
        )


def serve(settings: Settings, folder: Path, scorer: FakeScorer, **contents: bytes) -> Served:
    """Each file is called by its key, "_" for "."."""
    folder.mkdir()
    files = [folder / name.replace("_", ".") for name in contents]
    for file, data in zip(files, contents.values(), strict=True):
        file.write_bytes(data)
    services = opened(settings, lambda name, precision: scorer)
    app = Starlette(routes=routes(lambda: services), middleware=own_names_only())
    run = services.jobs.start(
        Request(query.ask("red"), model="demo"), [Source(file.name, path=file) for file in files]
    )
    return Served(TestClient(app, base_url="http://localhost:8501"), services, run, files)


def over(served: Served) -> Served:
    end = time.monotonic() + 60
    while served.services.jobs.is_live(served.run):
        assert time.monotonic() < end
        time.sleep(0.02)
    return served


@pytest.fixture
def served(settings: Settings, tmp_path: Path) -> Iterator[Served]:
    made = serve(
        settings,
        tmp_path / "shown",
        FakeScorer(),
        a_jpg=picture("red", (640, 480), "JPEG"),
        b_png=picture("blue"),
        c_bmp=picture("green", kind="BMP"),
        d_svg=SVG,
        e_html=HTML,
    )
    yield over(made)
    made.services.store.close()


def test_a_file_that_browsers_show_is_sent_as_it_is(served: Served) -> None:
    for index, kind in enumerate(("image/jpeg", "image/png")):
        answer = served.get("image", index)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.content == served.files[index].read_bytes()
        assert "immutable" in answer.headers["cache-control"]


def test_any_other_picture_is_sent_as_webp(served: Served) -> None:
    answer = served.get("image", 2)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(answer.content)).size == (120, 90)


def test_a_thumbnail_is_the_one_that_was_kept(served: Served) -> None:
    answer = served.get("thumb", 0)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.content == served.services.store.row(served.run, 0).thumbnail


def test_what_the_model_saw_is_sent_at_its_size(served: Served) -> None:
    row = served.services.store.row(served.run, 0)
    answer = served.get("seen", 0)
    shown = Image.open(io.BytesIO(answer.content))
    assert shown.size == (row.seen_width_px, row.seen_height_px)
    assert shown.size != (640, 480)


@pytest.mark.parametrize("index", [3, 4])
def test_drawings_with_scripts_and_pages_are_never_sent(served: Served, index: int) -> None:
    assert (served.get("thumb", index).status_code, served.get("thumb", index).content) == (204, b"")
    for kind in ("image", "seen"):
        answer = served.get(kind, index)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"
        assert b"<script" not in answer.content


def test_every_picture_is_kept_from_being_read_as_anything_else(served: Served) -> None:
    for kind in ("thumb", "image", "seen"):
        headers = served.get(kind, 0).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("later", [picture("green", seed=9), HTML, b""])
def test_a_file_that_changed_since_is_not_sent(served: Served, later: bytes) -> None:
    served.files[1].write_bytes(later)
    for kind in ("image", "seen"):
        assert served.get(kind, 1).status_code == 404
    assert served.get("thumb", 1).status_code == 200


def test_a_file_that_is_gone_is_told_of(served: Served) -> None:
    served.files[0].unlink()
    assert served.get("image", 0).status_code == 404


@pytest.mark.parametrize("kind", ["thumb", "image", "seen", "row"])
def test_what_is_not_there_is_not_found(served: Served, kind: str) -> None:
    assert served.get(kind, 99).status_code == 404
    assert served.client.get(f"/lychee/{kind}/nowhere/0").status_code == 404
    assert served.client.get(f"/lychee/{kind}/{served.run}/..%2f0").status_code == 404


def test_a_foreign_host_is_refused_before_anything_is_read(served: Served) -> None:
    for path in (f"thumb/{served.run}/0", f"row/{served.run}/0"):
        answer = served.client.get(f"/lychee/{path}", headers={"Host": "evil.example"})
        assert answer.status_code == 400
    assert (
        served.decide({"index": 0, "decision": "pick"}, headers={**OURS, "Host": "evil.example"}).status_code
        == 400
    )
    assert served.services.store.decisions(served.run) == {}


def test_the_raw_output_is_told_in_the_language_asked_for(served: Served) -> None:
    (part,) = served.get("row", 0).json()["parts"]
    assert (part["title"], part["reply"], part["prompt"]) == ("Model output", "yes", "prompt")
    assert (
        dict(part["facts"])["logit yes"] == f"{served.services.store.row(served.run, 0).reply.logit_yes:.4f}"
    )
    (chinese,) = served.get("row", 0, params={"lang": "zh"}).json()["parts"]
    assert chinese["reply"] == "yes"
    assert chinese["title"] != part["title"]
    assert served.get("row", 3).json() == {"parts": []}


def test_decisions_are_followed_in_their_order_and_undone(served: Served) -> None:
    answer = served.decide(
        {"index": 0, "decision": "pick"},
        {"index": 1, "decision": "reject"},
        {"index": 0, "decision": None},
        {"index": 0, "undo": None, "before": "pick"},
    )
    assert answer.json() == {"decisions": [[0, "pick"], [1, "reject"]], "restored": [0]}
    assert served.services.store.decisions(served.run) == {0: "pick", 1: "reject"}
    last = served.services.store.last_step(served.run)
    assert served.decide({"undo": last}).json()["restored"] == [1]
    assert served.decide({"undo": last}).json()["restored"] == []
    assert served.services.store.decisions(served.run) == {0: "pick"}
    assert served.decide({"undo": last, "earlier": True}).json()["restored"] == [0]


def test_a_page_elsewhere_cannot_decide(served: Served) -> None:
    """It cannot send this header without asking, and nobody answers."""
    assert served.decide({"index": 0, "decision": "pick"}, headers={}).status_code == 403
    asked = served.client.options(
        f"/lychee/decisions/{served.run}",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Headers": "x-lychee"},
    )
    assert asked.status_code == 405
    assert "access-control-allow-origin" not in asked.headers
    assert served.client.post(f"/lychee/explanation/{served.run}/0").status_code == 403
    assert served.services.store.decisions(served.run) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"steps": {}}',
        b'{"steps": [3]}',
        b'{"steps": [{"index": 0}]}',
        b'{"steps": [{"index": "0", "decision": "pick"}]}',
        b'{"steps": [{"index": true, "decision": "pick"}]}',
        b'{"steps": [{"index": 0, "decision": "maybe"}]}',
        b'{"steps": [{"index": 0, "decision": ["pick"]}]}',
        b'{"steps": [{"index": 1e400, "decision": "pick"}]}',
        b"[" * 100_000,
        b'{"steps": [{"undo": true}]}',
        b'{"steps": [{"undo": 1e400}]}',
        b'{"steps": [{"index": 0, "undo": "pick"}]}',
        b'{"steps": [{"index": 0, "undo": "maybe", "before": null}]}',
        b'{"steps": [{"undo": 1%s}]}' % (b"0" * 30),
        b'{"steps": [' + b'{"undo": 1},' * MOST_STEPS + b'{"undo": 1}]}',
    ],
)
def test_what_is_no_list_of_decisions_is_refused_whole(served: Served, body: bytes) -> None:
    answer = served.client.post(f"/lychee/decisions/{served.run}", content=body, headers=OURS)
    assert answer.status_code == 400
    assert served.services.store.decisions(served.run) == {}


def test_nothing_is_decided_where_one_step_cannot_be(served: Served) -> None:
    good = {"index": 0, "decision": "pick"}
    for index in (-1, 5, 10**30):
        assert served.decide(good, {"index": index, "decision": "pick"}).status_code == 400
    assert served.services.store.decisions(served.run) == {}


def test_more_than_anybody_decides_is_not_read(served: Served) -> None:
    body = b" " * (MOST_BODY_BYTES + 1)
    answer = served.client.post(f"/lychee/decisions/{served.run}", content=body, headers=OURS)
    assert answer.status_code == 413


def test_a_decision_on_a_run_that_is_gone_is_told_of(served: Served) -> None:
    url = "/lychee/decisions/nowhere"
    step = {"index": 0, "decision": "pick"}
    assert served.client.post(url, json={"steps": [step]}, headers=OURS).status_code == 404
    assert served.client.post(url, json={"steps": []}, headers=OURS).status_code == 404


def test_a_decision_waits_for_no_run_that_is_being_scored(settings: Settings, tmp_path: Path) -> None:
    gate = Gate(free=1)
    made = serve(
        settings,
        tmp_path / "shown",
        FakeScorer(before=gate),
        a_png=picture("red"),
        b_png=picture("blue"),
    )
    assert gate.reached.wait(30)
    try:
        assert made.decide({"index": 0, "decision": "pick"}).status_code == 200
        with Store.open(settings.data_folder) as elsewhere:
            assert elsewhere.decisions(made.run) == {0: "pick"}
        busy = made.client.post(f"/lychee/explanation/{made.run}/0", headers=OURS)
        assert busy.status_code == 409
    finally:
        gate.open()
        over(made)
        made.services.store.close()


def test_one_image_is_asked_for_its_reasons_at_the_size_it_was_judged_at(served: Served) -> None:
    answer = served.client.post(f"/lychee/explanation/{served.run}/0", headers=OURS)
    assert answer.status_code == 200
    assert answer.json()["text"].startswith("It is red. Score: ")
    served.files[1].write_bytes(picture("green", seed=9))
    changed = served.client.post(f"/lychee/explanation/{served.run}/1", headers=OURS)
    assert changed.status_code in {404, 409}


def test_an_image_that_was_added_has_a_thumbnail_and_one_that_is_none_has_nothing(served: Served) -> None:
    drafts = served.services.store.drafts
    drafts.add("d", [Source("a.png", data=picture("red", (640, 480))), Source("b.svg", data=SVG)])
    answers = [served.client.get(f"/lychee/added/d/{position}") for position in range(3)]
    assert [answer.status_code for answer in answers] == [200, 204, 204]
    assert Image.open(io.BytesIO(answers[0].content)).size == (320, 240)
    drafts.take_off("d", [0])
    assert served.client.get("/lychee/added/d/0").status_code == 204


def test_an_image_of_a_run_has_its_thumbnail_before_it_is_scored(settings: Settings, tmp_path: Path) -> None:
    gate = Gate(free=0)
    served = serve(settings, tmp_path / "shown", FakeScorer(before=gate), a_png=picture("red"))
    answer = served.get("thumb", 0)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    gate.open()
    over(served).services.store.close()
