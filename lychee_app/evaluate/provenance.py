"""What a figure was measured with, so that whoever sees another one can tell why."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lychee_app import __version__
from lychee_app.model import memory
from lychee_app.records import ScorerInfo
from lychee_app.request import Request

_LIBRARIES = ("torch", "transformers", "tokenizers", "pillow", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Provenance:
    """`versions` by library; "" for one that is not installed."""

    versions: dict[str, str]
    system: str
    processor: str
    cores: int
    ram_bytes: int
    card: str

    def document(self) -> dict[str, Any]:
        return {
            "versions": self.versions,
            "machine": {
                "system": self.system,
                "processor": self.processor,
                "cores": self.cores,
                "ram_bytes": self.ram_bytes,
                "card": self.card or None,
            },
        }


def here() -> Provenance:
    """This machine, as it is now."""
    machine = memory.machine()
    versions = {"lychee": __version__, "python": platform.python_version()}
    return Provenance(
        versions | {name: _version(name) for name in _LIBRARIES},
        platform.platform(),
        platform.processor() or platform.machine(),
        os.cpu_count() or 1,
        machine.ram_bytes,
        machine.card,
    )


def judge(info: ScorerInfo, request: Request, token_budget: int) -> dict[str, Any]:
    """The judge and its setting, for JSON."""
    return {
        "model": info.name,
        "checkpoint_hash": info.checkpoint_hash,
        "precision": info.precision,
        "device": info.device,
        "mode": request.mode,
        "instruction": request.instruction,
        "token_budget": token_budget,
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
