"""What this machine can run, and a self-test: a known match must score above a known mismatch."""

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lychee_app import __version__
from lychee_app.model import checkpoints, memory
from lychee_app.settings import Settings
from lychee_app.sizes import disk_gb, memory_gb

LIBRARIES = ("torch", "transformers", "accelerate", "streamlit", "pillow", "pillow-heif")


def examine(settings: Settings) -> Iterator[str]:
    """The report, line by line. Raises CheckpointError when the chosen model fails its self-test."""
    yield f"lychee {__version__}, Python {platform.python_version()} on {platform.platform()}"
    yield "libraries: " + ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    yield from _machine()
    yield _data_folder(settings.data_folder)
    yield from _models(settings)
    yield from _self_test(settings)


def _machine() -> Iterator[str]:
    machine = memory.machine()
    yield f"RAM: {memory_gb(machine.ram_bytes)} GB"
    yield f"card: {machine.card}, {memory_gb(machine.card_bytes)} GB" if machine.card else "card: none"


def _data_folder(folder: Path) -> str:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = f"{disk_gb(shutil.disk_usage(there).free)} GB free"
    closed = not there.is_dir() or not os.access(there, os.W_OK)
    warning = "; it cannot be written to: nothing will be kept" if closed else ""
    return f"data folder: {folder} ({free}{warning})"


def _models(settings: Settings) -> Iterator[str]:
    for status in checkpoints.available(settings):
        runs = status.how if status.runs else f"cannot run here: {status.how}"
        yield f"model {status.name}: {status.state}, {disk_gb(status.disk_bytes)} GB; {runs}"
        if status.state == "broken":
            yield f"  {status.problem}"


def _self_test(settings: Settings) -> Iterator[str]:
    from lychee_app.model.scorer import open_scorer
    from lychee_app.model.selftest import check, probe_of

    folder = checkpoints.locate(settings.model, settings)
    scorer = open_scorer(settings.model, settings=settings)
    found = check(scorer, probe_of(folder))
    info = scorer.info
    yield f"self-test of {info.name} ({info.precision} on {info.device}): passed in {found.seconds:.2f} s"
    yield f'  "{found.match}": margin {found.match_margin:+.2f}'
    yield f'  "{found.mismatch}": margin {found.mismatch_margin:+.2f}'
    yield from (f"  note: {warning}" for warning in info.warnings)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
