"""Copying or moving chosen images of this machine into a folder, with a way back.

    plan -> carry_out -> undo          recover: after a crash, where the files are

Planned first, never overwriting. Every file is written down in a journal before it is touched, so that a move
that a crash cut off can be undone like any other.
"""

from lychee_app.decide.carry_out import carry_out, make
from lychee_app.decide.journal import Done, forget, journals
from lychee_app.decide.plan import THERE, Action, Plan, Step, plan, usable
from lychee_app.decide.recover import recover, undo_and_relocate
from lychee_app.decide.take_back import Undone, undo

__all__ = [
    "THERE",
    "Action",
    "Done",
    "Plan",
    "Step",
    "Undone",
    "carry_out",
    "forget",
    "journals",
    "make",
    "plan",
    "recover",
    "undo",
    "undo_and_relocate",
    "usable",
]
