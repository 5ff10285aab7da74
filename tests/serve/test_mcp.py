"""The MCP server, asked by the package's own client: in this process, and as an assistant starts it."""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.server import MCPServer

from lychee_app.locale import Words
from lychee_app.serve import mcp
from lychee_app.serve.documents import Allowed
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer, engine_of, picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(pictures: Path, settings: Settings) -> Iterator[MCPServer]:
    with Store.open(settings.data_folder) as store:
        yield mcp.create(engine_of(FakeScorer(), settings), store, "demo", Allowed([pictures]), Words())


def call(server: MCPServer | StdioServerParameters, *steps: tuple[str, dict[str, Any]]) -> list[Any]:
    """The answers of several tools in one session: data, or the sentence of an error."""

    async def ask() -> list[Any]:
        async with Client(server) as client:
            return [_told(await client.call_tool(name, arguments)) for name, arguments in steps]

    with ThreadPoolExecutor(1) as own:  # a browser of another test may have a loop in this thread
        return own.submit(anyio.run, ask).result()


def _told(result: Any) -> Any:
    text = result.content[0].text if result.content else "[]"
    if result.is_error:
        return text
    found = result.structured_content or json.loads(text)
    return found.get("result", found) if isinstance(found, dict) else found


def test_a_folder_is_ranked_and_found_again(server: MCPServer, pictures: Path) -> None:
    (ranked,) = call(server, ("rank_folder", {"query": "red", "folder": str(pictures), "limit": 2}))
    assert [image["name"] for image in ranked["images"]] == ["red.png", "green.png"]
    assert (ranked["total"], ranked["scored"]) == (4, 3)
    runs, again = call(server, ("list_runs", {}), ("tell_run", {"run": ranked["run"], "limit": 4}))
    assert [(run["run"], run["query"]) for run in runs] == [(ranked["run"], "red")]
    assert again["images"][:2] == ranked["images"]
    assert again["images"][3]["error_code"] == "format"


def test_an_image_is_explained(server: MCPServer) -> None:
    (told,) = call(server, ("explain_image", {"query": "red", "image": "red.png"}))
    assert told["images"][0]["raw"].startswith("It is red.")


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("rank_folder", {"query": "red", "folder": "/etc"}, "/etc is in no folder that this server may read"),
        ("rank_folder", {"query": "red", "folder": "nowhere"}, "no"),
        ("rank_folder", {"query": "", "folder": "."}, "query"),
        ("explain_image", {"query": "red", "image": "../x.png"}, "is in no folder"),
        ("tell_run", {"run": "none"}, "run"),
    ],
)
def test_what_cannot_be_done_is_told(
    server: MCPServer, tool: str, arguments: dict[str, Any], text: str
) -> None:
    (told,) = call(server, (tool, arguments))
    assert isinstance(told, str)
    assert text in told
    assert "Traceback" not in told


def test_links_out_of_the_folder_are_counted_and_not_read(
    pictures: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(picture("red"))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "own.png").write_bytes(picture("green"))
    with Store.open(settings.data_folder) as store:
        server = mcp.create(engine_of(FakeScorer(), settings), store, "demo", Allowed([folder]), Words())
        (ranked,) = call(server, ("rank_folder", {"query": "red", "folder": "."}))
    assert [image["name"] for image in ranked["images"]] == ["own.png"]
    assert ranked["left_out"][0]["code"] == "left-out-not-allowed"


def test_an_assistant_starts_it_and_ranks_the_demo_gallery(tmp_path: Path) -> None:
    from lychee_app import demo

    demo.write_gallery(tmp_path / "gallery")
    command = ["-m", "lychee_app", "serve", "--mcp", "--model", "demo", "--allow", str(tmp_path / "gallery")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parameters = StdioServerParameters(command=sys.executable, args=command, env=environment)
    (ranked,) = call(parameters, ("rank_folder", {"query": demo.GALLERY_QUERY, "folder": ".", "limit": 3}))
    assert len(ranked["images"]) == 3
    assert ranked["images"][0]["score"] > 9
