"""Decoders at their limits: too slow, too large, killed from outside, and replaced."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image

from benchmarks.resident import Watched, resident_bytes
from lychee_app import intake
from lychee_app.intake import workers
from lychee_app.records import Candidate, Refused, Source
from lychee_app.settings import Settings
from tests.intake.conftest import BUDGET, codes
from tests.support import pictures


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


def test_what_a_decoder_keeps_of_one_file_is_no_burden_of_the_next(
    pool: workers.Pool, settings: Settings
) -> None:
    """libheif's threads leave 74 MB of address space behind: more than these 40 MB to spare."""
    tight = replace(settings, decode_memory_bytes=160_000_000)
    held = pool.processes()
    for data in (pictures.good("HEIF"), pictures.png_black(5500, 5500, bits=24)):
        item = pool.submit(intake.job(0, Source("x", data), BUDGET, tight)).result(60)
        assert isinstance(item, Candidate), item
    assert pool.processes() == held


def test_decoders_can_be_started_before_their_first_job(settings: Settings) -> None:
    own = workers.Pool()
    own.grow(2, started=True)
    end = time.monotonic() + 60
    while len(own.processes()) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    before = set(own.processes())
    assert len(before) == 2
    own.submit(good_job(settings)).result(60)
    assert set(own.processes()) == before
    own.close()


def test_a_decoder_that_hangs_is_ended_and_the_next_file_is_scored(
    pool: workers.Pool, settings: Settings
) -> None:
    future = pool.submit(slow_job(replace(settings, decode_seconds=2.5)))
    time.sleep(0.1)
    os.kill(pool.processes()[0], signal.SIGSTOP)
    item = future.result(60)
    assert isinstance(item, Refused)
    assert item.code == "timeout"
    assert item.reason.values == {"seconds": 2.5}
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
    assert item.reason.values == {"seconds": 2.5}
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
    with Watched(workers.shared(1).processes) as memory:
        assert codes(files, settings) == [""] * 4
    assert 250_000_000 < memory.peak_bytes < 550_000_000


def test_what_was_decoded_is_given_back_to_the_system(settings: Settings) -> None:
    codes([pictures.png_black(8000, 8000, bits=24)] * 4, settings)
    for pid in workers.shared(1).processes():
        assert resident_bytes(pid) < 200_000_000
