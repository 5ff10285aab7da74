"""Which images are one picture: by their looks and their clocks, and never by a chain of small steps."""

import time
from collections.abc import Iterable
from dataclasses import replace

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from benchmarks import alike
from lychee_app.curate import Group, beside, fingerprint, groups
from lychee_app.curate.fingerprint import CODE_BYTES, Codes, code_of
from lychee_app.curate.groups import ALIKE_BITS, BURST_BITS, MOST_A_SECOND
from lychee_app.records import Capture, Scored
from lychee_app.views import COUNT, SIDE_PX, TINTS_BYTES, views
from tests.support.rows import row, told


def shapes(seed: int = 0) -> Image.Image:
    """A picture of a few soft shapes; each seed another."""
    cells = np.random.default_rng(seed).integers(40, 216, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((320, 240), Image.Resampling.BICUBIC)


def drawing(colour: str) -> Image.Image:
    """A ball of that colour beside something grey."""
    image = Image.new("RGB", (320, 240), "#e0e0e0")
    pen = ImageDraw.Draw(image)
    pen.ellipse((30, 90, 150, 210), fill=colour)
    pen.polygon([(200, 20), (310, 80), (220, 200)], fill="#464646")
    return image


def taken(index: int, image: Image.Image | str, second: float | None = None, **more) -> Scored:
    """A row of that picture, or of that code. The later ones are less sharp."""
    code = image if isinstance(image, str) else fingerprint(views(image))
    moment = f"2026-05-04T10:{int(second) // 60:02}:{second % 60:09.6f}" if second is not None else ""
    return row(index, **{"fingerprint": code, "capture": Capture(moment), "sharpness": 100.0 - index, **more})


def members(rows: Iterable[Scored]) -> list[set[int]]:
    return [set(group.members) for group in groups(rows)]


def moved(code: str, bits: int, first: int = 0) -> str:
    """The code with so many bits of every hash turned."""
    data = np.frombuffer(bytes.fromhex(code), np.uint8).copy()
    for view in range(12):
        turned = np.zeros(64, np.uint8)
        turned[first : first + bits] = 1
        data[8 * view : 8 * view + 8] ^= np.packbits(turned)
    return data.tobytes().hex()


SCENE = fingerprint(views(shapes()))


@pytest.mark.parametrize(
    "changed",
    [
        lambda image: image.resize((100, 75)),
        lambda image: image.point([min(255, round(1.2 * value)) for value in range(256)] * 3),
        lambda image: image.filter(ImageFilter.GaussianBlur(3)),
        lambda image: image.crop((16, 12, 304, 228)),
        lambda image: image.rotate(1).crop((10, 10, 310, 230)),
    ],
    ids=["smaller", "lighter", "blurred", "cropped", "held otherwise"],
)
def test_what_a_camera_or_a_program_makes_of_a_picture_is_alike(changed) -> None:
    assert members([taken(0, shapes()), taken(1, changed(shapes())), taken(2, shapes(1))]) == [{0, 1}]


def test_the_same_drawing_in_other_colours_is_another_picture() -> None:
    red, blue = drawing("#dc3c3c"), drawing("#5a64f0")
    assert members([taken(0, red), taken(1, blue), taken(2, red.resize((200, 150)))]) == [{0, 2}]


def test_a_small_thing_of_another_colour_is_another_picture() -> None:
    """Of 2 % of it, wherever it is."""
    for left in (100, 110, 120):
        red, blue = shapes(), shapes()
        for image, ink in ((red, "#d92b2b"), (blue, "#2b2bd9")):
            ImageDraw.Draw(image).ellipse((left, 100, left + 39, 139), fill=ink)
        assert len(groups([taken(0, red), taken(1, red.resize((240, 180)))])) == 1
        assert not groups([taken(0, red), taken(1, blue)])


def test_images_of_one_moment_may_differ_more_than_others() -> None:
    differs = moved(SCENE, (ALIKE_BITS + BURST_BITS) // 2)
    assert members([taken(0, SCENE, 5), taken(1, differs, 8)]) == [{0, 1}]
    for second in (None, 300):
        assert members([taken(0, SCENE, 5), taken(1, differs, second)]) == []
    assert members([taken(0, SCENE), taken(1, differs)]) == []


def test_images_alike_are_a_group_whatever_their_clocks_say() -> None:
    assert members([taken(0, SCENE, 5), taken(1, SCENE, 3000), taken(2, SCENE)]) == [{0, 1, 2}]


def test_a_clock_that_stood_still_tells_nothing() -> None:
    others = [taken(10 + n, fingerprint(views(shapes(n + 1))), 5) for n in range(MOST_A_SECOND)]
    differs = moved(SCENE, BURST_BITS)
    assert members([taken(0, SCENE, 5), taken(1, differs, 5)]) == [{0, 1}]
    assert members([taken(0, SCENE, 5), taken(1, differs, 5), *others]) == []


def test_a_chain_of_small_steps_does_not_lead_from_one_scene_into_the_next() -> None:
    steps = [taken(n, moved(SCENE, 6, first=0) if n == 1 else moved(SCENE, 6 * n)) for n in range(8)]
    found = members(steps)
    assert {0, 1} <= found[0]
    assert len(found) >= 3
    codes = Codes(enumerate(code_of(step.fingerprint) for step in steps), len(steps))
    for group in found:
        first = min(group)
        assert codes.bits(first, np.array(sorted(group))).max() <= ALIKE_BITS


def test_a_thousand_equal_images_are_one_group() -> None:
    rows = [taken(n, SCENE, n // 30, sha256="same") for n in range(1000)]
    started = time.process_time()
    assert members(rows) == [set(range(1000))]
    assert members([replace(each, sha256=str(each.upload_index)) for each in rows]) == [set(range(1000))]
    assert time.process_time() - started < 5


def test_blank_and_unread_images_glue_nothing_together() -> None:
    blank = [taken(n, "", 0) for n in range(5)]
    refused = [row(10 + n, reason=told("no image"), sha256="") for n in range(3)]
    other_version = [taken(20 + n, SCENE[:100]) for n in range(2)]
    assert members([*blank, *refused, *other_version]) == []
    same = [taken(n, "", sha256="black") for n in (30, 31)]
    assert members([*blank, *same]) == [{30, 31}]


def test_the_best_is_that_of_the_highest_score_then_the_sharpest() -> None:
    rows = [
        taken(0, SCENE, sharpness=9.0),
        replace(taken(1, SCENE, sharpness=5.0), **vars_of_score(1, 2.0)),
        replace(taken(2, SCENE, sharpness=1.0), **vars_of_score(2, 3.0)),
        taken(3, SCENE, sharpness=7.0, reason=told("it failed")),
    ]
    assert groups(rows) == (Group((2, 1, 0, 3)),)
    unscored = [rows[3], rows[0], taken(1, SCENE, sharpness=9.0)]
    assert groups(unscored) == (Group((0, 1, 3)),)


def test_a_reduced_copy_is_not_the_best_however_sharp_it_is() -> None:
    whole, cropped = {"width_px": 4000, "height_px": 3000}, {"width_px": 3000, "height_px": 2500}
    rows = [
        taken(0, SCENE, sharpness=9.0, width_px=1000, height_px=750),
        taken(1, SCENE, sharpness=5.0, **whole),
        taken(2, SCENE, sharpness=6.0, **cropped),
    ]
    assert groups(rows) == (Group((2, 1, 0)),)


def vars_of_score(index: int, margin: float) -> dict:
    scored = row(index, margin)
    return {"score": scored.score, "margin": scored.margin, "p_yes": scored.p_yes}


def test_scores_do_not_change_who_is_in_a_group() -> None:
    rows = [taken(n, moved(SCENE, 4 * n)) for n in range(6)]
    scored = [replace(each, **vars_of_score(n, float(n))) for n, each in enumerate(rows)]
    assert members(rows) == members(scored) == members(reversed(scored))


def test_the_firsts_of_all_groups_are_groups_of_their_own() -> None:
    """So that what is left of a run that was cut off is grouped as before."""
    rows = [taken(n, moved(SCENE, 3 * n)) for n in range(12)]
    others = {index for group in groups(rows) for index in group.members[1:]}
    assert groups([each for each in rows if each.upload_index not in others]) == ()


def test_what_it_saves_is_told_from_what_judging_took() -> None:
    rows = [replace(taken(n, SCENE), seconds=2.0, **vars_of_score(n, 1.0)) for n in range(3)]
    assert beside(rows) == (2, 4.0)
    assert beside([taken(0, shapes(1)), taken(1, shapes(2))]) == (0, 0.0)


def test_a_fingerprint_is_of_one_length() -> None:
    for size in ((3, 500), (500, 3), (28, 28)):
        image = shapes().resize(size)
        assert len(fingerprint(views(image))) == 2 * CODE_BYTES


def test_hashes_are_those_of_imagehash() -> None:
    for shown in alike.shown(2, seed=3):
        seen = views(shown.image)
        pixels = np.frombuffer(seen[:-TINTS_BYTES], np.uint8).reshape(COUNT, SIDE_PX, SIDE_PX)
        hashes = [imagehash.phash(Image.fromarray(view)).hash for view in pixels]
        assert fingerprint(seen).startswith(np.packbits(hashes).tobytes().hex())


def test_scenes_of_the_constructed_set_are_told_apart() -> None:
    """A small share of what `python -m benchmarks bursts` measures."""
    shown = list(alike.shown(8, seed=7))
    rows = [taken(n, one.image, 60 * one.scene + n % 12) for n, one in enumerate(shown)]
    for group in groups(rows):
        assert len({shown[index].scene for index in group.members}) == 1
    of_first = next(group for group in groups(rows) if 0 in group.members)
    assert {1, 2, 3, 7, 8} <= set(of_first.members)
