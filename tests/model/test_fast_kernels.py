"""The Triton kernels compute what the plain ops compute, shown in Triton's own interpreter."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from lychee_app.model.parity_check import triton_ops
from tests.support import tiny_checkpoint, tiny_qwen3_vl

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not on this platform")
def test_interpreted_kernels_agree_with_the_plain_ops_on_matrices_of_all_bits(tmp_path: Path) -> None:
    tiny = tiny_checkpoint.build(tmp_path / "tiny", num_hidden_layers=2, intermediate_size=64)
    folders = (tiny, tiny_qwen3_vl.build(tmp_path / "normed"))
    command = [sys.executable, "-m", "tests.support.interpreted_kernels", *map(str, folders)]
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr


def test_without_a_card_there_are_no_triton_ops() -> None:
    assert triton_ops(torch.device("cpu"), torch.float32, (16,)) is None
