"""What lies in a checkpoint folder, told without loading it: is it whole, of the right kind, and which one?

Reads the safetensors format (8 bytes of header length, a JSON header, the tensors) and the shard index,
without torch. No other format is opened: a pickle is never read.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lychee_app.errors import CheckpointError
from lychee_app.model.families import Family, families, family_of, is_known
from lychee_app.model.layout import PixelLayout

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_MAX_HEADER_BYTES = 100_000_000
_WHOLE_BYTES, _SAMPLE_BYTES = 256_000_000, 1 << 12
_TEXT_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.json",
    "chat_template.jinja",
    "tokenizer_config.json",
    "tokenizer.json",
)


@dataclass(frozen=True)
class Shard:
    """One safetensors file. `header` is its JSON header as it stands."""

    file: Path
    size_bytes: int
    header: bytes
    names: frozenset[str]


@dataclass(frozen=True)
class Checkpoint:
    """A folder that was found whole. `weight_bytes` is what its tensors take, `dtype` that of the largest."""

    folder: Path
    config: Mapping[str, Any]
    shards: tuple[Shard, ...]
    weight_bytes: int
    dtype: str

    @property
    def family(self) -> Family:
        return family_of(self.config["model_type"])


def inspect(folder: Path) -> Checkpoint:
    """Raises CheckpointError, saying what is missing or wrong and what to do."""
    if os.path.isfile(folder):
        if folder.suffix.lower() == ".gguf":
            raise CheckpointError("gguf", folder=str(folder), examples=_examples())
        raise CheckpointError("checkpoint-file", folder=str(folder))
    if not os.path.isdir(folder):
        raise CheckpointError("checkpoint-no-folder", folder=str(folder))
    try:
        return _inspected(folder)
    except OSError as error:
        path, detail = str(error.filename or folder), error.strerror or str(error)
        raise CheckpointError("checkpoint-unreadable", path=path, detail=detail) from error


def _inspected(folder: Path) -> Checkpoint:
    config = config_of(folder)
    if not (folder / "tokenizer.json").is_file():
        raise CheckpointError("tokenizer-missing", folder=str(folder))
    shards = _shards(folder)
    tensors = [entry for shard in shards for entry in _entries(shard)]
    stored = [entry["data_offsets"][1] - entry["data_offsets"][0] for entry in tensors]
    largest = max(zip(stored, tensors, strict=True), key=lambda pair: pair[0])[1]
    return Checkpoint(folder, config, shards, sum(stored), str(largest["dtype"]))


def identity(checkpoint: Checkpoint) -> str:
    """A stable name for these weights and this tokenizer, 16 hex digits, in well under a second for 16 GB.

    It covers config, template and tokenizer files, every safetensors header and file size, and all of a shard
    up to 256 MB; of a larger one the first, middle and last 4 KiB of each tensor. So for these it is no
    proof: damage between the samples is not seen. A training of any one tensor is, for it changes all of it.
    """
    digest = hashlib.sha256()
    for name in _TEXT_FILES:
        file = checkpoint.folder / name
        if file.is_file():
            digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    for shard in checkpoint.shards:
        digest.update(f"{shard.file.name}\0{shard.size_bytes}\0".encode())
        digest.update(hashlib.sha256(shard.header).digest())
        for sample in _samples(shard):
            digest.update(sample)
    return digest.hexdigest()[:16]


def stop_ids(checkpoint: Checkpoint) -> frozenset[int]:
    """Tokens that end a generated text: the generation config's, else the config's."""
    file = checkpoint.folder / "generation_config.json"
    try:
        found = json.loads(file.read_text("utf-8")).get("eos_token_id") if file.is_file() else None
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError("config-broken", file=str(file), detail=str(error)) from error
    if found is None:
        config = checkpoint.config
        found = config.get("eos_token_id", (config.get("text_config") or {}).get("eos_token_id", []))
    return frozenset(found if isinstance(found, list) else [found])


def config_of(folder: Path) -> Mapping[str, Any]:
    """The folder's config.json. Raises CheckpointError, also when it is of no known family."""
    file = folder / "config.json"
    if not file.is_file():
        _refuse_other_formats(folder)
        raise CheckpointError("config-missing", folder=str(folder))
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError("config-broken", file=str(file), detail=str(error)) from error
    if not isinstance(config, Mapping) or "model_type" not in config:
        raise CheckpointError("config-odd", file=str(file))
    _refuse_kin(folder, config)
    family_of(config["model_type"], folder)
    return config


def _refuse_other_formats(folder: Path) -> None:
    """Raises CheckpointError for weights that are whole, but not in safetensors, or not of a whole model."""
    if (folder / "adapter_config.json").is_file():
        raise CheckpointError("adapter", folder=str(folder))
    if any(folder.glob("*.gguf")):
        raise CheckpointError("gguf", folder=str(folder), examples=_examples())
    others = sorted(file.name for file in folder.iterdir() if file.suffix in {".bin", ".pt", ".pth"})
    if others:
        place, files, examples = str(folder), ", ".join(others[:3]), _examples()
        raise CheckpointError("weights-of-other-kind", folder=place, files=files, examples=examples)


