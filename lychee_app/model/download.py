"""Fetches a checkpoint once, into the data folder. The only code of this package that goes to the network.

Every file is written to a `.part` that survives a cut connection, a closed program or a power loss; the
next call asks only for the bytes that are missing (HTTP Range). A finished file is checked against the
hub's SHA-256, or a small one against its git hash, before it gets its name. One process fetches at a time.
(`snapshot_download` of huggingface_hub 2 deletes what it has of an unfinished file, which is up to 5 GB here;
its listing, its headers and its `http_get` are used.)

The listing is the hub's, or ModelScope's where that library is installed and the hub cannot be reached.
Only weights, JSON, text and templates at the top of the repository are fetched: no code.
"""

import hashlib
import importlib.util
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from lychee_app.errors import CheckpointError, DownloadError
from lychee_app.model import checkpoints, weights
from lychee_app.reasons import Reason
from lychee_app.settings import Settings
from lychee_app.sizes import disk_gb

OnBytes = Callable[[int, int], None]
Mirror = Callable[[str, Path], None]
"""(repository, folder) -> None: fills the folder from elsewhere."""

_GIT_HASH = re.compile(r"[0-9a-f]{40}")
_PATTERNS = ("model*.safetensors", "*.json", "*.txt", "*.jinja")
_MANIFEST, _LOCK = ".download.json", ".download.lock"


@dataclass(frozen=True)
class _Remote:
    """One file of the repository. `mark` is a hash of its content: SHA-256 for weights, git's else."""

    name: str
    size_bytes: int
    mark: str
    sha256: str | None


@dataclass(frozen=True)
class _Source:
    """`endpoint` None is the hub itself."""

    repo: str
    revision: str
    endpoint: str | None


def download(
    name: str, settings: Settings, progress: OnBytes = lambda done, total: None, mirror: Mirror | None = None
) -> Path:
    """Fetches what is missing of a named checkpoint and returns its folder, found whole.

    `progress` gets (done, total) in bytes. What is on this machine already is not fetched again.
    `mirror` is tried when the hub cannot be reached; None takes ModelScope where it is installed.
    Raises DownloadError; CheckpointError for a name that cannot be one, or a repository of another kind.
    """
    name = "lychee" if name == "auto" else name
    there = _found_here(name, settings)
    if there is not None:
        progress(there.weight_bytes, there.weight_bytes)
        return there.folder
    repo = checkpoints.repository(name)
    if settings.hub_offline:
        raise DownloadError("offline", repository=repo)
    folder = checkpoints.own_folder(repo, settings)
    try:
        _fetch(repo, folder, settings, progress)
    except DownloadError as error:
        mirror = mirror or _modelscope()
        if error.code != "no-network" or mirror is None:
            raise
        _from_mirror(mirror, repo, folder, error)
    return weights.inspect(folder).folder


def _found_here(name: str, settings: Settings) -> weights.Checkpoint | None:
    try:
        return weights.inspect(checkpoints.locate(name, settings))
    except CheckpointError as error:
        if checkpoints.is_path(name) or error.code in {"unknown-name", "unknown-name-near"}:
            raise
        return None


def _fetch(repo: str, folder: Path, settings: Settings, progress: OnBytes) -> None:
    """Small files first, so that a wrong architecture is told before its weights are fetched."""
    with _translated(repo, folder):
        revision, files = _listing(repo, settings)
        source = _Source(repo, revision, settings.hub_endpoint)
        with _alone(repo, folder):
            _fetch_missing(source, files, folder, progress)


def _fetch_missing(source: _Source, files: list[_Remote], folder: Path, progress: OnBytes) -> None:
    have = _manifest(folder)
    missing = [file for file in files if not _is_here(file, folder, have)]
    total = sum(file.size_bytes for file in files)
    done = total - sum(file.size_bytes for file in missing)
    _room(folder, sum(file.size_bytes - _part_bytes(file, folder) for file in missing))
    for file in sorted(missing, key=lambda file: file.size_bytes):
        _one(source, file, folder, lambda part, done=done: progress(done + part, total))
        have[file.name] = file.mark
        (folder / _MANIFEST).write_text(json.dumps(have), "utf-8")
        done += file.size_bytes
        if file.name == "config.json":
            weights.config_of(folder)
    progress(total, total)


