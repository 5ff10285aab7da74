"""The example images of a request, as the judge at hand sees them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from lychee_app import demo, intake
from lychee_app.domain import Curve
from lychee_app.errors import ImageError, ScoringError, UsageError
from lychee_app.likeness import Seen, Usual
from lychee_app.records import Candidate, ImageBudget, Refused, Reply, Scorer, ScorerInfo, Source
from lychee_app.request import Example, Request
from lychee_app.settings import Settings

VERSION = 1
"""Part of the cache key. Raise it whenever a likeness would come out otherwise."""
CHECKED = ImageBudget(token_px=32, max_tokens=64, most_tiles=0)
"""Of an example when it is given, whoever will judge."""
USUAL_TOKENS = 64
"""Of each picture that tells what is usual: 32 of them are looked at before the first comparison."""


def example_at(path: str | os.PathLike[str], settings: Settings, name: str = "") -> Example:
    """A file of this machine as an example. `name`: as it is shown, where that is not the file's own. Raises
    UsageError where it is not there, or cannot be shown to a judge: it is decoded as every image is."""
    found = Path(os.path.abspath(os.path.expanduser(path)))
    try:
        data = found.read_bytes()
    except FileNotFoundError as error:
        raise UsageError("example-missing", path=str(found)) from error
    except IsADirectoryError as error:
        raise UsageError("example-folder", path=str(found)) from error
    except OSError as error:
        detail = error.strerror or str(error)
        raise UsageError("example-unreadable", name=name or found.name, detail=detail) from error
    (seen,) = intake.prepare([(0, Source(found.name, data=data))], CHECKED, settings)
    if isinstance(seen, Refused):
        raise UsageError("example-unreadable", name=name or found.name, detail=str(seen.reason))
    shown = name or intake.same_name_safe(found.name, is_of_this_system=True)
    return Example(shown, seen.sha256, str(found))


def require(request: Request) -> None:
    """Raises UsageError where an example is gone."""
    for example in request.examples:
        if not Path(example.path).is_file():
            raise UsageError("example-gone", name=example.name, path=example.path)


@dataclass(frozen=True)
class Models:
    """What a run compares its images with. `curve` makes a score of a likeness where one was fitted."""

    usual: Usual
    seen: dict[str, Seen]
    """By content of the example."""
    curve: Curve | None
    budget: ImageBudget

    def key(self, example: Example) -> str:
        """What stands in the cache for the query: no query has such a character."""
        return f"\0like {VERSION} {self.budget.max_tokens} {example.sha256}"

    def replies(
        self, candidate: Candidate, examples: Sequence[Example], scorer: Scorer
    ) -> dict[Example, Reply]:
        """To each example the likeness of the view of the candidate that is most like it."""
        views = [_shown(candidate, image) for image in (candidate.image, *candidate.tiles)]
        seen = [self.usual.seen(scorer.look(view)) for view in views]
        told = {}
        for example in examples:
            shares = [self._share(example, view) for view in seen]
            tile = max(range(len(shares)), key=shares.__getitem__)
            tokens = views[tile].tokens(self.budget.token_px)
            told[example] = Reply(
                query=example.name, mode="judge", text="", logit_yes=None, logit_no=None, yes_id=-1, no_id=-1,
                generated_ids=(), prompt="", prompt_tokens=0, image_tokens=tokens, seconds=0.0, tile=tile,
                likeness=shares[tile],
            )  # fmt: skip
        return told

    def _share(self, example: Example, view: Seen) -> float:
        found = self.seen[example.sha256].found_in(view)
        return self.curve(found) if self.curve else found


def models_of(
    request: Request, scorer: Scorer, budget: ImageBudget, curve: Curve | None, settings: Settings
) -> Models:
    """Looks at the examples. Raises UsageError where one is gone, is another image by now, or is none."""
    usual = _usual(scorer, settings)
    require(request)
    seen = {}
    for example in request.examples:
        source = Source(example.name, path=Path(example.path))
        try:
            candidate = intake.reread((0, source), example.sha256, budget, settings)
            seen[example.sha256] = usual.seen(scorer.look(_shown(candidate, candidate.image)))
        except (ImageError, ScoringError) as error:
            raise UsageError("example-unreadable", name=example.name, detail=str(error)) from error
    return Models(usual, seen, curve, budget)


def _shown(candidate: Candidate, view: Image.Image) -> Candidate:
    """As the model is given it: one view of it."""
    return replace(candidate, image=view, tiles=())


def usual_of(scorer: Scorer, settings: Settings) -> Usual:
    """What is usual to this judge: of the pictures of the demo gallery, which every installation has."""
    folder = Path(demo.__file__).with_name("gallery")
    budget = scorer.info.budget.at_most(USUAL_TOKENS)
    files = sorted(folder.glob("*.webp"))
    sources = [(place, Source(path.name, path=path)) for place, path in enumerate(files)]
    seen = (one for one in intake.prepare(sources, budget, settings) if isinstance(one, Candidate))
    return Usual.of([scorer.look(one) for one in seen])


_kept: dict[ScorerInfo, Usual] = {}


def _usual(scorer: Scorer, settings: Settings) -> Usual:
    """That of the last judge is kept."""
    if scorer.info not in _kept:
        usual = usual_of(scorer, settings)
        _kept.clear()
        _kept[scorer.info] = usual
    return _kept[scorer.info]