def _refuse_kin(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises CheckpointError for what is like our checkpoints and yet cannot be read as one."""
    kind, quantised = str(config.get("model_type")), config.get("quantization_config")
    heads, place, examples = config.get("architectures"), str(folder), _examples()
    head = str(heads[0]) if isinstance(heads, list) and heads else "ForConditionalGeneration"
    if not is_known(kind):
        if kind.endswith("_moe"):
            raise CheckpointError("experts", folder=place, kind=kind, examples=examples)
        reads_text = "vocab_size" in config or head.endswith("ForCausalLM")
        if reads_text and "vision_config" not in config:
            raise CheckpointError("text-only", folder=place, kind=kind, examples=examples)
        return
    if quantised is not None:
        method = quantised.get("quant_method") if isinstance(quantised, Mapping) else quantised
        raise CheckpointError("quantised", folder=place, method=str(method), examples=examples)
    if not head.endswith(("ForConditionalGeneration", "ForCausalLM")):
        raise CheckpointError("scoring-head", folder=place, head=head, examples=examples)


def _examples() -> str:
    """The first release of each family, the newest family first."""
    return ", ".join(family.releases[0].repository for family in reversed(families()))


def pixels_of(folder: Path) -> PixelLayout:
    """How the folder's checkpoint wants its images. Raises CheckpointError."""
    return family_of(config_of(folder)["model_type"]).pixels.read(folder)


def _shards(folder: Path) -> tuple[Shard, ...]:
    if (folder / INDEX).is_file():
        wanted = _index(folder / INDEX)
    elif (folder / SINGLE).is_file():
        wanted = {SINGLE: frozenset()}
    else:
        _refuse_other_formats(folder)
        raise CheckpointError("weights-missing", folder=str(folder))
    shards = tuple(read_shard(folder / name) for name in sorted(wanted))
    for shard in shards:
        missing = wanted[shard.file.name] - shard.names
        if missing:
            file, example = str(shard.file), min(missing)
            raise CheckpointError("shard-incomplete", file=file, n=len(missing), example=example)
    return shards


def _index(file: Path) -> dict[str, frozenset[str]]:
    """Shard file name -> the tensors it must hold."""
    try:
        shard_of = json.loads(file.read_text("utf-8"))["weight_map"]
        names = {name: Path(name).name == name for name in shard_of.values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError("index-broken", file=str(file), detail=str(error)) from error
    if not names or not all(names.values()):
        raise CheckpointError("index-without-shards", file=str(file))
    return {name: frozenset(key for key, shard in shard_of.items() if shard == name) for name in names}


def read_shard(file: Path) -> Shard:
    """Reads no more than its header. Raises CheckpointError for one that is missing, cut short or broken."""
    if not file.is_file():
        raise CheckpointError("shard-missing", name=file.name, folder=str(file.parent))
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = stream.read(length) if length <= min(size - 8, _MAX_HEADER_BYTES) else b""
        tensors = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        end = 8 + length + max(_end(entry) for entry in tensors.values())
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError("shard-broken", file=str(file), size_bytes=size) from error
    if end != size:
        raise CheckpointError("shard-truncated", file=str(file), size_bytes=size, stated_bytes=end)
    return Shard(file, size, header, frozenset(tensors))


def _end(entry: Mapping[str, Any]) -> int:
    """Where a tensor ends. Raises what a header that lacks something makes it stumble over."""
    (low, high), kind = entry["data_offsets"], entry["dtype"]
    if not (isinstance(kind, str) and 0 <= low <= high):
        raise ValueError(f"{entry} is no tensor")
    return high


def tensor_shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """By current name, as the headers tell them."""
    headers = (json.loads(shard.header) for shard in checkpoint.shards)
    return {
        current_name(name): tuple(entry["shape"])
        for header in headers
        for name, entry in header.items()
        if name != "__metadata__"
    }


def current_name(name: str) -> str:
    """A tensor's older name -> its current one; current names stay."""
    if name.startswith("visual."):
        return f"model.{name}"
    if name.startswith("model.") and not name.startswith(("model.visual.", "model.language_model.")):
        return name.replace("model.", "model.language_model.", 1)
    return name


def _entries(shard: Shard) -> Iterator[Mapping[str, Any]]:
    return (entry for name, entry in json.loads(shard.header).items() if name != "__metadata__")


def _samples(shard: Shard) -> Iterator[bytes]:
    with shard.file.open("rb") as stream:
        if shard.size_bytes <= _WHOLE_BYTES:
            yield hashlib.file_digest(stream, "sha256").digest()
            return
        start = 8 + len(shard.header)
        for low, high in sorted(tuple(entry["data_offsets"]) for entry in _entries(shard)):
            for offset in (low, (low + high) // 2, high - _SAMPLE_BYTES):
                stream.seek(start + max(low, offset))
                yield stream.read(min(_SAMPLE_BYTES, high - low))
