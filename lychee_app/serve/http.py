"""The HTTP API, on this machine only: rerank images by a query.

    POST /v1/rerank          JSON, documents as data: addresses, base64, or paths in the allowed folders
    POST /v1/rerank/files    multipart: query, and the images as files
    GET  /v1/models, /health, /openapi.json

`/rerank` and `/v2/rerank` are the same as `/v1/rerank`: clients differ. Every request needs the token, but
for /health and /openapi.json. Nothing is kept; replies are remembered in memory.
"""

import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lychee_app import __version__, analysis, query, recorder, request
from lychee_app.domain import domain_of, unknown_words
from lychee_app.engines import Engine
from lychee_app.errors import CheckpointError, LycheeError, NotAllowed, UsageError
from lychee_app.locale import Words, language_of
from lychee_app.packed import light
from lychee_app.ranking import Ranked, ranked
from lychee_app.records import Run, Source
from lychee_app.serve.documents import Allowed, source

MOST_DOCUMENTS = 10_000
MOST_BODY_BYTES = 1 << 30
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}


class Rerank(BaseModel):
    """What Jina's, Cohere's and vLLM's clients send; unknown keys are passed over."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    query: str
    documents: Annotated[list[Any], Field(min_length=1, max_length=MOST_DOCUMENTS)]
    model: str | None = None
    top_n: Annotated[int | None, Field(ge=1)] = None
    return_documents: bool = False
    not_text: Annotated[str, Field(alias="not", description="lowers what matches it")] = ""
    elements: Annotated[bool, Field(description="score each element of the query too")] = False
    mode: Literal["judge", "explain"] = "judge"


class Result(BaseModel):
    index: int
    relevance_score: Annotated[float, Field(description="0 to 1: p(yes), or the score told in words / 10")]
    score: Annotated[float, Field(description="0 to 10")]
    margin: float | None = None
    elements: list[float | None] = []
    reply: str | None = None
    document: dict[str, Any] | None = None


class Unscored(BaseModel):
    """A document without a score is no result: a client would take any number for one."""

    index: int
    code: str
    message: str


class Usage(BaseModel):
    total_tokens: int


class Reranked(BaseModel):
    id: str
    object: str = "rerank"
    model: str
    results: list[Result]
    errors: list[Unscored] = []
    warnings: list[str] = []
    unknown_words: list[str] = []
    usage: Usage


class Served(BaseModel):
    id: str
    object: str = "model"
    owned_by: str = "lychee"


class Models(BaseModel):
    object: str = "list"
    data: list[Served]


class Refusal(HTTPException):
    """FastAPI lets no other exception through from where a body is read."""

    def __init__(self, status: int, error: LycheeError) -> None:
        super().__init__(status, str(error))
        self.error = error


def create(
    engine: Engine, model: str, allowed: Allowed, token: str | None, most_body_bytes: int = MOST_BODY_BYTES
) -> FastAPI:
    """The API over an engine. `model`: the one that is served. `token` None asks for none."""
    app = FastAPI(
        title="Lychee",
        version=__version__,
        description="Ranks images by a sentence.",
        docs_url=None,  # their scripts come from the web
        redoc_url=None,
    )
    app.add_middleware(_LimitedBody, most_bytes=most_body_bytes)
    log = recorder.Unkept()
    guarded = [Depends(_own_name), Depends(_with(token))]

    def answer(asked: Rerank, sources: Sequence[Source], names: Sequence[Any], t: Words) -> Reranked:
        _check_model(asked.model, model)
        question = query.ask(asked.query, asked.not_text, parts=None if asked.elements else ())
        checked = engine.prepared(request.Request(question, asked.mode, model))
        run = recorder.rank(checked, sources, engine, log)
        return _reranked(run, asked, names, t)

    def rerank(asked: Rerank, http: Request) -> Reranked:
        sources = [source(document, index, allowed) for index, document in enumerate(asked.documents)]
        return answer(asked, sources, asked.documents, _words(http))

    for path in ("/v1/rerank", "/v2/rerank", "/rerank"):
        app.post(path, dependencies=guarded, operation_id=f"rerank{path.count('/')}{path[2]}")(rerank)

    @app.post("/v1/rerank/files", dependencies=guarded)
    def rerank_files(
        http: Request,
        *,
        query: Annotated[str, Form()],
        files: Annotated[list[UploadFile], File()],
        top_n: Annotated[int | None, Form(ge=1)] = None,
        not_text: Annotated[str, Form(alias="not")] = "",
        elements: Annotated[bool, Form()] = False,
        mode: Annotated[Literal["judge", "explain"], Form()] = "judge",
    ) -> Reranked:
        names = [file.filename or f"file {index}" for index, file in enumerate(files)]
        asked = Rerank(
            query=query,
            documents=names,
            top_n=top_n,
            not_text=not_text,
            elements=elements,
            mode=mode,
            return_documents=True,
        )
        sources = [Source(name, data=file.file.read()) for name, file in zip(names, files, strict=True)]
        return answer(asked, sources, names, _words(http))

    @app.get("/v1/models", dependencies=guarded)
    def models() -> Models:
        return Models(data=[Served(id=model)])

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    _explain_errors(app)
    return app


def _reranked(run: Run, asked: Rerank, names: Sequence[Any], t: Words) -> Reranked:
    places = list(ranked(light(run.images)))
    scored = [place for place in places if place.rank is not None]
    reasons = [(each.scored.upload_index, each.scored.reason) for each in places]
    replies = [
        reply for each in places for reply in (each.scored.reply, *each.scored.element_replies) if reply
    ]
    return Reranked(
        id=uuid.uuid4().hex,
        model=run.model,
        results=[_result(place, asked, names) for place in scored[: asked.top_n]],
        errors=[
            Unscored(index=index, code=reason.code, message=t.reason(reason))
            for index, reason in reasons
            if reason
        ],
        warnings=[t.reason(caveat) for caveat in analysis.caveats(run)],
        unknown_words=list(unknown_words(domain_of(run.model, run.checkpoint_hash), run.question)),
        usage=Usage(total_tokens=sum(reply.prompt_tokens for reply in replies)),
    )


def _result(place: Ranked, asked: Rerank, names: Sequence[Any]) -> Result:
    row = place.scored
    assert row.score is not None
    document = names[row.upload_index]
    return Result(
        index=row.upload_index,
        relevance_score=row.score / 10 if row.p_yes is None else row.p_yes,
        score=row.score,
        margin=row.margin,
        elements=list(row.elements),
        reply=row.reply.text if row.reply else None,
        document=(document if isinstance(document, dict) else {"text": document})
        if asked.return_documents
        else None,
    )


def _check_model(asked: str | None, served: str) -> None:
    if asked not in {None, "", "auto", served}:
        raise CheckpointError("model-not-served", model=str(asked), served=served)


def _words(http: Request) -> Words:
    return Words(language_of(http.headers.get("accept-language", "en")))


def _own_name(http: Request) -> None:
    """A page elsewhere can make a browser ask under its own name: that is refused, whatever token it has."""
    host = http.headers.get("host", "")
    if host.rpartition(":")[0] not in LOOPBACK and host not in LOOPBACK:
        raise Refusal(403, UsageError("host-foreign", host=host))


def _with(token: str | None) -> Callable[[Request], None]:
    def check(http: Request) -> None:
        scheme, _, given = http.headers.get("authorization", "").partition(" ")
        if token and not (
            scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
        ):
            raise Refusal(401, UsageError("token-wrong"))

    return check


class _LimitedBody:
    """Ends a request whose body is larger, told beforehand or not."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise Refusal(413, UsageError("body-size", limit=self._most / 1e6))
            return message

        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self._most:
            error = UsageError("body-size", limit=self._most / 1e6)
            return await _refused(413, error, _words(Request(scope)))(scope, receive, send)
        return await self._app(scope, limited, send)


