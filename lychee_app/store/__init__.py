"""The data folder: runs, drafts, rows, decisions, replies and uploads, in SQLite and beside it.

    <data folder>/              0700
      lychee.sqlite3 (-wal, -shm)  0600
      uploads/<sha256>          0600, one file per different picture
      running/<token>.lock      held by each process that scores
      moves/                    journals of moved files and of ratings (see decide/ and ratings/)

Knows files and tables. Does not know models, order or pages.
"""

from lychee_app.store.decisions import Step, Undo, UndoStep
from lychee_app.store.drafts import Draft
from lychee_app.store.rows import Rewritten, RunSummary, View
from lychee_app.store.store import Store, moves_folder

__all__ = ["Draft", "Rewritten", "RunSummary", "Step", "Store", "Undo", "UndoStep", "View", "moves_folder"]
