"""The image as the model saw it: the very pixels, at the size they had, whatever made them that size."""

import io
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lychee_app import query, recorder
from lychee_app.errors import OutOfMemory
from lychee_app.records import Candidate, ImageBudget, Scored, ScorerInfo, Source
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.store import Store, rows
from lychee_app.web import pictures
from tests.support.fakes import FakeScorer, engine_of, picture
from tests.support.rows import row, told

DEMO = ImageBudget(28, max_tokens=49, min_tokens=16)
SIZES = [(64, 64), (30, 200), (120, 90), (700, 500), (1600, 1200)]


class Watched(FakeScorer):
    """Keeps the pixels it judged; memory runs out for images of more than `room` tokens."""

    def __init__(self, budget: ImageBudget, room: int = 1 << 20) -> None:
        super().__init__(info=ScorerInfo("demo", "f" * 16, "float32", "cpu", budget), before=self._watch)
        self.room = room
        self.pixels: list[np.ndarray] = []

    def _watch(self, candidate: Candidate) -> None:
        if candidate.tokens(28) > self.room:
            raise OutOfMemory(told("no room"))
        self.pixels.append(np.asarray(candidate.image))


def judged(scorer: Watched, source: Source, settings: Settings) -> tuple[Scored, int]:
    request = Request(query.ask("red"), model="demo")
    run = recorder.rank(request, [source], engine_of(scorer, settings), recorder.Unkept())
    assert run.token_budget is not None
    return run.images[0], run.token_budget


def shown(source: Source, row: Scored, max_tokens: int, settings: Settings) -> np.ndarray:
    data = pictures.as_seen(source, row, max_tokens, settings)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("budget", [DEMO, ImageBudget(28), ImageBudget(32, 1280, 64)], ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_is_shown_pixel_by_pixel(settings: Settings, size: tuple[int, int], budget: ImageBudget) -> None:
    scorer, source = Watched(budget), Source("a.jpg", picture(size=size, kind="JPEG"))
    scored, max_tokens = judged(scorer, source, settings)
    assert scored.reply
    assert np.array_equal(shown(source, scored, max_tokens, settings), scorer.pixels[scored.reply.tile])


@pytest.mark.parametrize("budget", [DEMO, ImageBudget(28, 256), ImageBudget(32, 256, 64)], ids=str)
def test_of_a_picture_in_tiles_the_one_that_counts_is_shown(settings: Settings, budget: ImageBudget) -> None:
    image = Image.new("RGB", (700, 9000), "white")
    image.paste((220, 30, 30), (0, 5000, 700, 5600))
    file = io.BytesIO()
    image.save(file, "PNG")
    scorer, source = Watched(budget), Source("tall.png", file.getvalue())
    scored, max_tokens = judged(scorer, source, settings)
    assert scored.reply
    assert scored.reply.tile > 0
    assert np.array_equal(shown(source, scored, max_tokens, settings), scorer.pixels[scored.reply.tile])
    with Image.open(io.BytesIO(pictures.large(source, scored.sha256, settings))) as large:
        assert large.height > 10 * large.width


@pytest.mark.parametrize("room", [400, 150])
def test_it_is_shown_as_small_as_memory_made_it(settings: Settings, room: int) -> None:
    scorer, source = Watched(ImageBudget(28, 600), room), Source("a.png", picture(size=(900, 700)))
    scored, max_tokens = judged(scorer, source, settings)
    assert scored.score is not None
    assert scored.seen_width_px * scored.seen_height_px <= room * 28**2
    assert np.array_equal(shown(source, scored, max_tokens, settings), scorer.pixels[-1])


def test_the_size_outlasts_the_store(settings: Settings, tmp_path: Path) -> None:
    scored, _ = judged(Watched(DEMO), Source("a.png", picture(size=(64, 64))), settings)
    with Store.open(tmp_path / "kept") as store:
        run = recorder.new_run(Request(query.ask("red")), total=1)
        store.create(run)
        store.add(run.id, scored)
        assert store.load(run.id).images == (scored,)
    assert (scored.seen_width_px, scored.seen_height_px) == (112, 112)


def test_a_row_written_before_is_read_without_a_size() -> None:
    written = json.loads(zlib.decompress(rows.pack_scored(row(0, 2.0))))
    for name in ("seen_width_px", "seen_height_px"):
        del written[name]
    read = rows.unpack_scored(zlib.compress(json.dumps(written).encode()), None, {})
    assert read == row(0, 2.0)
    assert (read.seen_width_px, read.seen_height_px) == (0, 0)
