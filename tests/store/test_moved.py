"""What somebody moved in a sorting is remembered with the run."""

from pathlib import Path

import pytest

from lychee_app.store import Store
from tests.support.rows import row, run_of


def test_the_last_move_of_an_image_holds_and_goes_with_its_run(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.create(run_of([row(0, 1.0), row(1, 2.0)], id="r"))
        store.move("r", 0, "team")
        store.move("r", 0, "")
        store.move("r", 1, "team")
        assert store.moved("r") == {0: "", 1: "team"}
        with pytest.raises(LookupError):
            store.move("r", 2, "team")
        store.finish("r", "done", 1.0, 0)
        store.delete("r")
        assert store.moved("r") == {}
