"""Replies -> the score of one image.

Knows how a score follows from what the model said. Does not know images, order or storage.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lychee_app import parse
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import Mode, Reply, Scored, sigmoid


@dataclass(frozen=True)
class Verdict:
    """`score` is 0 to 10 or None with a `reason`; `span` is where in the reply's text it was read."""

    score: float | None
    margin: float | None = None
    p_yes: float | None = None
    span: tuple[int, int] | None = None
    reason: Reason | None = None


def judged(reply: Reply, not_reply: Reply | None = None) -> Verdict:
    """Score of a judge reply: 10 * p_yes, where p_yes is that of "the query, and not the other text".

    The two are taken as independent: p = p_yes(query) * (1 - p_yes(not)). The margin of that is computed
    from logarithms, so that strong matches do not tie at 1.0.
    """
    margin = reply.margin
    if margin is None:
        return Verdict(None, reason=Reason.of("no-logits"))
    if not_reply is not None and not_reply.margin is not None:
        margin = and_not(margin, not_reply.margin)
    return Verdict(10 * sigmoid(margin), margin, sigmoid(margin))


def explained(reply: Reply, not_reply: Reply | None = None) -> Verdict:
    """Score of an explain reply: the number read out of its text, lowered by a match of the "not" text."""
    parsed = parse.parse(reply.text)
    if parsed.score is None:
        return Verdict(None, span=parsed.span, reason=parsed.reason)
    kept = 1.0 if not_reply is None or not_reply.p_yes is None else 1.0 - not_reply.p_yes
    return Verdict(parsed.score * kept, span=parsed.span)


@dataclass(frozen=True)
class Likeness:
    """To the example images, where there are some."""

    like: Reply | None = None
    unlike: Reply | None = None


ALONE = Likeness()


def answered(
    row: Scored, question: Question, mode: Mode, replies: Sequence[Reply], likeness: Likeness = ALONE
) -> Scored:
    """The row with what follows from the replies: to the query, if it has words, then to each of the
    question's parts; and from likeness."""
    reply, *parts = replies if question.sent else (None, *replies)
    not_reply = parts.pop() if question.sent_not else None
    given = _together(reply, not_reply, mode, likeness)
    if given is None:  # the names of a sorting: how well the best of them is met
        best = max((part for part in parts), key=lambda part: part.margin or 0.0)
        given = judged(best)
    return replace(
        row,
        score=given.score,
        margin=given.margin,
        p_yes=given.p_yes,
        elements=tuple(judged(part).score for part in parts),
        reply=reply,
        element_replies=tuple(parts),
        not_reply=not_reply,
        like_reply=likeness.like,
        unlike_reply=likeness.unlike,
        span=given.span,
        reason=given.reason,
    )


def _together(reply: Reply | None, not_reply: Reply | None, mode: Mode, likeness: Likeness) -> Verdict | None:
    """The words, and like the one example, and not like the other: as independent as with "but not"."""
    like, unlike = likeness.like, likeness.unlike
    kept = [like.margin] if like else []
    kept += [
        -one.margin
        for one in (unlike, not_reply if reply is None else None)
        if one and one.margin is not None
    ]
    sure = [margin for margin in kept if margin is not None]
    if reply is not None and mode == "explain":
        given = explained(reply, not_reply)
        share = math.prod(map(sigmoid, sure))
        return given if given.score is None else replace(given, score=given.score * share)
    if reply is not None:
        given = judged(reply, not_reply)
        if given.margin is None or not sure:
            return given
        sure.append(given.margin)
    if not sure:
        return None
    margin = every(sure)
    return Verdict(10 * sigmoid(margin), margin, sigmoid(margin))


def every(margins: Sequence[float]) -> float:
    """log(p / (1 - p)) of p = the product of sigmoid(margin), without leaving log space."""
    if len(margins) == 1:
        return margins[0]
    log_p = sum(map(_log_sigmoid, margins))
    return log_p - _log_one_minus_exp(log_p)


def and_not(margin: float, not_margin: float) -> float:
    """log(p / (1 - p)) of p = sigmoid(margin) * sigmoid(-not_margin), without leaving log space."""
    return every((margin, -not_margin))


def _log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def _log_one_minus_exp(x: float) -> float:
    """log(1 - e^x) for x < 0 (Maechler 2012, log1mexp)."""
    x = min(x, -5e-324)
    return math.log(-math.expm1(x)) if x > -math.log(2) else math.log1p(-math.exp(x))
