"""A run that `lychee rank` scores in a terminal: the page follows it, and goes on with it when it died."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.testing.v1 import AppTest

from lychee_app import demo
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import finished, html

ROOT = Path(__file__).parents[2]
APP = str(Path(__file__).parents[1] / "support" / "demo_app.py")
IMAGES = 10


@contextmanager
def held_in_the_middle(gallery: Path, store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """`lychee rank` over the demo gallery, halted once some of its rows are there."""
    words = [
        "rank",
        "red umbrella + sofa",
        str(gallery),
        "--elements",
        "--mode",
        "explain",
        "--model",
        "demo",
    ]
    command = [sys.executable, "-m", "lychee_app", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            end = time.monotonic() + 120
            while not (runs := store.runs()) or runs[0].done < 3:
                assert child.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
            child.send_signal(signal.SIGSTOP)
            yield child
        finally:
            child.kill()


def drawn(run_id: str, place: str) -> AppTest:
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["lang"], at.query_params["run"] = "en", run_id
    at.query_params["place"] = place
    return at.run()


def test_the_page_follows_it_and_goes_on_with_it_when_it_died(tmp_path: Path, settings: Settings) -> None:
    demo.write_gallery(tmp_path / "gallery")
    for file in sorted((tmp_path / "gallery").glob("*.webp"))[IMAGES:]:
        file.unlink()
    with Store.open(settings.data_folder) as store, held_in_the_middle(tmp_path / "gallery", store) as other:
        (summary,) = store.runs()
        at = drawn(summary.id, "results")
        assert f"<span>{summary.done}/{IMAGES}</span>" in html(at)
        assert "ranked by another program" in html(at)
        assert [button.key for button in at.button if button.key in {"stop", "resume"}] == []
        assert at.button(key="rank").disabled
        listed = drawn(summary.id, "history")
        assert "running" in html(listed)
        assert listed.button(key=f"delete-{summary.id}").disabled

        os.kill(other.pid, signal.SIGCONT)
        end = time.monotonic() + 60
        while store.runs()[0].done == summary.done and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(other.pid, signal.SIGSTOP)
        done = store.runs()[0].done
        assert f"<span>{done}/{IMAGES}</span>" in html(at.run())

        other.kill()
        other.wait()
        assert f"The program ended in between. {done} of {IMAGES} done and kept." in html(at.run())
        assert "interrupted" in html(listed.run())
        at.button(key="resume").click().run()
        at, run = finished(at, store)
        assert (run.total, len(run.images)) == (IMAGES, IMAGES)
        assert run.request.question.sent == "red umbrella + sofa"
