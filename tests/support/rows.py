"""Rows and runs for tests that need no model: short to write, complete to store."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from lychee_app.cache import CacheKey
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import Capture, Reply, Run, Scored, sigmoid
from lychee_app.request import Request

HOSTILE_NAMES = (
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/abs/olute.jpg",
    "C:\\a.jpg",
    "C:a.jpg",
    ".",
    "..",
    "...",
    "",
    " ",
    "\x00",
    "a\x00b.jpg",
    "line\nbreak\r.jpg",
    "tab\t.jpg",
    "\u202egpj.exe",
    "\u2066x\u2069.jpg",
    "\u2028.jpg",
    "CON",
    "con.jpg",
    "Lpt1.tar.gz",
    "COM¹.jpg",
    "trailing. ",
    ".hidden",
    "x" * 300 + ".jpg",
    "沙" * 120 + ".jpg",
    "x." + "y" * 300,
    "<script>alert(1)</script>.jpg",
    "\"quoted\" & 'single'.jpg",
    "=1+1.jpg",
    "a/b/c",
    "a/",
    "naïve é.jpg",
    "lone\ud800surrogate.jpg",
    "not-utf8-\udcff.jpg",
    "👩‍👩‍👧.png",
)


def names() -> st.SearchStrategy[str]:
    """Any text at all, and the ones that are known to hurt."""
    return st.one_of(
        st.sampled_from(HOSTILE_NAMES), st.text(st.characters(exclude_categories=()), max_size=300)
    )


def reply(query: str = "a cat", margin: float = 2.5, text: str = "yes", prompt: str = "the prompt") -> Reply:
    return Reply(query, "judge", text, margin / 2, -margin / 2, 1, 0, (1,), prompt, 90, 64, 0.0123)


def row(index: int, margin: float | None = None, *, score: float | None = None, **more) -> Scored:
    """A judged row where a margin is given, an explained one where only a score is."""
    base = Scored(index, f"{index}.jpg", hashlib.sha256(str(index).encode()).hexdigest(), score=score)
    if margin is not None:
        base = replace(base, score=10 * sigmoid(margin), margin=margin, p_yes=sigmoid(margin))
        base = replace(base, reply=reply(margin=margin))
    return replace(base, **more)


TAKEN = Capture("2024-05-04T13:02:11.250000+02:00", "NIKON Z 6", "24-70 mm f/4", 50.0, 4.0, 0.004, 400)


def told(text: str) -> Reason:
    """A reason whose sentence is this text, in every language."""
    return Reason.of("as-told", text=text)


def failed(index: int, reason: str = "it is no image") -> Scored:
    return Scored(index, f"{index}.jpg", "", reason=told(reason))


def explained(scores: Sequence[float | None]) -> list[Scored]:
    """One row per score; None is an image without one."""
    return [failed(i) if score is None else row(i, score=score) for i, score in enumerate(scores)]


def request_of(
    query: str = "Find me A Cat",
    sent_query: str = "a cat",
    elements: tuple[str, ...] = (),
    not_text: str = "",
    sent_not: str = "",
    **more,
) -> Request:
    question = Question(query, sent_query, elements, not_text, sent_not or not_text)
    return Request(question, **{"model": "demo", "instruction": "Retrieve.", **more})


def run_of(images: Sequence[Scored] = (), **more) -> Run:
    """`more`: fields of the run, its request and its question (by the names that the exports give them)."""
    own = {name: more.pop(name) for name in list(more) if name in Run.__dataclass_fields__}
    base = Run(
        id="run-1",
        created="2026-03-01T10:00:00+00:00",
        request=request_of(**more),
        total=len(images),
        model="demo",
        checkpoint_hash="c" * 64,
        precision="float32",
        token_budget=1280,
        images=tuple(images),
    )
    return replace(base, **own)


def key(sha256: str = "a" * 64, query: str = "a cat") -> CacheKey:
    return CacheKey(sha256, query, "judge", "c" * 64, 1, "float32", 280, 196, "Retrieve.", 0, 1)


def finite() -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False)
