"""The last lessons: yes or no, and the explanation, about what the vision tower sees.

A helper teaches each word of a query to know its object in the vision tower's own terms; it is thrown away
afterwards. Knows losses and masks. Does not know where batches come from or when training ends.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipe.batches import Batch, BatchMaker, Words
from recipe.network import Canvas, Layers, look, normalised, read, sent
from recipe.phrases import VALUES
from recipe.seeing import Namer, Views


@dataclass(frozen=True)
class Constants:
    """Token ids that never change: the judge prompt's beginning and end, yes and no."""

    prefix: Tensor
    suffix: Tensor
    yes: int
    no: int


@dataclass(frozen=True)
class Shown:
    """Image tokens as the language model gets them: (b, t, hidden), their row and column (b, t, 2), which are
    no padding (b, t), and the canvas's larger side in tokens."""

    tokens: Tensor
    spots: Tensor
    real: Tensor
    side: Tensor

    def repeat(self, times: int) -> "Shown":
        tokens, spots, real = (
            part.repeat_interleave(times, 0) for part in (self.tokens, self.spots, self.real)
        )
        return Shown(tokens, spots, real, self.side)


def make_constants(maker: BatchMaker, device: str) -> Constants:
    """Raises ValueError if yes or no is not one token."""
    (yes,), (no,) = maker.ids("yes"), maker.ids("no")
    prefix, suffix = (torch.tensor(part, device=device) for part in (maker.judge_prefix, maker.judge_suffix))
    return Constants(prefix, suffix, yes, no)


