"""The MCP server over stdio: what an assistant may ask of pictures in the folders that were allowed.

Runs stand in the page's history. Every answer is data; what cannot be done is one sentence.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

from anyio import to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from lychee_app import __version__, analysis, export, query, recorder, request, sources
from lychee_app.engines import Engine
from lychee_app.errors import LycheeError
from lychee_app.locale import Words
from lychee_app.numbers import numbers_of
from lychee_app.reasons import Reason
from lychee_app.records import Run, Source
from lychee_app.serve.documents import Allowed
from lychee_app.store import Store

P = ParamSpec("P")
T = TypeVar("T")

INSTRUCTIONS = """Lychee ranks images on this machine by how well each matches a sentence, 0 to 10.
The demo model knows drawn objects only; `warnings` says where scores mean little.
An image without a score has an error."""


def create(engine: Engine, store: Store, model: str, allowed: Allowed, t: Words) -> MCPServer:
    """The server over an engine and the history. `model`: the one that is asked."""
    server = MCPServer("lychee", version=__version__, instructions=INSTRUCTIONS)

    def tool(work: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        """In a thread, so that the server answers while images are scored."""

        @wraps(work)
        async def told(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return await to_thread.run_sync(partial(work, *args, **kwargs))
            except LycheeError as error:
                raise ToolError(t.error(error)) from error

        return server.tool()(told)

    def ask(text: str, mode: request.Mode, not_text: str = "", elements: bool = False) -> request.Request:
        question = query.ask(text, not_text, parts=None if elements else ())
        return engine.prepared(request.Request(question, mode, model))

    @tool
    def rank_folder(
        query: Annotated[str, Field(description="what the images should show, in English or Chinese")],
        folder: Annotated[str, Field(description="a folder, an image or a glob, in an allowed folder")],
        limit: Annotated[int, Field(ge=1, le=1000, description="how many of the best to list")] = 10,
        elements: Annotated[bool, Field(description="score each element of the query too")] = False,
        not_text: Annotated[str, Field(description="lowers what matches it")] = "",
    ) -> dict[str, Any]:
        """Ranks the images of a folder, with all below it, by a sentence."""
        asked = ask(query, "judge", not_text, elements)
        found = sources.find([allowed.path(folder)])
        inside = [each for each in found.sources if each.path and allowed.has(each.path)]
        left_out = found.left_out
        if outside := len(found.sources) - len(inside):
            left_out = (*left_out, Reason.of("left-out-not-allowed", n=outside))
        return _told(recorder.rank(asked, inside, engine, store, left_out=left_out), limit, t)

    @tool
    def explain_image(
        query: Annotated[str, Field(description="what the image should show")],
        image: Annotated[str, Field(description="a file in an allowed folder")],
    ) -> dict[str, Any]:
        """Asks the judge for its reasons, in a sentence, and a score."""
        path = allowed.path(image)
        run = recorder.rank(ask(query, "explain"), [Source(path.name, path=path)], engine, store)
        return _told(run, 1, t)

    @tool
    def list_runs(limit: Annotated[int, Field(ge=1, le=100)] = 10) -> list[dict[str, Any]]:
        """The latest runs, the page's and the command line's too."""
        return [
            {
                "run": each.id,
                "created": each.created,
                "query": each.request.named,
                "status": each.status,
                "images": each.total,
                "best_score": each.best_score,
                "picks": each.picks,
            }
            for each in store.runs(limit)
        ]

    @tool
    def tell_run(
        run: Annotated[str, Field(description="an id from list_runs or rank_folder")],
        limit: Annotated[int, Field(ge=1, le=1000)] = 10,
    ) -> dict[str, Any]:
        """What a run found: its best images, and what is worth knowing about them."""
        return _told(replace(store.head(run), images=store.packed(run)), limit, t)

    return server


def _told(run: Run, limit: int, t: Words) -> dict[str, Any]:
    """As `lychee rank --json` tells it, with the run's id, the caveats, and how many images it is about."""
    numbers = numbers_of(run.images)
    cut = analysis.suggest_cut(numbers)
    return {
        "run": run.id,
        **export.document(run, limit=limit),
        "scored": numbers.count_scored,
        "above_suggested_cutoff": cut and cut.count,
        "warnings": [t.reason(caveat) for caveat in analysis.caveats(run, numbers)],
    }


def serve(engine: Engine, store: Store, model: str, folders: Sequence[str | Path], t: Words) -> None:
    """Serves on stdin and stdout until stdin ends. Raises UsageError for a folder that is not there."""
    create(engine, store, model, Allowed(folders), t).run("stdio")
