"""What axe-core finds on every view, in both languages and schemes: nothing serious, contrast included.

A language changes words and a scheme colours, neither of them the other: two pairs show all four.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page, expect

from lychee_app.records import Cutoff, Scored, Source
from lychee_app.store import Store
from tests.browser.conftest import Server, at_rest, visit
from tests.support.fakes import picture
from tests.support.rows import failed, reply, row, run_of, told

Open = Callable[..., Page]
SERIOUS = {"serious", "critical"}
FADED = """async () => {
  await new Promise(requestAnimationFrame);
  await Promise.allSettled(document.getAnimations()
    .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime)).map((one) => one.finished));
}"""
"""Colours fade by frames: on a busy machine those of a moment take longer than any pause."""
MARGINS = (9.0, 3.0, 2.0, 1.4, 1.0, 0.6, 0.3, 0.0, -0.3, -0.7, -1.0, -1.5, -2.2, -4.0, -9.0)
"""Scores from 10 to 0: each colour of the heat scale carries text somewhere."""


COLOURS = ("red", "green", "blue")


def _file(index: int) -> bytes:
    return picture(COLOURS[index % 3], seed=index)


def _rows(mode: str = "judge") -> Iterator[Scored]:
    for index, margin in enumerate(MARGINS):
        others = MARGINS[index:] + MARGINS[:index]
        elements = tuple(row(index, other).score for other in others[1:3])
        replies = tuple(reply(name, other) for name, other in zip(("sofa", "lamp"), others[1:3], strict=True))
        thumbnail = picture(COLOURS[index % 3], (80, 60), "WEBP", index)
        made = row(index, margin, elements=elements, element_replies=replies, width_px=120, height_px=90)
        made = replace(
            made,
            sha256=hashlib.sha256(_file(index)).hexdigest(),
            thumbnail=thumbnail,
            notes=(told("It was damaged."),) if index == 1 else (),
        )
        if mode == "explain":
            says = reply(margin=margin, text=f"A sofa beside a lamp. Score: {made.score:.1f} / 10")
            made = replace(made, reply=replace(says, mode="explain"))
        yield made
    yield failed(len(MARGINS))


@pytest.fixture(scope="module")
def runs(server: Server) -> dict[str, str]:
    """One run of every kind, by what it is; the latest, in a history that other tests fill too."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Store.open(server.home) as store:
        for name in ("judged", "asked-again", "explained", "refused"):
            mode = "explain" if name == "explained" else "judge"
            asked = {"query": "sofa + lamp", "sent_query": "sofa + lamp", "elements": ("sofa", "lamp")}
            rows = [failed(n) for n in range(3)] if name == "refused" else list(_rows(mode))
            run = run_of(
                (), id=f"access-{name}", created=now, mode=mode, not_text="a cat", total=len(rows), **asked
            )
            sources = [Source(one.name, data=_file(one.upload_index)) for one in rows]
            store.create(run, sources)
            for one in rows:
                store.add(run.id, one)
            if name == "judged":
                store.set_cutoff(run.id, Cutoff(5.0))
                store.decide_all(run.id, {0: "pick", 1: "pick", 2: "reject"})
            status, error = ("failed", told("The model is gone.")) if name == "refused" else ("done", None)
            store.finish(run.id, status, seconds=1.0, peak_memory_bytes=0, error=error)
    return {name: f"access-{name}" for name in ("judged", "asked-again", "explained", "refused")}


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh", "dark")])
def test_axe_finds_nothing_serious_on_any_view(
    server: Server, open_tab: Open, runs: dict[str, str], scheme: str, language: str
) -> None:
    tab = open_tab(server, f"/?lang={language}", color_scheme=scheme, viewport={"width": 1440, "height": 900})
    found: dict[str, list[str]] = {}

    def look(view: str) -> None:
        at_rest(tab)
        tab.evaluate(FADED)
        if findings := serious(tab):
            found[view] = findings

    def go(run: str, more: str = "") -> None:
        tab.goto(f"{server.address}/?lang={language}&run={runs[run]}{more}")

    tab.locator(".st-key-demo").wait_for()
    look("first screen")
    tab.locator(".st-key-query textarea").fill("sofa + lamp without a cat")
    tab.keyboard.press("Control+Enter")
    tab.locator(".st-key-rank .ly-notice, .st-key-start .ly-notice").wait_for()
    look("a question without images")
    go("judged", "&charts=1")
    tab.locator(".plot").wait_for()
    tab.locator(".cell").first.wait_for()
    look("results with the heat grid")
    tab.locator(".st-key-overview_kind button").nth(1).click()
    tab.locator(".st-key-overview tbody tr").first.wait_for()
    look("results with the element table")
    go("judged", "&image=0")
    viewer = tab.locator("dialog.viewer")
    viewer.locator(".reply").first.wait_for()
    look("viewer")
    tab.keyboard.press("b")
    tab.keyboard.press("ArrowRight")
    look("viewer side by side")
    go("explained")
    tab.locator(".says").first.wait_for()
    look("explain mode")
    go("judged", "&place=decide")
    tab.locator(".viewer.inline .reply").first.wait_for()
    look("decide")
    go("refused")
    tab.locator(".st-key-retry").wait_for()
    look("a refused run")
    visit(tab, 2)
    tab.locator(".st-key-compare").wait_for()
    look("history")
    for run in ("judged", "asked-again"):
        tab.locator(f'[class*="st-key-mark-{runs[run]}"] label').click()
        at_rest(tab)
    tab.locator(".st-key-compare button").click()
    tab.locator(".st-key-compare-back").wait_for()
    expect(tab.locator(".ly-table")).to_be_visible()
    look("comparison")
    _begin_a_pile(tab, f"{server.address}/?lang={language}")
    look("images that are not ranked yet")
    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)


def _begin_a_pile(tab: Page, address: str) -> None:
    tab.goto(address)
    files = [FilePayload(name=f"{n}.png", mimeType="image/png", buffer=_file(n)) for n in range(3)]
    tab.locator(".st-key-add-here input[type=file]").set_input_files(files)
    tab.locator(".pile img").first.wait_for()


def serious(tab: Page) -> list[str]:
    """A line for everything that axe calls serious or critical, with the first element it is about."""
    violations: list[dict[str, Any]] = Axe().run(tab).response["violations"]
    found = {
        f"{one['id']}: {_why(node)}": node["html"][:200]
        for one in violations
        if one["impact"] in SERIOUS
        for node in reversed(one["nodes"])
    }
    return [f"{what} {html}" for what, html in found.items()]


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))