def _explain_errors(app: FastAPI) -> None:
    """Each is one sentence, in the language that was asked for."""

    @app.exception_handler(Refusal)
    def refusal(http: Request, error: Refusal) -> JSONResponse:
        return _refused(error.status_code, error.error, _words(http))

    @app.exception_handler(LycheeError)
    def of_ours(http: Request, error: LycheeError) -> JSONResponse:
        status = 403 if isinstance(error, NotAllowed) else 400 if isinstance(error, UsageError) else 503
        status = 404 if error.code == "model-not-served" else status
        return _refused(status, error, _words(http))

    @app.exception_handler(RequestValidationError)
    def odd(http: Request, error: RequestValidationError) -> JSONResponse:
        first: Mapping[str, Any] = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        if first["type"] == "json_invalid" or not field:
            return _refused(400, UsageError("body-no-json"), _words(http))
        told = UsageError("field-odd", field=field, detail=str(first["msg"]))
        return _refused(422, told, _words(http))

    @app.exception_handler(HTTPException)
    def other(http: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:
            return _refused(404, UsageError("no-such-address", path=http.url.path), _words(http))
        return _refused(error.status_code, UsageError("as-told", text=error.detail), _words(http))


def _refused(status: int, error: LycheeError, t: Words) -> JSONResponse:
    """`message` stands twice: where OpenAI's and Jina's clients look for it, and where Cohere's does."""
    message = t.error(error)
    detail = {"message": message, "type": type(error).__name__, "code": error.code}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": detail, "message": message}, status, headers)


def run(app: FastAPI, port: int) -> None:
    """Serves on this machine's own address until it is interrupted."""
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