class Pupil(nn.Module):
    """The model with its helpers."""

    def __init__(self, model: Any, namer: Namer, constants: Constants) -> None:
        super().__init__()
        self.model = model
        self.namer = namer
        self.constants = constants
        self.layers = Layers.plain()
        """Or their compiled twins."""
        self.gain = nn.Parameter(torch.tensor(0.2))
        self.match_seen = nn.Linear(namer.objects.in_features, len(VALUES))
        self.match_word = nn.Linear(namer.objects.in_features, len(VALUES))

    def seen(self, patches: Tensor, canvas: Canvas) -> Tensor:
        """Image tokens (b, t, hidden) of patches (b, places, 588), 0 to 255."""
        return look(self.model, normalised(patches), canvas, self.layers)

    def losses(self, batch: Batch, views: Views, canvas: Canvas, *, worded: int, apart: bool) -> Tensor:
        """(8,): judge, wording, explain, words of both (objects, tints), matches, image tokens (objects,
        tints).

        worded: as in `Sizes`. apart: the vision tower learns to name only, and what is said teaches it
        nothing.
        """
        tokens = self.seen(views.patches, canvas)
        named = self.namer.losses(tokens, views.objects, views.tints)
        shown = self.show(tokens.detach() if apart else tokens, canvas)
        judged, judge_early, seen = self.judge(shown, batch)
        told, told_early, told_middle = self.explain(shown, batch)
        explain = _cross_entropy(told, self._to(batch.answer))
        words = self._words(judge_early, batch.judge_words) + self._words(told_early, batch.tail_words)
        value = self.match_word(_normal(_at(told_middle, self._to(batch.tail_words.at))))
        matches = _cross_entropy(value, self._to(batch.tail_words.values))
        matches = matches + _cross_entropy(self.match_seen(_normal(seen)), self._met(batch, views))
        judge = self._judge_losses(judged, self._to(batch.truth), len(views.patches), worded)
        return torch.cat([judge, explain[None], words, matches[None], named])

    def _judge_losses(self, judged: Tensor, truth: Tensor, scenes: int, worded: int) -> Tensor:
        """(2,): cross-entropy against the share that is met, less its own entropy: zero at best; and the mean
        squared distance between two wordings of each scene's first query."""
        logs = F.log_softmax(judged.float(), dim=-1)
        cross = -(truth * logs[:, self.constants.yes] + (1 - truth) * logs[:, self.constants.no])
        cross = cross + torch.xlogy(truth, truth) + torch.xlogy(1 - truth, 1 - truth)
        margins = (logs[:, self.constants.yes] - logs[:, self.constants.no]).view(scenes, -1)
        said = margins.sigmoid()[:, :worded]
        return torch.stack([cross.mean(), 2 * said.var(dim=1).mean()])

    def _met(self, batch: Batch, views: Views) -> Tensor:
        """(rows, t): what each image token is to the query, as a place in `VALUES`; -1 for padding."""
        met, judged = self._to(batch.met), len(batch.met) // len(views.slots)
        slots = torch.where(views.slots < 0, met.shape[1] - 1, views.slots).repeat_interleave(judged, 0)
        padding = (views.objects < 0).repeat_interleave(judged, 0)
        return met.gather(1, slots).masked_fill(padding, -1)

    def show(self, tokens: Tensor, canvas: Canvas) -> Shown:
        spots, real = (part.expand(len(tokens), *part.shape) for part in (canvas.tokens, canvas.real))
        return Shown(tokens, spots, real, canvas.side)

    def judge(self, shown: Shown, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the next token (r, vocabulary); early states of the changing part (r, w, hidden); middle
        states of the image tokens (r, t, hidden)."""
        embed = self.model.model.language_model.embed_tokens
        rows, count = self._to(batch.judge), self._to(batch.judge_count)
        shown = shown.repeat(len(rows) // len(shown.tokens))
        before = self.constants.prefix.shape[0]
        suffix = embed(self.constants.suffix).expand(len(rows), -1, -1)
        x = torch.cat([embed(rows), shown.tokens, suffix], dim=1)
        start = (before + count)[:, None]
        changing = torch.arange(rows.shape[1], device=x.device)[None] - rows.shape[1] + start
        real = torch.cat([changing >= before, shown.real, _ones(x, suffix.shape[1])], dim=1)
        mask = torch.cat([_ones(x, before), real], dim=1)[:, None, None] & _causal(x, before)
        place = _place(changing, start, shown, suffix.shape[1])
        prefix = embed(self.constants.prefix)[None]
        states, early, middle = read(self.model, x, place, mask, prefix, layers=self.layers)
        width = rows.shape[1]
        seen = middle[:, width : width + shown.tokens.shape[1]]
        return F.linear(states[:, -1], embed.weight), early[:, :width], seen

    def explain(self, shown: Shown, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits at the answer's places (r, a, vocabulary); early and middle states of what follows the
        image."""
        embed = self.model.model.language_model.embed_tokens
        head, tail, start = self._to(batch.head), self._to(batch.tail), self._to(batch.head_count)[:, None]
        shown = shown.repeat(len(head) // len(shown.tokens))
        x = torch.cat([embed(head), shown.tokens, embed(tail)], dim=1)
        changing = torch.arange(head.shape[1], device=x.device)[None] - head.shape[1] + start
        real = torch.cat([changing >= 0, shown.real, _ones(x, tail.shape[1])], dim=1)
        mask = real[:, None, None] & _causal(x, 0) | torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        place = _place(changing, start, shown, tail.shape[1])
        states, early, middle = read(self.model, x, place, mask, layers=self.layers)
        lead = x.shape[1] - tail.shape[1]
        at = self._to(batch.answer_at)[:, :, None].expand(-1, -1, states.shape[2]) + lead
        return F.linear(states.gather(1, at), embed.weight), early[:, lead:], middle[:, lead:]

    def _words(self, early: Tensor, words: Words) -> Tensor:
        states = _normal(_at(early, self._to(words.at))) * self.gain
        return self.namer.losses(states, self._to(words.objects), self._to(words.tints))

    def _to(self, array: Any) -> Tensor:
        return sent(array, str(self.gain.device))


def _at(states: Tensor, at: Tensor) -> Tensor:
    """states (r, l, hidden) at places (r, w); any state for -1."""
    return states.gather(1, at.clamp(min=0)[:, :, None].expand(-1, -1, states.shape[2]))


def _normal(states: Tensor) -> Tensor:
    return F.rms_norm(states.float(), states.shape[-1:])


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Labels of -1 do not count."""
    return F.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=-1)


def _place(before: Tensor, start: Tensor, shown: Shown, after: int) -> Tensor:
    """Places (3, r, l) as Qwen2.5-VL counts them: an image's tokens start together and spread by row and
    column; what follows goes on after the larger side. start (r, 1): the first place of the image."""
    rows, columns = (shown.spots[..., axis] + start for axis in (0, 1))
    time = start.expand_as(rows)
    rest = start + shown.side + torch.arange(after, device=start.device)[None]
    return torch.stack([torch.cat([before, part, rest], dim=1) for part in (time, rows, columns)])


def _ones(x: Tensor, wide: int) -> Tensor:
    return torch.ones(len(x), wide, dtype=torch.bool, device=x.device)


def _causal(x: Tensor, before: int) -> Tensor:
    wide = x.shape[1]
    return torch.ones(wide, wide + before, dtype=torch.bool, device=x.device).tril(before)[None, None]