@contextmanager
def _alone(repo: str, folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps others from writing to it; the system lets go when the process ends.

    Raises DownloadError where somebody else is fetching.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DownloadError("download-busy", repository=repo) from error
    try:
        yield
    finally:
        lock.release()


def _listing(repo: str, settings: Settings) -> tuple[str, list[_Remote]]:
    """The revision and the files of the repository that a checkpoint needs."""
    from huggingface_hub import HfApi

    info = HfApi(endpoint=settings.hub_endpoint).model_info(repo, files_metadata=True, timeout=30)
    files = [_remote(entry) for entry in info.siblings or [] if _wanted(entry.rfilename)]
    if not any(file.name.endswith(".safetensors") for file in files):
        raise DownloadError("no-safetensors", repository=repo)
    return info.sha or "main", files


def _wanted(name: str) -> bool:
    """A plain name that fits: nothing of a repository can be written outside its folder."""
    plain = "/" not in name and "\\" not in name and not name.startswith(".")
    return plain and any(fnmatch(name, pattern) for pattern in _PATTERNS)


def _remote(entry: Any) -> _Remote:
    sha256 = entry.lfs.sha256 if entry.lfs else None
    return _Remote(entry.rfilename, entry.size or 0, str(sha256 or entry.blob_id), sha256)


def _one(source: _Source, file: _Remote, folder: Path, progress: Callable[[int], None]) -> None:
    """Fetches the rest of one file, checks it and gives it its name."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars

    disable_progress_bars("huggingface_hub.http_get")
    url = hf_hub_url(source.repo, file.name, revision=source.revision, endpoint=source.endpoint)
    part = _part(file, folder)
    if _part_bytes(file, folder) > file.size_bytes:
        part.unlink()  # whatever wrote it, it is not the beginning of this file
    with _Part(part, progress) as stream:
        http_get(
            url, stream, resume_size=stream.tell(), headers=build_hf_headers(), expected_size=file.size_bytes
        )
    if part.stat().st_size != file.size_bytes or not _is_sound(part, file):
        part.unlink()
        raise DownloadError("checksum", file=file.name, repository=source.repo)
    part.replace(folder / file.name)


class _Part(io.FileIO):
    """An unfinished file, opened at its end, that tells how long it is whenever it grows."""

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        super().__init__(path, "a+b")
        self.seek(0, io.SEEK_END)
        self._progress = progress
        progress(self.tell())

    def write(self, data: Any, /) -> int:
        left = memoryview(data)
        while left:
            left = left[super().write(left) :]
        self._progress(self.tell())
        return len(data)


def _part(file: _Remote, folder: Path) -> Path:
    """Carries the content's mark, so that a part of an older revision is never continued."""
    return folder / f"{file.name}.{file.mark[:12]}.part"


def _part_bytes(file: _Remote, folder: Path) -> int:
    part = _part(file, folder)
    return part.stat().st_size if part.is_file() else 0


def _is_here(file: _Remote, folder: Path, have: dict[str, str]) -> bool:
    stored = folder / file.name
    return have.get(file.name) == file.mark and stored.is_file() and stored.stat().st_size == file.size_bytes


def _manifest(folder: Path) -> dict[str, str]:
    """File name -> mark of what is here; empty where it cannot be read, and then all is fetched again."""
    try:
        return dict(json.loads((folder / _MANIFEST).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        needed_gb, free_gb = disk_gb(needed_bytes), disk_gb(free)
        raise DownloadError("disk-full", needed_gb=needed_gb, free_gb=free_gb, folder=str(folder))


def _is_sound(part: Path, file: _Remote) -> bool:
    """Whether its content is what the hub says. A mirror that tells no hash of a small file is believed."""
    if file.sha256:
        with part.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    return not _GIT_HASH.fullmatch(file.mark) or _git_hash(part.read_bytes()) == file.mark


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def _translated(repo: str, folder: Path) -> Iterator[None]:
    """What the hub's library raises -> DownloadError. What is fetched so far stays for the next call."""
    from huggingface_hub import errors

    try:
        yield
    except CheckpointError:
        raise
    except errors.GatedRepoError as error:
        raise DownloadError("gated", repository=repo) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise DownloadError("no-repository", repository=repo) from error
    except errors.HfHubHTTPError as error:
        raise DownloadError("hub-error", repository=repo, detail=str(error)) from error
    except OSError as error:
        raise _file_error(error, repo, folder) from error
    except Exception as error:  # the hub's HTTP client has errors of its own, by version
        raise _no_network(error, repo) from error


def _file_error(error: OSError, repo: str, folder: Path) -> DownloadError:
    if isinstance(error, ConnectionError | TimeoutError) or error.errno is None:
        return _no_network(error, repo)
    return DownloadError("models-unwritable", folder=str(folder), detail=str(error))


def _no_network(error: Exception, repo: str) -> DownloadError:
    return DownloadError("no-network", repository=repo, detail=str(error))


def _modelscope() -> Mirror | None:
    """ModelScope's own download, where that library is installed. Not tested against the real service."""
    if importlib.util.find_spec("modelscope") is None:
        return None

    def fetch(repo: str, folder: Path) -> None:
        from modelscope.hub.snapshot_download import snapshot_download  # type: ignore[import-not-found]

        snapshot_download(repo, local_dir=str(folder), allow_patterns=list(_PATTERNS))

    return fetch


def _from_mirror(mirror: Mirror, repo: str, folder: Path, first: DownloadError) -> None:
    try:
        with _alone(repo, folder):
            mirror(repo, folder)
    except DownloadError:
        raise
    except Exception as error:  # a mirror may raise anything
        values = {**first.reason.values, "mirror": str(error)}
        raise DownloadError(Reason("no-network-nor-mirror", values)) from error
