"""The page's own addresses beside Streamlit's: pictures and rows by run and upload index, and decisions.

    GET  /lychee/thumb/{run}/{index}     the thumbnail of an image of a run, scored or not
    GET  /lychee/added/{draft}/{position}   that of an image which was added and not ranked yet
    GET  /lychee/image/{run}/{index}     the image for people: the file itself where a browser shows it
    GET  /lychee/seen/{run}/{index}      exactly the pixels the model was given, lossless
    GET  /lychee/row/{run}/{index}       the raw output, as the viewer lists it
    POST /lychee/explanation/{run}/{index}  asks the model for its reasons; waits for it
    POST /lychee/decisions/{run}         {"steps": [{"index": 3, "decision": "pick"}, ...]}; _step tells all
    POST /lychee/choose, /lychee/add/{draft}   files that are added: see upload.py

A picture waits for no drawing of the page, and a decision for no run that is being scored. Pages elsewhere
can send nothing: a browser asks first before it sends a header of its own to another origin, and nobody
answers. Requests under another host's name are refused before they come here (ui/server.py).
"""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lychee_app.errors import ImageError, LycheeError, StoreError
from lychee_app.locale import Words, language_of
from lychee_app.records import Decision, ImageBudget, Source
from lychee_app.services import Services
from lychee_app.store import Step, Store, Undo, UndoStep
from lychee_app.web import output, pictures, upload

Taking = Callable[[Store, Request, AsyncIterator[bytes]], Awaitable[dict[str, Any]]]
NO_LIST = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)
MOST_STEPS = 5000
MOST_BODY_BYTES = 1 << 20
BROWSERS_SHOW = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
"""First bytes of files that are sent as they are: still pictures that every browser turns upright itself."""


