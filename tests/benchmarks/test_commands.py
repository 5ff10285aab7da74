"""Each bench can be found, asked for help, and is named as the README and docs/ name it."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHES, main

ROOT = Path(__file__).parents[2]
FIGURES = (
    ROOT / "README.md",
    ROOT / "docs" / "figures.md",
    ROOT / "docs" / "evidence.md",
    ROOT / "docs" / "scale.md",
)


@pytest.mark.parametrize("bench", BENCHES)
def test_every_bench_can_be_asked_for_help(capsys: pytest.CaptureFixture[str], bench: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([bench, "--help"])
    assert ended.value.code == 0
    assert f"python -m benchmarks {bench}" in capsys.readouterr().out


def test_the_figures_name_only_benches_and_options_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(word for file in FIGURES for word in file.read_text("utf-8").split())
    calls = re.findall(r"`[^`]*?python -m benchmarks ([a-z]+)([^`]*)`", text)
    assert {name for name, _ in calls} == set(BENCHES)
    for name, rest in calls:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        told = capsys.readouterr().out
        assert all(option in told for option in re.findall(r"--[a-z-]+", rest)), (name, rest)


def test_a_bench_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2
    assert "dance" in capsys.readouterr().err
