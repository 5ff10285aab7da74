"""From sources to candidates, in processes of their own: order, limits, faults, and nothing left behind."""

import io
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image

from lychee_app import intake
from lychee_app.bench import pictures
from lychee_app.errors import ImageError
from lychee_app.intake import workers
from lychee_app.intake.decode import decode
from lychee_app.records import Candidate, ImageBudget, Refused, Source
from lychee_app.settings import Settings

BUDGET = ImageBudget()
ROOT = Path(intake.__file__).resolve().parents[2]


def prepared(
    files: Iterable[bytes], settings: Settings, budget: ImageBudget = BUDGET
) -> list[Candidate | Refused]:
    sources = [Source(f"{index}.img", data) for index, data in enumerate(files)]
    return list(intake.prepare(enumerate(sources), budget, settings))


def codes(files: Iterable[bytes], settings: Settings) -> list[str]:
    return [item.code if isinstance(item, Refused) else "" for item in prepared(files, settings)]


# --- fit and refit


sides = st.integers(1, 30_000)
budgets = st.sampled_from([16, 64, 320, 640, 1280, 5000]).map(lambda most: ImageBudget(max_tokens=most))


def published(width_px: int, height_px: int, budget: ImageBudget) -> tuple[tuple[int, int], tuple[int, int]]:
    """(by qwen_vl_utils, by transformers), each (width, height). Raises ValueError where they do."""
    from qwen_vl_utils.vision_process import smart_resize as by_utils
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize as by_transformers

    least, most = budget.min_tokens * 784, budget.max_tokens * 784
    one = by_utils(height_px, width_px, 28, least, most)
    other = by_transformers(height_px, width_px, 28, least, most)
    return (one[1], one[0]), (other[1], other[0])


