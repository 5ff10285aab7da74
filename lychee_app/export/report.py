"""A run as one HTML file: no script, no outside request, whatever a file or query says as text."""

import base64
import hashlib
import math
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lychee_app.analysis import caveats, range_bins
from lychee_app.locale import Words
from lychee_app.packed import light
from lychee_app.ranking import one_decimal, ranked
from lychee_app.records import Decision, Run, Scored

TEMPLATES = Path(__file__).with_name("templates")
_KEPT = "\n\t\u200c\u200d"
"""Not printable, but part of text: line breaks, and the joiners that emoji and some scripts need."""
_MAGIC = {b"RIFF": "image/webp", b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def to_html(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    language: str = "en",
    notes: Sequence[str] = (),
) -> str:
    """`notes` are findings, already worded. Headings are in `language`; names and replies as they are."""
    words, style = Words(language), (TEMPLATES / "report.css").read_text(encoding="utf-8")
    places, indices = ranked(run.images), [row.upload_index for row in light(run.images)]

    def chips(row: Scored) -> list[tuple[str, float | None]]:
        pairs = list(zip(run.question.elements, row.elements, strict=False))
        if row.not_reply is not None and row.not_reply.p_yes is not None:
            pairs.append((f"{words('report.but_not')}: {row.not_reply.query}", 10 * row.not_reply.p_yes))
        for key, reply in (("report.like", row.like_reply), ("report.unlike", row.unlike_reply)):
            if reply is not None and reply.p_yes is not None:
                pairs.append((f"{words(key)}: {reply.query}", 10 * reply.p_yes))
        return pairs

    scored = sum(place.rank is not None for place in ranked(light(run.images)))
    text = (
        _environment()
        .get_template("report.html")
        .render(
            words=words,
            style=Markup(style),
            style_sha256=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            title=run.name,
            facts=_facts(run, scored, words),
            caveats=[words.reason(reason) for reason in caveats(run)],
            notes=notes,
            bins=range_bins(run.images),
            places=places,
            columns=min(16, max(8, math.isqrt(len(places)))),
            decisions={index: (decisions or {}).get(index) for index in indices},
            chips=chips,
        )
    )
    return text.encode("utf-8", "replace").decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"one_decimal": one_decimal, "data_url": _data_url}
    return environment


def _facts(run: Run, scored: int, words: Words) -> list[tuple[str, str]]:
    count = f"{len(run.images)}" if scored == len(run.images) else f"{scored} / {len(run.images)}"
    return [
        (words("report.query"), run.question.typed if run.title else ""),
        (words("report.sent"), run.question.sent),
        (words("report.but_not"), run.question.typed_not),
        (words("report.like"), run.request.like.name if run.request.like else ""),
        (words("report.unlike"), run.request.unlike.name if run.request.unlike else ""),
        (
            words("report.model"),
            f"{run.model} · {run.request.mode}" + (f" · {run.precision}" if run.checkpoint_hash else ""),
        ),
        (words("report.images"), count),
        (words("report.created"), run.created),
    ]


def _printable(value: object) -> object:
    """Every text that reaches the page, without control and direction characters; escaped after this."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        c if c in _KEPT or c.isprintable() or unicodedata.category(c) == "Zs" else "\ufffd" for c in value
    )


def _data_url(thumbnail: bytes) -> Markup | None:
    """Pictures of a known kind only."""
    kind = next((kind for magic, kind in _MAGIC.items() if thumbnail.startswith(magic)), None)
    return Markup(f"data:{kind};base64,{base64.b64encode(thumbnail).decode()}") if kind else None
