"""The page under Streamlit's own test driver: opening it, dropping images, ranking, reading what it shows."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from lychee_app.catalogue import ModelCatalogue
from lychee_app.engines.local import LocalEngine
from lychee_app.jobs import Jobs
from lychee_app.model.download import download
from lychee_app.records import Run, Scored, Source, Status
from lychee_app.services import Services
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.web.routes import routes
from tests.support.fakes import picture
from tests.support.rows import run_of
from tests.support.sending import send

APP = str(Path(__file__).with_name("colour_app.py"))
COLOURS = ["blue", "red", "green", "red"]
PATIENCE_SECONDS = 60


def visit(
    run_id: str = "",
    language: str = "en",
    place: str = "",
    charts: str = "1",
    address: Mapping[str, str] | None = None,
    **session: object,
) -> AppTest:
    """A tab of its own, drawn once; the charts are folded out. `address`: what else it holds."""
    at = AppTest.from_file(APP, default_timeout=30)
    address = {"lang": language, "run": run_id, "place": place, "charts": charts, **(address or {})}
    for key, value in address.items():
        if value:
            at.query_params[key] = value
    for key, value in session.items():
        at.session_state[key] = value
    return at.run()


def visit_run(settings: Settings, rows: Sequence[Scored], **more) -> AppTest:
    """A kept run of these rows, on the page."""
    with Store.open(settings.data_folder) as store:
        run = run_of(rows, id=settings.data_folder.parent.name, **more)  # what is drawn is cached by this
        store.create(run, [Source(each.name, data=each.name.encode()) for each in rows])
        for each in rows:
            store.add(run.id, each)
        store.finish(run.id, "done", seconds=1.0, peak_memory_bytes=0)
    return visit(run.id)


def files(*colours: str, first: int = 0) -> list[tuple[str, bytes, str]]:
    return [
        (f"{first + n}-{colour}.png", picture(colour, seed=first + n), "image/png")
        for n, colour in enumerate(colours)
    ]


def upload(at: AppTest, *more: tuple[str, bytes, str]) -> AppTest:
    """Files that are chosen; what is in a folder has slashes in its name. The page is drawn again."""
    told, settings = sent(at, "adding"), Settings.from_environment()
    with Store.open(settings.data_folder) as store:
        services = Services(
            settings, store, Jobs(store, LocalEngine(settings)), ModelCatalogue(settings, download)
        )
        client = TestClient(Starlette(routes=routes(lambda: services)))
        send(client, told["draft"], [(name, data) for name, data, _ in more], told["rules"])
    return at.run()


def rank(at: AppTest, store: Store, query: str = "red + green", images=None) -> tuple[AppTest, Run]:
    upload(at, *(files(*COLOURS) if images is None else images))
    at.text_area(key="query").set_value(query).run()
    at.button(key="rank").click().run()
    return finished(at, store)


def finished(at: AppTest, store: Store, status: Status = "done") -> tuple[AppTest, Run]:
    """Waits for the newest run and draws the page again."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        runs = store.runs(limit=1)
        if runs and runs[0].status != "running":
            break
        time.sleep(0.05)
    run = store.load(store.runs(limit=1)[0].id)
    assert run.status == status
    time.sleep(0.1)
    at.run()
    assert not at.exception
    return at, run


def drawn_until(at: AppTest, words: str) -> AppTest:
    """Draws the page again until it says so, as its polling would."""
    end = time.monotonic() + PATIENCE_SECONDS
    while words not in html(at) and time.monotonic() < end:
        time.sleep(0.1)
        at.run()
    assert words in html(at)
    return at


def html(at: AppTest) -> str:
    bodies = (element.proto.body for element in at.get("html"))
    return "\n".join(body for body in bodies if not body.startswith("<style>"))


def sent(at: AppTest, name: str) -> dict[str, Any]:
    """The data of one of our components, as the browser is given them."""
    protos = [element.proto for element in at.get("bidi_component")]
    return next(json.loads(one.json) for one in protos if one.component_name == f"lychee_{name}")


def ranking(at: AppTest) -> list[int]:
    """Upload indices as the gallery is given them, best first."""
    return [row["index"] for row in sent(at, "gallery")["rows"]]