@given(sides, sides, budgets)
@example(30, 6000, BUDGET)
@example(4000, 3000, BUDGET)
@example(4139, 4139, ImageBudget(max_tokens=16))
def test_fit_is_smart_resize_wherever_the_published_ones_agree(
    width: int, height: int, budget: ImageBudget
) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    one, other = published(width, height, budget)
    assume(one == other and max(one) <= 200 * min(one) and math.prod(one) // 784 <= budget.max_tokens)
    assert intake.fit(width, height, budget) == one


@given(sides, sides, budgets)
@example(30, 6000, BUDGET)
@example(1, 200, BUDGET)
def test_fit_keeps_every_limit_and_the_published_processor_leaves_its_size_alone(
    width: int, height: int, budget: ImageBudget
) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    size = intake.fit(width, height, budget)
    assert all(side >= 28 and side % 28 == 0 for side in size)
    assert budget.min_tokens <= math.prod(size) // 784 <= budget.max_tokens
    assert published(*size, budget) == (size, size)


@given(sides, sides)
def test_fit_refuses_exactly_the_shapes_that_smart_resize_refuses(width: int, height: int) -> None:
    try:
        published(width, height, BUDGET)
    except ValueError:
        with pytest.raises(ImageError, match=f"{width} x {height}"):
            intake.fit(width, height, BUDGET)
    else:
        intake.fit(width, height, BUDGET)


def test_refit_shows_the_same_image_smaller_and_says_so(settings: Settings) -> None:
    [candidate] = prepared([pictures.encoded(pictures.scene(1200, 900), "PNG")], settings)
    assert isinstance(candidate, Candidate)
    half = intake.refit(candidate, candidate.tokens() // 2, BUDGET)
    assert half.tokens() <= candidate.tokens() // 2
    assert half.sha256 == candidate.sha256
    assert f"{half.tokens()} image tokens instead of {candidate.tokens()}" in half.notes[-1]
    shown = np.asarray(candidate.image.resize(half.image.size), dtype=float)
    assert np.abs(np.asarray(half.image, dtype=float) - shown).mean() < 1


def test_refit_of_the_smallest_image_still_gives_one(settings: Settings) -> None:
    [candidate] = prepared([pictures.encoded(Image.new("RGB", (3, 3)), "PNG")], settings)
    assert isinstance(candidate, Candidate)
    assert intake.refit(candidate, 1, BUDGET).image.size == (28, 28)


# --- prepare


def test_images_come_in_order_each_with_its_index_name_and_hash(settings: Settings) -> None:
    files = [pictures.encoded(pictures.scene(40 + 400 * (5 - index), 60), "PNG") for index in range(6)]
    sources = [(10 + index, Source(f"a/{index}.png", data)) for index, data in enumerate(files)]
    items = list(intake.prepare(sources, BUDGET, settings))
    assert [item.upload_index for item in items] == list(range(10, 16))
    assert [item.name for item in items] == [f"a/{index}.png" for index in range(6)]
    assert len({item.sha256 for item in items}) == 6


def test_a_process_decodes_exactly_what_the_pure_function_does(settings: Settings) -> None:
    data = pictures.good("JPEG")
    [candidate] = prepared([data], settings)
    plain = decode(data, BUDGET, settings.max_image_px)
    assert isinstance(candidate, Candidate)
    assert candidate.image.tobytes() == plain.image.tobytes()
    assert candidate.thumbnail == plain.thumbnail
    assert (candidate.width_px, candidate.height_px) == (160, 120)


def test_a_path_and_its_bytes_give_the_same(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "ünï 图片.png"
    path.write_bytes(pictures.good("PNG"))
    sources = [Source("x", data=path.read_bytes()), Source("x", path=path)]
    one, other = intake.prepare(enumerate(sources), BUDGET, settings)
    assert isinstance(one, Candidate)
    assert isinstance(other, Candidate)
    assert one.sha256 == other.sha256
    assert one.image.tobytes() == other.image.tobytes()


def test_the_same_picture_and_the_same_name_twice_are_two_rows(settings: Settings) -> None:
    source = Source("same.png", pictures.good("PNG"))
    items = list(intake.prepare([(0, source), (1, source)], BUDGET, settings))
    assert [item.upload_index for item in items] == [0, 1]
    assert items[0].sha256 == items[1].sha256


def test_bad_files_cost_their_own_row_and_no_other(settings: Settings) -> None:
    good = pictures.good("PNG")
    files = [
        good,
        b"",
        b"hello",
        good[:300],
        pictures.FOREIGN["a PDF"],
        good,
        *pictures.bombs().values(),
        good,
    ]
    found = codes(files, settings)
    assert found[:6] == ["", "empty", "not-an-image", "truncated", "format", ""]
    assert all(found[6:-1])
    assert found[-1] == ""


def test_a_refused_file_keeps_its_hash(settings: Settings) -> None:
    [item] = prepared([b"hello"], settings)
    assert item.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_what_cannot_be_read_is_a_row_without_a_hash(settings: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    paths = [tmp_path / "gone.jpg", tmp_path, tmp_path / "pipe.jpg", Path("/dev/zero"), Path("a\x00b")]
    sources = [Source("x", path=path) for path in paths] + [Source("neither")]
    items = list(intake.prepare(enumerate(sources), BUDGET, settings))
    assert [item.code for item in items if isinstance(item, Refused)] == ["unreadable"] * 6
    assert [item.sha256 for item in items] == [""] * 6


def test_a_file_too_large_to_read_is_refused_unread(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    with path.open("wb") as file:
        file.truncate(intake.MAX_FILE_BYTES + 1)
    [item] = intake.prepare([(0, Source("large.tif", path=path))], BUDGET, settings)
    assert isinstance(item, Refused)
    assert item.code == "file-size"
    assert "400 MB" in item.reason


def test_names_are_made_fit_to_be_shown(settings: Settings) -> None:
    [item] = intake.prepare([(0, Source("../../etc/\u202egpj.png", pictures.good("PNG")))], BUDGET, settings)
    assert item.name == "gpj.png"


def test_sources_are_drawn_only_as_they_are_needed(settings: Settings) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[tuple[int, Source]]:
        while True:
            drawn.append(len(drawn))
            yield drawn[-1], Source("x", pictures.good("PNG"))

    images = intake.prepare(endless(), BUDGET, replace(settings, decode_ahead=3))
    assert drawn == []
    for count in range(1, 8):
        next(images)
        assert len(drawn) <= count + 3
    images.close()


def test_the_next_images_are_decoded_while_the_caller_works(settings: Settings) -> None:
    slow = pictures.png_black(6000, 6000)
    images = intake.prepare(((index, Source("x", slow)) for index in range(3)), BUDGET, settings)
    started = time.perf_counter()
    next(images)
    alone = time.perf_counter() - started
    time.sleep(4 * alone + 0.5)
    started = time.perf_counter()
    next(images)
    assert time.perf_counter() - started < alone / 4


def test_a_caller_that_stops_early_leaves_nothing_hanging(settings: Settings) -> None:
    images = intake.prepare(
        ((index, Source("x", pictures.good("PNG"))) for index in range(50)), BUDGET, settings
    )
    next(images)
    images.close()
    assert codes([pictures.good("PNG")], settings) == [""]


def test_runs_side_by_side_in_threads_share_the_decoders_and_keep_their_own_order(settings: Settings) -> None:
    results: dict[int, list[tuple[int, int]]] = {}

    def work(width: int) -> None:
        data = pictures.encoded(pictures.scene(width, 56), "PNG")
        items = prepared([data] * 6, settings)
        results[width] = [
            (item.upload_index, item.image.width) for item in items if isinstance(item, Candidate)
        ]

    threads = [threading.Thread(target=work, args=(56 * step,)) for step in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {56 * step: [(index, 56 * step) for index in range(6)] for step in (1, 2, 3, 4)}


def test_decoders_are_started_once_and_kept(settings: Settings) -> None:
    one = replace(settings, decode_ahead=1)
    prepared([pictures.good("PNG")], one)
    before = workers.shared(1).processes()
    prepared([pictures.good("PNG")] * 3, one)
    assert set(before) <= set(workers.shared(1).processes())


# --- limits and faults


def test_a_file_that_takes_too_much_memory_is_a_row_with_a_reason(settings: Settings) -> None:
    tight = replace(settings, decode_memory_bytes=48_000_000)
    large = pictures.encoded(Image.new("RGB", (5000, 4000)), "PNG", compress_level=1)
    assert codes([large, pictures.good("PNG")], tight) == ["memory", ""]


@pytest.fixture
def pool(settings: Settings) -> Iterator[workers.Pool]:
    """One decoder, started."""
    own = workers.Pool()
    own.grow(1)
    own.submit(good_job(settings)).result(60)
    yield own
    own.close()


def good_job(settings: Settings) -> workers.Job[Candidate | Refused]:
    return intake.job(0, Source("x", pictures.good("PNG")), BUDGET, settings)


def slow_job(settings: Settings) -> workers.Job[Candidate | Refused]:
    return intake.job(0, Source("x", pictures.png_black(8000, 8000, bits=24)), BUDGET, settings)


def test_a_decoder_that_hangs_is_ended_and_the_next_file_is_scored(
    pool: workers.Pool, settings: Settings
) -> None:
    future = pool.submit(slow_job(replace(settings, decode_seconds=2.5)))
    time.sleep(0.1)
    os.kill(pool.processes()[0], signal.SIGSTOP)
    item = future.result(60)
    assert isinstance(item, Refused)
    assert item.code == "timeout"
    assert "2.5 s" in item.reason
    assert isinstance(pool.submit(good_job(settings)).result(60), Candidate)


def test_a_file_that_decodes_too_slowly_is_ended(pool: workers.Pool, settings: Settings) -> None:
    started = time.perf_counter()
    item = pool.submit(slow_job(replace(settings, decode_seconds=0.05))).result(60)
    assert isinstance(item, Refused)
    assert item.code == "timeout"
    assert len(item.sha256) in {0, 64}
    assert time.perf_counter() - started < 20


def test_a_decoder_killed_from_outside_costs_no_row(pool: workers.Pool, settings: Settings) -> None:
    future = pool.submit(slow_job(settings))
    time.sleep(0.1)
    os.kill(pool.processes()[0], 9)
    assert isinstance(future.result(60), Candidate)


def test_a_file_on_which_decoders_die_costs_its_own_row(pool: workers.Pool, settings: Settings) -> None:
    future = pool.submit(slow_job(settings))
    while not future.done():
        for pid in pool.processes():
            os.kill(pid, 11)
        time.sleep(0.05)
    item = future.result()
    assert isinstance(item, Refused)
    assert item.code == "crash"
    assert isinstance(pool.submit(good_job(settings)).result(60), Candidate)


def test_a_second_attempt_has_only_the_time_that_the_first_one_left(
    pool: workers.Pool, settings: Settings
) -> None:
    started = time.perf_counter()
    future = pool.submit(slow_job(replace(settings, decode_seconds=2.5)))
    [first] = pool.processes()
    os.kill(first, signal.SIGSTOP)
    time.sleep(2)
    os.kill(first, signal.SIGKILL)
    while not future.done():
        for pid in pool.processes():
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.01)
    item = future.result()
    assert isinstance(item, Refused)
    assert item.code == "timeout"
    assert "2.5 s" in item.reason
    assert time.perf_counter() - started < 4


def test_a_decoder_that_dies_while_idle_is_replaced(pool: workers.Pool, settings: Settings) -> None:
    [before] = pool.processes()
    os.kill(before, 9)
    assert isinstance(pool.submit(good_job(settings)).result(60), Candidate)
    assert pool.processes() != [before]


def test_large_images_wait_for_each_other_and_are_all_scored(settings: Settings) -> None:
    """An allowance of which every image takes more than the light share: each goes the heavy way."""
    tight = replace(settings, decode_memory_bytes=100_000_000)
    image = pictures.encoded(pictures.scene(1500, 1200), "BMP")
    assert codes([image] * 6, tight) == [""] * 6


def test_only_one_large_image_is_in_memory_however_many_there_are(settings: Settings) -> None:
    """Each takes 256 MB as pixels; two at once would take more than the limit here."""
    files = [pictures.png_black(8000, 8000, bits=24)] * 4
    peak = Peak()
    with peak:
        assert codes(files, settings) == [""] * 4
    assert 250_000_000 < peak.bytes < 550_000_000


def test_what_was_decoded_is_given_back_to_the_system(settings: Settings) -> None:
    codes([pictures.png_black(8000, 8000, bits=24)] * 4, settings)
    for pid in workers.shared(1).processes():
        assert _resident_bytes(pid) < 200_000_000


class Peak:
    """The highest sum of resident memory of all decoders, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.bytes = max(self.bytes, sum(map(_resident_bytes, workers.shared(1).processes())))


def _resident_bytes(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return 0


# --- the processes themselves


def run_script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )


SCRIPT = """
import io, os, sys
from pathlib import Path
from PIL import Image
from lychee_app import intake
from lychee_app.intake import workers
from lychee_app.records import ImageBudget, Source
from lychee_app.settings import Settings
file = io.BytesIO(); Image.new("RGB", (64, 64)).save(file, "PNG")
sources = [(index, Source("x", file.getvalue())) for index in range(4)]
images = intake.prepare(sources, ImageBudget(), Settings(data_folder=Path("unused")))
print(next(images).image.size)
print(*workers.shared(1).processes(), flush=True)
"""


def test_a_script_without_a_main_guard_works_and_ends_in_silence() -> None:
    done = run_script(SCRIPT + "list(images)\n", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("(56, 56)")


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids
    ):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    "ending", ["os.kill(os.getpid(), 9)", "os._exit(3)", "sys.exit(3)", "raise SystemError"]
)
def test_decoders_end_with_their_parent_however_it_ends(ending: str) -> None:
    done = run_script(SCRIPT + ending + "\n", "-")
    pids = [int(pid) for pid in done.stdout.splitlines()[1].split()]
    assert pids
    assert gone(pids)


def test_a_decoder_whose_parent_is_killed_ends_even_in_the_middle_of_a_file() -> None:
    slow = SCRIPT + (
        "from lychee_app.bench import pictures\n"
        "big = Source('x', pictures.png_black(10_900, 10_900))\n"
        "workers.shared(1).submit(intake.job(0, big, ImageBudget(), Settings(data_folder=Path('unused'))))\n"
        "import time; time.sleep(0.1); os.kill(os.getpid(), 9)\n"
    )
    pids = [int(pid) for pid in run_script(slow, "-").stdout.splitlines()[1].split()]
    assert gone(pids, seconds=13.0)


def test_a_decoder_process_imports_nothing_heavy() -> None:
    text = "import sys, lychee_app.intake.child\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(run_script(text, "-").stdout.split())
    assert "PIL" in loaded
    assert not loaded & {"torch", "transformers", "streamlit", "numpy", "pandas", "skimage"}


def test_a_decoder_can_write_no_file(settings: Settings) -> None:
    prepared([pictures.good("PNG")], settings)
    for pid in workers.shared(1).processes():
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        line = next(line for line in limits.splitlines() if line.startswith("Max file size"))
        assert line.split()[3:5] == ["0", "0"]


def test_what_a_decoder_says_is_never_more_than_was_asked_for() -> None:
    from lychee_app.intake.pipes import receive_into, send

    pipe = io.BytesIO()
    send(pipe, {"size": [9, 9]}, bytes(1000))
    pipe.seek(0)
    with pytest.raises(ValueError, match="1000 bytes"):
        receive_into(pipe, bytearray(100))


# --- bytes nobody thought of


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_mutated_files_each_give_one_row_and_the_decoders_live_on(kind: str, settings: Settings) -> None:
    files = list(pictures.mutants(pictures.good(kind), seed=1, count=80))
    items = prepared(files, settings)
    assert [item.upload_index for item in items] == list(range(80))
    assert all(item.reason and item.code for item in items if isinstance(item, Refused))
    assert codes([pictures.good(kind)], settings) == [""]


HEADS = [
    data[:64]
    for data in (*map(pictures.good, pictures.KINDS), *pictures.FOREIGN.values(), pictures.HEIC_HEADER)
]


@given(st.sampled_from([b"", *HEADS]), st.binary(max_size=400))
def test_any_bytes_at_all_give_an_image_or_a_reason(head: bytes, tail: bytes) -> None:
    assert outcome(head + tail) not in {"", "error"}


def outcome(data: bytes) -> str:
    """The mode of the image, or the code of the reason."""
    try:
        return decode(data, BUDGET, 1_000_000).image.mode
    except ImageError as error:
        return error.code
