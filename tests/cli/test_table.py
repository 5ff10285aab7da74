"""The terminal's table as it is printed, beside files in golden/ (`pytest --update-golden` renews them)."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from lychee_app import terminal
from lychee_app.locale import Words
from lychee_app.reasons import Reason
from lychee_app.records import Run
from tests.conftest import Golden
from tests.support.rows import explained, row, run_of

NAMED = [(-0.4, "beach/img10.jpg"), (2.5, "beach/img2.jpg"), (-5, "沙滩.png")]
PLAIN = [row(index, margin, name=name) for index, (margin, name) in enumerate(NAMED)]
PAGE = row(3, name="page.jpg", reason=Reason.of("format", kind="html", formats="JPEG, PNG"))
IN_PARTS = [replace(PLAIN[0], elements=(9.5, None)), replace(PLAIN[1], elements=(10.0, 0.04)), PAGE]
RUNS: dict[str, Run] = {
    "judge": run_of([*PLAIN, PAGE], seconds=1.94),
    "elements": run_of(IN_PARTS, elements=("green sofa", "黄铜灯")),
    "explain": run_of(explained([7.5, None, 7.5]), mode="explain"),
    "notes": run_of(
        [
            replace(PLAIN[0], notes=(Reason.of("later-frame", number=3, of=12), Reason.of("dark-ground"))),
            replace(PLAIN[1], notes=(Reason.of("tiles", count=12),)),
            replace(PLAIN[2], notes=(Reason.of("of-a-newer-version", n=1),)),
            PAGE,
        ]
    ),
    "long": run_of([row(0, 1.0, name="[red]bold[/red].jpg"), row(1, 0.5, name="x" * 120)]),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("which", RUNS)
def test_the_table_is_printed_as_it_was(which: str, language: str, golden: Golden) -> None:
    golden(f"{which}.{language}.txt", printed(RUNS[which], Words(language), 80))


def test_in_a_narrow_terminal_names_are_folded_and_nothing_is_lost(golden: Golden) -> None:
    golden("narrow.en.txt", printed(RUNS["judge"], Words("en"), 44))


def printed(run: Run, t: Words, width: int) -> str:
    """`width` in columns."""
    console = Console(file=StringIO(), width=width, force_terminal=False, legacy_windows=False)
    console.print(terminal.table(run, t))
    console.print(terminal.summary(run, len(run.images), t))
    return "".join(line.rstrip() + "\n" for line in console.file.getvalue().splitlines())