def routes(services: Callable[[], Services]) -> list[Route]:
    """`services` is called with every request: it opens the data folder when it is first needed."""

    def answered(make: Callable[[Services, Request], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            try:
                return make(services(), request)
            except StoreError as error:
                return _refused(error, 404 if error.code == "store-no-run" else 503)
            except (LycheeError, OSError, LookupError) as error:
                return _refused(error, 404)

        return endpoint

    async def decisions(request: Request) -> Response:
        if not _from_the_page(request):
            return _refused("decisions come from the page alone", 403)
        body = await request.body()
        if len(body) > MOST_BODY_BYTES:
            return _refused(f"{len(body):,} bytes; at most {MOST_BODY_BYTES:,} are read", 413)
        return await run_in_threadpool(_decided, services, request.path_params["run"], body)

    def taken(most_bytes: int, work: Taking) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not _from_the_page(request):
                return _refused("files are added by the page alone", 403)
            words = _words(request)
            stream = request.stream()
            try:
                store = (await run_in_threadpool(services)).store
                answer = await work(store, request, _at_most(stream, most_bytes))
                return JSONResponse(answer, headers={"Cache-Control": "no-store"})
            except ClientDisconnect:
                return _refused("cut short", 400)
            except LycheeError as error:
                refused = _refused(words.error(error), 503)
            except NO_LIST as error:
                refused = _refused(f"these are no files ({error})", 400)
            # A browser that is refused while it still sends knows of a lost connection, not of the reason.
            with suppress(ClientDisconnect, ValueError):
                async for _ in _at_most(stream, most_bytes):
                    pass
            return refused

        return endpoint

    path = "{run}/{index:int}"
    return [
        Route(f"/lychee/thumb/{path}", answered(_thumbnail)),
        Route("/lychee/added/{draft}/{position:int}", answered(_added)),
        Route(f"/lychee/image/{path}", answered(_image)),
        Route(f"/lychee/seen/{path}", answered(_seen)),
        Route(f"/lychee/row/{path}", answered(_row)),
        Route(f"/lychee/explanation/{path}", answered(_explanation), methods=["POST"]),
        Route("/lychee/decisions/{run}", decisions, methods=["POST"]),
        Route("/lychee/choose", taken(upload.MOST_NAMES_BYTES, _chosen), methods=["POST"]),
        Route("/lychee/add/{draft}", taken(upload.MOST_BYTES, _received), methods=["POST"]),
    ]


async def _chosen(store: Store, request: Request, stream: AsyncIterator[bytes]) -> dict[str, Any]:
    body = b"".join([data async for data in stream])
    return await run_in_threadpool(upload.choose, store, body, _words(request))


async def _received(store: Store, request: Request, stream: AsyncIterator[bytes]) -> dict[str, Any]:
    return {"added": await upload.receive(store, request.path_params["draft"], stream)}


async def _at_most(stream: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """Raises ValueError where more comes."""
    count = 0
    async for data in stream:
        count += len(data)
        if count > most_bytes:
            raise ValueError(f"more than {most_bytes:,} bytes")
        yield data


def _thumbnail(services: Services, request: Request) -> Response:
    try:
        if thumbnail := services.store.thumbnail(*_place(request)):
            return _picture(thumbnail, "image/webp")
        if not services.store.is_attached(request.path_params["run"]):
            return _nothing()
    except LookupError:
        pass  # it is not scored yet
    return _small(services, services.store.source(*_place(request)))


def _added(services: Services, request: Request) -> Response:
    try:
        source = services.store.drafts.image(request.path_params["draft"], request.path_params["position"])
    except LookupError:  # it was ranked or taken off while the browser came to it
        return _nothing()
    return _small(services, source)


def _small(services: Services, source: Source) -> Response:
    """Nothing, rather than an error, for a file that is no image: whoever asks shows its name."""
    try:
        return _picture(pictures.small(source, services.settings), "image/webp")
    except ImageError:
        return _nothing()


def _nothing() -> Response:
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def _image(services: Services, request: Request) -> Response:
    row, source = services.store.row(*_place(request)), services.store.source(*_place(request))
    data = source.read()
    kind = next((mime for magic, mime in BROWSERS_SHOW.items() if data.startswith(magic)), None)
    if kind and row.width_px and hashlib.sha256(data).hexdigest() == row.sha256:
        return _picture(data, kind)
    return _picture(pictures.large(source, row.sha256, services.settings), "image/webp")


def _seen(services: Services, request: Request) -> Response:
    run_id, index = _place(request)
    row, source = services.store.row(run_id, index), services.store.source(run_id, index)
    tokens = services.store.head(run_id).token_budget or ImageBudget.max_tokens
    return _picture(pictures.as_seen(source, row, tokens, services.settings), "image/webp")


def _row(services: Services, request: Request) -> Response:
    run_id, index = _place(request)
    words = _words(request)
    parts = output.parts(words, services.store.head(run_id), services.store.row(run_id, index))
    return JSONResponse({"parts": parts}, headers={"Cache-Control": "no-store"})


def _explanation(services: Services, request: Request) -> Response:
    if not _from_the_page(request):
        return _refused("explanations are asked for from the page alone", 403)
    run_id, index = _place(request)
    words = _words(request)
    if services.jobs.live():
        return _refused(words("explain.wait"), 409)
    run, row = services.store.head(run_id), services.store.row(run_id, index)
    source = (index, services.store.source(run_id, index))
    try:
        reply = services.jobs.explain(run, source, row.sha256)
    except LycheeError as error:
        return _refused(words.error(error), 409)
    note = words("explain.note", seconds=f"{reply.seconds:.1f}")
    return JSONResponse({"text": reply.text, "note": note}, headers={"Cache-Control": "no-store"})


def _words(request: Request) -> Words:
    return Words(language_of(request.query_params.get("lang", "en")))


def _from_the_page(request: Request) -> bool:
    return request.headers.get("x-lychee") == "1"


def _decided(services: Callable[[], Services], run_id: str, body: bytes) -> Response:
    try:
        steps = json.loads(body)["steps"]
        if not isinstance(steps, list) or len(steps) > MOST_STEPS:
            raise ValueError(f"at most {MOST_STEPS:,} steps")
        store = services().store
        restored = store.follow(run_id, [_step(step) for step in steps])
    except StoreError as error:
        return _refused(error, 404 if error.code == "store-no-run" else 503)
    except NO_LIST as error:
        return _refused(f"these are no decisions ({error})", 400)
    made = list(store.decisions(run_id).items())
    return JSONResponse(
        {"decisions": made, "restored": list(restored)}, headers={"Cache-Control": "no-store"}
    )


def _step(step: Mapping[str, Any]) -> Step | Undo | UndoStep:
    """{"index": 3, "decision": "pick"}; {"index": 3, "undo": "pick", "before": null} takes that back;
    {"undo": number} a whole step, and with "earlier": true the newest up to it.
    """
    if "index" not in step:
        return UndoStep(_whole_number(step["undo"]), step.get("earlier") is True)
    index = _whole_number(step["index"])
    if "undo" in step:
        return Undo(index, _decision(step["undo"]), _decision(step["before"]))
    return Step(index, _decision(step["decision"]))


def _whole_number(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 2**63:
        raise ValueError(f"{number!r} is no number of an image or a step")
    return number


def _decision(text: Any) -> Decision | None:
    if text not in ("pick", "reject", None):
        raise ValueError(f"{text!r} is no decision")
    return text


def _place(request: Request) -> tuple[str, int]:
    return request.path_params["run"], request.path_params["index"]


def _picture(data: bytes, kind: str) -> Response:
    """The address names the content (its hash is in the query), so it can be kept for good."""
    if not data:
        return _refused("there is no picture", 404)
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(data, media_type=kind, headers=headers)


def _refused(reason: object, status: int) -> Response:
    return JSONResponse({"message": str(reason)}, status, headers={"Cache-Control": "no-store"})
