"""Names of checkpoints -> folders on this machine. Nothing here goes to the network; `download` does.

    demo      the embedded checkpoint
    lychee    vec-ai/lychee-rerank-mm
    auto      lychee where a CUDA card and the whole weights are there, else demo
    a/b       any repository of a known family that was downloaded before, by us or into the hub's cache
    a folder  as it stands

Imports torch only where the machine is asked about; never runs a checkpoint's code.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lychee_app.errors import CheckpointError, LycheeError
from lychee_app.model import families, memory, weights
from lychee_app.model.families import Release
from lychee_app.reasons import Reason
from lychee_app.settings import Settings

DEMO_FOLDER = Path(__file__).parents[1] / "demo" / "checkpoint"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_ROOM_BYTES = 2 << 30
"""What a pass needs beside the weights: activations at 1280 image tokens, kernels, the CUDA context."""


@dataclass(frozen=True)
class CheckpointStatus:
    """One line of the model picker. `needs_bytes` is memory to run in; `how` says where and at what cost."""

    name: str
    state: Literal["ready", "broken", "missing"]
    disk_bytes: int
    needs_bytes: int
    runs: bool
    how: Reason
    problem: Reason | None = None


def locate(name: str | Path, settings: Settings, cache: Path | None = None) -> Path:
    """The folder of a named checkpoint, not yet inspected.

    `cache` is the hub's cache, by default the library's own. Raises CheckpointError when there is none.
    """
    name = resolved(name, settings, cache)
    if name == "demo":
        return _demo()
    if isinstance(name, Path) or _is_path(name):
        return Path(os.path.expanduser(name))
    repo = repository(name)
    own = own_folder(repo, settings)
    found = own if os.path.isfile(own / "config.json") else _hub_folder(repo, cache)
    if found is None:
        raise CheckpointError("not-downloaded", repository=repo, name=name)
    return found


def _is_path(name: str) -> bool:
    """A name we know is a name, also where a folder of that name lies about."""
    if not name or name in _aliases():
        return False
    folder = os.path.expanduser(name)  # unlike pathlib's, these never raise, however odd a name is
    return name.startswith((".", "~")) or os.path.isabs(folder) or os.path.isdir(folder)


def own_folder(repo: str, settings: Settings) -> Path:
    """Where `lychee download` puts a repository."""
    return _models_folder(settings) / repo.replace("/", "--")


def _models_folder(settings: Settings) -> Path:
    return settings.data_folder / "models"


def repository(name: str) -> str:
    """The hub's name for a checkpoint. Raises CheckpointError when it cannot be one."""
    repo = _aliases().get(name, name)
    if not _HUB_NAME.fullmatch(repo) or not _is_repo_id(repo):
        raise CheckpointError("unknown-name", name=name, example=_releases()[0].repository)
    return repo


def _releases() -> list[Release]:
    return [release for family in families.families() for release in family.releases]


def _aliases() -> dict[str, str]:
    return {release.alias: release.repository for release in _releases() if release.alias}


def _is_repo_id(repo: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        return False
    return True


def available(settings: Settings, cache: Path | None = None) -> list[CheckpointStatus]:
    """What the model picker offers: the known checkpoints, and others that were downloaded and can run."""
    machine = memory.machine()
    known = [release.alias or release.repository for release in _releases()]
    names = dict.fromkeys(["demo", *known, *_downloaded(settings), *_cached(cache)])
    return [_status(name, settings, machine, cache) for name in names if name not in _aliases().values()]


def _status(name: str, settings: Settings, machine: memory.Machine, cache: Path | None) -> CheckpointStatus:
    sizes = {
        each: release.weight_bytes for release in _releases() for each in (release.alias, release.repository)
    }
    size, problem, state = sizes.get(name, 0), None, "ready"
    try:
        size = weights.inspect(locate(name, settings, cache)).weight_bytes
    except LycheeError as error:
        state, problem = ("missing" if error.code == "not-downloaded" else "broken"), error.reason
    runs, needs, how = fit(size, machine)
    return CheckpointStatus(name, state, size, needs, runs, how, problem)


def fit(weight_bytes: int, machine: memory.Machine) -> tuple[bool, int, Reason]:
    """Whether BF16 weights of this size run on this machine, the memory they want, and how."""
    on_card, on_cpu = weight_bytes + _ROOM_BYTES, 2 * weight_bytes + _ROOM_BYTES
    if machine.card_bytes >= on_card:
        return True, on_card, Reason.of("runs-on-card", card=machine.card)
    if machine.card_bytes:
        fits = machine.card_bytes + machine.ram_bytes >= on_card
        return fits, on_card, Reason.of("runs-partly", card=machine.card)
    if machine.ram_bytes >= on_cpu:
        slow = weight_bytes > 4 << 30
        return True, on_cpu, Reason.of("runs-on-processor-slowly" if slow else "runs-on-processor")
    return False, on_cpu, Reason.of("runs-nowhere")


def resolved(name: str | Path, settings: Settings, cache: Path | None = None) -> str | Path:
    """What a name stands for at the moment: "auto" is the best that is there, any other name is itself."""
    return automatic(settings, cache=cache) if name == "auto" else name


def automatic(settings: Settings, machine: memory.Machine | None = None, cache: Path | None = None) -> str:
    """What "auto" stands for: lychee where it is whole and `machine` (None: this one) has a card, or demo."""
    try:
        weights.inspect(locate("lychee", settings, cache))
    except CheckpointError:
        return "demo"
    return "lychee" if (machine or memory.machine()).card_bytes else "demo"


def _demo() -> Path:
    if not DEMO_FOLDER.is_dir():
        raise CheckpointError("demo-missing")
    return DEMO_FOLDER


def _hub_folder(repo: str, cache: Path | None) -> Path | None:
    """The snapshot in the hub library's cache that holds this repository's config."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, "config.json", cache_dir=cache)
    return Path(found).parent if isinstance(found, str) else None


def _downloaded(settings: Settings) -> list[str]:
    """Hub names of what `lychee download` fetched, whole or not, if it is of a known family."""
    found = sorted(_models_folder(settings).glob("*--*/config.json"))
    names = [file.parent.name.replace("--", "/", 1) for file in found if _is_ours(file)]
    return [name for name in names if _HUB_NAME.fullmatch(name)]


def _cached(cache: Path | None) -> list[str]:
    """Hub names in the cache whose config is of a known family."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = sorted(Path(cache or HF_HUB_CACHE).glob("models--*--*/snapshots/*/config.json"))
    right = [file for file in found if _is_ours(file)]
    return ["/".join(file.parents[2].name.split("--")[1:3]) for file in right]


def _is_ours(config: Path) -> bool:
    try:
        return families.is_known(json.loads(config.read_text("utf-8", "replace")).get("model_type"))
    except (OSError, ValueError, AttributeError):  # a link of the cache whose file is gone; no JSON
        return False
