"""A run as one HTML file: no script, no outside request, whatever a file or query says as text."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

from lychee_app.analysis import range_bins
from lychee_app.export.drawing import heat_grid, histogram, plain
from lychee_app.export.style import style_sheet
from lychee_app.export.words import WORDS, Language, Words
from lychee_app.ranking import Ranked, ranked
from lychee_app.records import Decision, Run, Scored

_MAGIC = {b"RIFF": "image/webp", b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def to_html(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    language: Language = "en",
    notes: Sequence[str] = (),
) -> str:
    """`notes` are findings, already worded. Headings are in `language`; names and replies as they are."""
    words = WORDS[language]
    title = plain(run.title or run.query or run.sent_query)
    places = ranked(run.images)
    body = [
        f'<h1>{words.report}</h1><p class="query" dir="auto">{title}</p>',
        _facts(run, words),
        _findings(notes, words),
        f"<h2>{words.distribution}</h2>{histogram(range_bins(run.images), words.distribution)}",
        f'<h2>{words.heat}</h2><p class="hint">{words.heat_hint}</p>{heat_grid(run.images, words.heat)}',
        f"<h2>{words.ranking}</h2><ol>",
        *(
            _row(place, run.elements, (decisions or {}).get(place.scored.upload_index), words)
            for place in places
        ),
        f'</ol><p class="made">{words.made}</p>',
    ]
    text = _head(title, words) + "\n".join(body) + "\n</body></html>\n"
    return text.encode("utf-8", "replace").decode()


def _head(title: str, words: Words) -> str:
    """The policy forbids everything but this style sheet and pictures inside the file."""
    style = style_sheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="{words.tag}"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{style}</style></head><body>\n"
    )


def _facts(run: Run, words: Words) -> str:
    scored = sum(place.rank is not None for place in ranked(run.images))
    count = f"{len(run.images)}" if scored == len(run.images) else f"{scored} / {len(run.images)}"
    facts = [
        (words.query, run.query if run.title else ""),
        (words.sent, run.sent_query),
        (words.but_not, run.not_text),
        (words.model, f"{run.model} · {run.mode}" + (f" · {run.precision}" if run.precision else "")),
        (words.images, count),
        (words.created, run.created),
    ]
    rows = [f'<dt>{name}</dt><dd dir="auto">{plain(text)}</dd>' for name, text in facts if text]
    return f"<dl>{''.join(rows)}</dl>"


def _findings(notes: Sequence[str], words: Words) -> str:
    if not notes:
        return ""
    return f"<h2>{words.findings}</h2><ul>{''.join(f'<li>{plain(note)}</li>' for note in notes)}</ul>"


def _row(place: Ranked, elements: Sequence[str], decision: Decision | None, words: Words) -> str:
    row = place.scored
    rank = "–" if place.rank is None else str(place.rank)
    return (
        f'<li class="row"><div class="rank">{rank}</div><div>{_picture(row.thumbnail)}</div><div>'
        f'{_verdict(place, words)} {_mark(decision, words)}<div class="name" dir="auto">'
        f"{plain(row.name)}</div>"
        f"{_chips(elements, row, words)}{_output(place, words)}</div></li>"
    )


def _verdict(place: Ranked, words: Words) -> str:
    row = place.scored
    if place.rank is None or row.score is None:
        return f'<span class="reason">{words.no_score}: {plain(row.error or "?")}</span>'
    return f'<span class="score">{row.score:.1f}</span>'


def _mark(decision: Decision | None, words: Words) -> str:
    if decision is None:
        return ""
    return f'<span class="mark">{words.pick if decision == "pick" else words.reject}</span>'


def _chips(elements: Sequence[str], row: Scored, words: Words) -> str:
    pairs = list(zip(elements, row.elements, strict=False))
    if row.not_reply is not None and row.not_reply.p_yes is not None:
        pairs.append((f"{words.but_not}: {row.not_reply.query}", 10 * row.not_reply.p_yes))
    chips = "".join(
        f"<span>{plain(text)} {'–' if score is None else f'{score:.1f}'}</span>" for text, score in pairs
    )
    return f'<div class="chips">{chips}</div>' if chips else ""


def _output(place: Ranked, words: Words) -> str:
    """The verbatim reply, folded away."""
    row = place.scored
    if row.reply is None:
        return ""
    margin = "" if row.margin is None else f" · {words.margin} {row.margin:.3f}"
    text = f'<pre dir="auto">{plain(row.reply.text)}</pre>'
    return f"<details><summary>{words.raw}{margin}</summary>{text}</details>"


def _picture(thumbnail: bytes) -> str:
    """Pictures of a known kind only, inside the file."""
    kind = next((kind for magic, kind in _MAGIC.items() if thumbnail.startswith(magic)), None)
    if kind is None:
        return ""
    return f'<img alt="" src="data:{kind};base64,{base64.b64encode(thumbnail).decode()}">'
