"""What this machine can run, and a self-test: a known match must score above a known mismatch."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from lychee_app import __version__
from lychee_app.errors import CheckpointError
from lychee_app.locale import Words
from lychee_app.model import checkpoints, memory
from lychee_app.request import Precision
from lychee_app.settings import Settings
from lychee_app.sizes import disk_gb, memory_gb

if TYPE_CHECKING:
    from lychee_app.model.scorer import LocalScorer

MOST_COMPARED_BYTES = 1 << 30
"""A larger checkpoint is not loaded a second time to compare it with the published usage."""
LARGEST_DISTANCE = {"float32": 0.001, "bfloat16": 0.05}
"""Between our p_yes and that of the published usage, by precision: BF16 alone makes 0.03 (README)."""
LIBRARIES = ("torch", "transformers", "accelerate", "streamlit", "pillow", "pillow-heif", "rawpy")


def examine(settings: Settings, t: Words) -> Iterator[str]:
    """The report, line by line. Raises CheckpointError when the chosen model fails its self-test."""
    python, system = platform.python_version(), platform.platform()
    yield t("doctor.version", version=__version__, python=python, platform=system)
    libraries = t.listed(f"{name} {_version(name) or t('doctor.not_installed')}" for name in LIBRARIES)
    yield t("doctor.libraries", libraries=libraries)
    yield from _machine(t)
    yield _data_folder(settings.data_folder, t)
    yield from _models(settings, t)
    yield from _self_test(settings, t)


def _machine(t: Words) -> Iterator[str]:
    machine = memory.machine()
    yield t("doctor.ram", gb=memory_gb(machine.ram_bytes))
    if machine.card:
        yield t("doctor.card", card=machine.card, gb=memory_gb(machine.card_bytes))
    else:
        yield t("doctor.no_card")


def _data_folder(folder: Path, t: Words) -> str:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    closed = not there.is_dir() or not os.access(there, os.W_OK)
    free = disk_gb(shutil.disk_usage(there).free)
    return t("doctor.folder_closed" if closed else "doctor.folder", folder=folder, gb=free)


def _models(settings: Settings, t: Words) -> Iterator[str]:
    for status in checkpoints.available(settings):
        state, gb = t(f"doctor.state.{status.state}"), disk_gb(status.disk_bytes)
        line = t("doctor.model", name=status.name, state=state, gb=gb)
        yield line if status.name == "demo" else f"{line}; {t.reason(status.advice.reason)}"
        if status.state == "broken":
            yield f"  {t.reason(status.problem)}"
    if advised := checkpoints.advised(settings):
        yield t.reason(advised.advised)
        if advised.looks_from_afar:
            yield f"  {t.reason(advised.looks_from_afar)}"
        if advised.judge.download_bytes:
            yield t("doctor.get", name=advised.judge.name)
    else:
        yield t.reason(checkpoints.too_small())


def _self_test(settings: Settings, t: Words) -> Iterator[str]:
    from lychee_app.model.scorer import open_scorer
    from lychee_app.model.selftest import check, probe_of

    folder = checkpoints.locate(settings.model, settings)
    scorer = open_scorer(settings.model, settings=settings, self_test=False)  # told below
    found = check(scorer, probe_of(folder))
    info = scorer.info
    seconds = f"{found.seconds:.2f}"
    yield t("doctor.passed", name=info.name, precision=info.precision, device=info.device, seconds=seconds)
    yield t("doctor.margin", query=found.match, margin=f"{found.match_margin:+.2f}")
    yield t("doctor.margin", query=found.mismatch, margin=f"{found.mismatch_margin:+.2f}")
    yield from (t("doctor.note", note=t.reason(warning)) for warning in info.warnings)
    yield _agreement(scorer, folder, t)


def _agreement(scorer: "LocalScorer", folder: Path, t: Words) -> str:
    """Three pictures by the published usage too, where holding the weights twice costs little.

    Raises CheckpointError where the two disagree.
    """
    from lychee_app.model import loading, selftest, weights

    info, checkpoint = scorer.info, weights.inspect(folder)
    if info.precision not in LARGEST_DISTANCE or checkpoint.weight_bytes > MOST_COMPARED_BYTES:
        return t("doctor.not_compared")
    precision: Precision = "float32" if info.precision == "float32" else "bfloat16"
    with tempfile.TemporaryDirectory() as scratch:
        model = loading.load(checkpoint, info.device, precision, Path(scratch)).model
        published = checkpoint.family.reference(model, folder)
        distance, limit = (
            selftest.agreement(scorer, published, selftest.probe_of(folder)),
            LARGEST_DISTANCE[precision],
        )
    if not distance <= limit:
        raise CheckpointError("self-test-published", distance=distance, limit=limit)
    return t("doctor.agrees", distance=f"{distance:.1e}", limit=limit)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
