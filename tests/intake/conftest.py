"""Files through the real intake, as candidates or as the codes of their reasons."""

from collections.abc import Iterable

from lychee_app import intake
from lychee_app.records import Candidate, ImageBudget, Refused, Source
from lychee_app.settings import Settings

BUDGET = ImageBudget(28)


def prepared(
    files: Iterable[bytes], settings: Settings, budget: ImageBudget = BUDGET
) -> list[Candidate | Refused]:
    sources = [Source(f"{index}.img", data) for index, data in enumerate(files)]
    return list(intake.prepare(enumerate(sources), budget, settings))


def codes(files: Iterable[bytes], settings: Settings) -> list[str]:
    return [item.code if isinstance(item, Refused) else "" for item in prepared(files, settings)]
