"""The structure, held by tests: imports point down the list, and heavy libraries stay where they belong."""

import ast
import re
from functools import cache
from pathlib import Path

import lychee_app

ROOT = Path(lychee_app.__file__).parent
ORDER = [
    "__main__",
    "cli",
    "launch",
    "ui",
    "web",
    "serve",
    "services",
    "doctor",
    "library",
    "evaluate",
    "terminal",
    "streams",
    "jobs",
    "catalogue",
    "parquet",
    "recorder",
    "engines",
    "ratings",
    "sources",
    "intake",
    "model",
    "verdict",
    "parse",
    "sorting",
    "decide",
    "export",
    "analysis",
    "curate",
    "ranking",
    "store",
    "cache",
    "numbers",
    "domain",
    "demo",
    "settings",
    "packed",
    "records",
    "addresses",
    "likeness",
    "views",
    "request",
    "negation",
    "query",
    "splitting",
    "prompt",
    "sizes",
    "errors",
    "reasons",
    "locale",
]
FILES = sorted(ROOT.rglob("*.py"))
FAMILIES = {path.parent.name for path in ROOT.glob("model/*/__init__.py")}


@cache
def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def part_of(name: str) -> str | None:
    """lychee_app.model.scorer -> model"""
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "lychee_app" and len(pieces) > 1 and pieces[1] in ORDER else None


def test_imports_point_down_the_list() -> None:
    for path in FILES:
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in ORDER, f"{own} has no place in the order of the layout"
        above = [
            name
            for name in imported(path)
            if (part := part_of(name)) and ORDER.index(part) < ORDER.index(own)
        ]
        assert not above, path


def test_heavy_libraries_stay_where_they_belong() -> None:
    for path in FILES:
        own = path.relative_to(ROOT).parts[0]
        tops = {name.split(".")[0] for name in imported(path)}
        if own != "ui":
            assert "streamlit" not in tops, path
        if own != "model":
            assert not tops & {"torch", "transformers"}, path


def test_only_settings_reads_the_environment() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if {"os.environ", "os.getenv"} & (_attributes(path) | imported(path)) and path.name != "settings.py"
    ]
    assert readers == []


def test_every_part_has_its_place_in_the_order_and_in_the_readme() -> None:
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert parts == set(ORDER)
    readme = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    layout = readme[readme.index("## Layout") : readme.index("## 中文")]
    missing = [part for part in ORDER if not re.search(rf"\b{part}(?:/|\.py)", layout)]
    assert missing == ["__main__"]


def _attributes(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_classes_and_pixels_of_a_family_of_models_stand_in_its_folder_only() -> None:
    for path in FILES:
        own = path.relative_to(ROOT).parts
        if own[:2] == ("model", "families.py") or (own[0] == "model" and own[1] in FAMILIES):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"\b[Qq]wen\d+_\w+|\bQwen\d+VL\w*|(?:[*/=] ?|tokens\()28\b", text), path
