"""What a wheel holds: all of the package's own files, and nothing beside it."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import lychee_app

PACKAGE = Path(lychee_app.__file__).parent
PYPROJECT = PACKAGE.parent / "pyproject.toml"


@pytest.fixture(scope="module")
def patterns() -> list[str]:
    if not PYPROJECT.is_file():
        pytest.skip("installed, not checked out")
    setup = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["setuptools"]
    assert setup["packages"]["find"]["include"] == ["lychee_app*"]
    return setup["package-data"]["lychee_app"]


def data_files() -> list[str]:
    return [
        file.relative_to(PACKAGE).as_posix()
        for file in sorted(PACKAGE.rglob("*"))
        if file.is_file() and file.suffix not in {".py", ".pyc"} and not file.name.startswith(".")
    ]


def test_every_file_that_is_no_code_goes_into_the_wheel(patterns: list[str]) -> None:
    missing = [name for name in data_files() if not any(fnmatch(name, pattern) for pattern in patterns)]
    assert missing == []


def test_every_pattern_finds_a_file(patterns: list[str]) -> None:
    assert [one for one in patterns if not any(fnmatch(name, one) for name in data_files())] == []


def test_what_works_without_a_download_is_there() -> None:
    names = set(data_files())
    needed = {
        "py.typed",
        "demo/checkpoint/model.safetensors",
        "demo/gallery/truth.json",
        "evaluate/suite/pairs.json",
        "export/templates/report.html",
    }
    assert needed <= names
    assert any(name.startswith("ui/assets/gallery/") for name in names)


def test_every_folder_with_code_is_a_package() -> None:
    """setuptools leaves out a folder without an __init__.py, and only the installed program notices."""
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
