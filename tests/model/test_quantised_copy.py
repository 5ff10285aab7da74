"""The copy on disk: read where it is whole, made again where it is not, and never in the way of a start."""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lychee_app.model import quantised_copy, quantised_skeleton, weights
from lychee_app.model.quantised import QuantisedMatrix, Stored, Workspace, quantise
from lychee_app.model.quantised_copy import Writer, file_of, opened

CPU = torch.device("cpu")
WANTED = {"first": Stored.of(40, 64, 8), "second": Stored.of(24, 128, 4)}
ORDER = ("first", "second")


def matrices(seed: int = 0) -> dict[str, QuantisedMatrix]:
    noise = torch.Generator().manual_seed(seed)
    return {
        "first": quantise(torch.randn(40, 64, generator=noise), 8, CPU),
        "second": quantise(torch.randn(24, 128, generator=noise), 4, CPU),
    }


def written(file: Path, seed: int = 0) -> Path:
    with Writer(file, WANTED) as writer:
        for name, matrix in reversed(matrices(seed).items()):  # in any order
            writer.write(name, matrix)
    assert writer.warning is None
    return file


def same(file: Path, seed: int = 0) -> bool:
    reader, made = opened(file, WANTED), matrices(seed)
    assert reader is not None
    pairs = [(reader.matrix(name), made[name]) for name in ORDER]
    return all(torch.equal(a.values, b.values) and torch.equal(a.scale, b.scale) for a, b in pairs)


def test_what_was_written_is_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = written(tmp_path / "quantised" / "it.safetensors")
    assert same(file)
    assert list(file.parent.iterdir()) == [file]


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 5)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def scribbled(file: Path) -> None:
    file.write_bytes(b"\xff" * 400)


def of_other_shapes(file: Path) -> None:
    others = {"first": WANTED["first"]}
    with Writer(file, others) as writer:
        writer.write("first", matrices()["first"])


@pytest.mark.parametrize("harm", [cut, emptied, scribbled, of_other_shapes, Path.unlink])
def test_a_copy_that_is_not_whole_is_none(harm: Callable[[Path], Any], tmp_path: Path) -> None:
    file = written(tmp_path / "it.safetensors")
    harm(file)
    assert opened(file, WANTED) is None
    assert same(written(file))


def test_two_that_write_at_once_leave_one_whole_copy(tmp_path: Path) -> None:
    file, made = tmp_path / "it.safetensors", matrices()
    with Writer(file, WANTED) as one:
        one.write("first", made["first"])
        with Writer(file, WANTED) as other:
            other.write("first", made["first"])
            other.write("second", made["second"])
        assert same(file)
        one.write("second", made["second"])
    assert same(file)
    assert list(tmp_path.iterdir()) == [file]


def test_an_end_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Writer(tmp_path / "it.safetensors", WANTED) as writer:
            writer.write("first", matrices()["first"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_that_is_gone_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    gone = tmp_path / f"it.safetensors.{2**22 + 1}.abcd.part"  # above the largest process id
    living = tmp_path / f"it.safetensors.{os.getpid()}.abcd.part"
    for part in (gone, living):
        part.write_bytes(b"half")
    written(tmp_path / "it.safetensors")
    assert (gone.exists(), living.exists()) == (False, True)


def test_what_an_earlier_version_made_of_the_same_checkpoint_goes(tmp_path: Path) -> None:
    file = file_of(tmp_path, "abc", "int8")
    file.parent.mkdir()
    names = ("abc-int8-0", "abc-int4-0", "abd-int8-0", "abc-int8-99", "abc-int8-mine")
    others = [file.with_name(f"{name}.safetensors") for name in names]
    for other in others:
        other.write_bytes(b"some gigabytes")
    written(file)
    assert set(file.parent.iterdir()) == {file, *others[1:]}


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """A file may grow to 2 KB: as on a full disk, it is a write that fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        with Writer(tmp_path / "it.safetensors", WANTED) as writer:
            for name, matrix in matrices().items():
                writer.write(name, matrix)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "Every start makes them again" in str(writer.warning)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "quantised").write_text("in the way")
    with Writer(tmp_path / "quantised" / "it.safetensors", WANTED) as writer:
        for name, matrix in matrices().items():
            writer.write(name, matrix)
    assert "could not be kept" in str(writer.warning)


def test_a_second_start_takes_the_copy_and_makes_nothing(tiny: Path, tmp_path: Path) -> None:
    """Shown by a copy in which one matrix was changed: its numbers arrive."""
    checkpoint, file = weights.inspect(tiny), tmp_path / "it.safetensors"
    name = "model.language_model.layers.0.mlp.down_proj"
    first, again = (read(checkpoint, file) for _ in range(2))
    assert torch.equal(first.get_submodule(name).matrix.values, again.get_submodule(name).matrix.values)
    before = {name: values.clone() for name, values in stored_values(first).items()}
    stored = bytearray(file.read_bytes())
    stored[-1] ^= 0xFF
    file.write_bytes(stored)
    after = stored_values(read(checkpoint, file))
    assert sum(int((before[name] != after[name]).sum()) for name in before) == 1


def stored_values(root: Any) -> dict[str, torch.Tensor]:
    return {name: module.matrix.values for name, module in root.named_modules() if hasattr(module, "matrix")}


def read(checkpoint: weights.Checkpoint, file: Path) -> Any:
    found = quantised_skeleton.read(checkpoint, 4, Workspace(CPU, torch.float32), file)
    assert found is not None
    assert found[1] is None
    return found[0]


def test_precisions_and_checkpoints_have_files_of_their_own(tmp_path: Path) -> None:
    names = [("a", "int8"), ("a", "int4"), ("b", "int8")]
    assert len({file_of(tmp_path, *each) for each in names}) == 3
    assert quantised_copy.file_of(tmp_path, "a", "int8").parent == tmp_path / "quantised"
