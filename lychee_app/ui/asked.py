"""What a run asked, and when: enough to tell two runs of the same query apart."""

from lychee_app.records import Run
from lychee_app.store import RunSummary
from lychee_app.ui.shown import escaped
from lychee_app.ui.words import Words


def heading(t: Words, run: Run | RunSummary) -> str:
    """HTML of one line: the title, the query where it is another text, and what was not wanted."""
    title = run.title or run.query
    query = f" <code>{escaped(run.query)}</code>" if title != run.query else ""
    minus = f" {escaped(t('sent.not'))} <code>{escaped(run.not_text)}</code>" if run.not_text else ""
    return f"{escaped(title)}{query}{minus}"


def facts(t: Words, run: Run | RunSummary) -> list[str]:
    """When, by which model, in which mode."""
    return [t.when(run.created), t.model(run.model), t(f"mode.{run.mode}")]
