"""Names of checkpoints -> folders on this machine. Nothing here goes to the network; `download` does.

    demo      the embedded checkpoint
    lychee    vec-ai/lychee-rerank-mm
    auto      the best reranker that is here and runs well on this machine, else demo
    a/b       any repository of a known family that was downloaded before, by us or into the hub's cache
    a folder  as it stands

Imports torch only where the machine is asked about; never runs a checkpoint's code.
"""

import json
import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Literal

from lychee_app.errors import CheckpointError, LycheeError
from lychee_app.model import advice, families, weights
from lychee_app.model.advice import Rates
from lychee_app.model.families import Release
from lychee_app.model.precision import Sizes, needed_bytes
from lychee_app.reasons import Reason
from lychee_app.settings import Settings
from lychee_app.sizes import memory_gb

DEMO_FOLDER = Path(__file__).parents[1] / "demo" / "checkpoint"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class CheckpointStatus:
    """One line of the model picker. `advice`: how it would run on this machine."""

    name: str
    state: Literal["ready", "broken", "missing"]
    disk_bytes: int
    advice: advice.Advice
    problem: Reason | None = None


def locate(name: str | Path, settings: Settings, cache: Path | None = None) -> Path:
    """The folder of a named checkpoint, not yet inspected.

    `cache` is the hub's cache, by default the library's own. Raises CheckpointError when there is none.
    """
    name = resolved(name, settings, cache)
    if name == "demo":
        return _demo()
    if isinstance(name, Path) or is_path(name):
        if not os.path.exists(os.path.expanduser(name)):
            raise CheckpointError("checkpoint-missing", path=str(name))
        return Path(os.path.expanduser(name))
    repo = repository(name)
    own = own_folder(repo, settings)
    found = own if os.path.isfile(own / "config.json") else _hub_folder(repo, cache)
    if found is None:
        if meant := _meant(name):
            raise CheckpointError("not-downloaded-near", name=name, meant=meant)
        raise CheckpointError("not-downloaded", repository=repo, name=name)
    return found


def hash_of(name: str | Path, settings: Settings) -> str:
    """Which weights they are (weights.identity), of a checkpoint of this machine that can be told to be whole
    and of a known family without loading it. Raises CheckpointError.

    Cheap to ask again: what was read is remembered until a file of the folder changes.
    """
    checkpoint = weights.inspect(locate(name, settings))
    files = [entry for entry in os.scandir(checkpoint.folder) if entry.is_file()]
    stamps = ((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _hash_of(checkpoint.folder, tuple(sorted(stamps)))


@lru_cache(maxsize=16)
def _hash_of(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """stamps: (name, bytes, nanoseconds of the last change) of every file, so that a change is seen."""
    return weights.identity(weights.inspect(folder))


def is_path(name: str) -> bool:
    """A name we know is a name, also where a folder of that name lies about."""
    if not name or name in _aliases():
        return False
    folder = os.path.expanduser(name)  # unlike pathlib's, these never raise, however odd a name is
    return name.startswith((".", "~")) or os.path.isabs(folder) or os.path.exists(folder)


def own_folder(repo: str, settings: Settings) -> Path:
    """Where `lychee download` puts a repository."""
    return _models_folder(settings) / repo.replace("/", "--")


def _models_folder(settings: Settings) -> Path:
    return settings.data_folder / "models"


def repository(name: str) -> str:
    """The hub's name for a checkpoint. Raises CheckpointError when it cannot be one."""
    repo = _aliases().get(name, name)
    if not _HUB_NAME.fullmatch(repo) or not _is_repo_id(repo):
        if meant := _meant(name):
            raise CheckpointError("unknown-name-near", name=name, meant=meant)
        raise CheckpointError("unknown-name", name=name, example=_releases()[0].repository)
    return repo


def _meant(name: str) -> str:
    """The name we know that a misspelt one is likely to be, or "". One in another size is no misspelling."""
    known = ["demo", "auto", *_aliases(), *(one.repository for one in _releases())]
    alike = {one.lower(): one for one in known if re.findall(r"\d+", one) == re.findall(r"\d+", name)}
    found = get_close_matches(name.lower(), alike, 1, cutoff=0.8)
    return alike[found[0]] if found and alike[found[0]] != name else ""


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


def available(
    settings: Settings, rates: Rates | None = None, cache: Path | None = None
) -> list[CheckpointStatus]:
    """What the model picker offers: the known checkpoints, and others that were downloaded and can run.

    `rates` None measures this machine.
    """
    rates = rates or _measured()
    known = [release.name for release in _releases()]
    names = dict.fromkeys(["demo", *known, *_downloaded(settings), *_cached(cache)])
    return [_status(name, settings, rates, cache) for name in names if name not in _aliases().values()]


def _status(name: str, settings: Settings, rates: Rates, cache: Path | None) -> CheckpointStatus:
    release = next((one for one in _releases() if name in (one.name, one.repository)), None)
    size, sizes = (release.weight_bytes, Sizes(*release.numbers)) if release else (0, Sizes(0, 0, 0))
    problem, state = None, "ready"
    try:
        checkpoint = weights.inspect(locate(name, settings, cache))
        size, sizes = checkpoint.weight_bytes, Sizes.of(checkpoint)
    except LycheeError as error:
        state, problem = ("missing" if error.code == "not-downloaded" else "broken"), error.reason
    to_download = size if state == "missing" else 0
    return CheckpointStatus(
        name, state, size, advice.for_machine(advice.KnownJudge(name, sizes, to_download), rates), problem
    )


def advised(
    settings: Settings, rates: Rates | None = None, cache: Path | None = None
) -> advice.Advice | None:
    """The reranker that this machine should take, here or not; None where it is too small for any."""
    rates = rates or _measured()
    found = []
    for release in sorted(_releases(), key=lambda one: (not one.alias, -sum(one.numbers))):
        if release.is_reranker:
            here = _is_whole(release.name, settings, cache)
            download_bytes = 0 if here else release.weight_bytes
            found.append(advice.KnownJudge(release.name, Sizes(*release.numbers), download_bytes))
    return advice.recommended(found, rates)


def too_small() -> Reason:
    """What is said where no reranker can be advised."""
    smallest = min((one for one in _releases() if one.is_reranker), key=lambda one: sum(one.numbers))
    needs = needed_bytes(Sizes(*smallest.numbers), "int4", on_card=False)
    return Reason.of("advised-none", needs_gb=memory_gb(needs))


def _is_whole(name: str, settings: Settings, cache: Path | None) -> bool:
    try:
        weights.inspect(locate(name, settings, cache))
    except CheckpointError:
        return False
    return True


def _measured() -> Rates:
    from lychee_app.model.measure import rates

    return rates()


def resolved(name: str | Path, settings: Settings, cache: Path | None = None) -> str | Path:
    """What a name stands for at the moment: "auto" is the best that is there, any other name is itself."""
    return automatic(settings, cache=cache) if name == "auto" else name


def automatic(settings: Settings, rates: Rates | None = None, cache: Path | None = None) -> str:
    """What "auto" stands for: the best reranker that is here, whole, and runs well on this machine; or demo.

    `rates` None measures this machine, where there is something to choose from.
    """
    ranked = sorted(_releases(), key=lambda one: (not one.alias, -sum(one.numbers)))
    here = [one for one in ranked if one.is_reranker and _is_whole(one.name, settings, cache)]
    if not here:
        return "demo"
    judges = [advice.KnownJudge(one.name, Sizes(*one.numbers), 0) for one in here]
    found = advice.recommended(judges, rates or _measured())
    return found.judge.name if found else "demo"


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
