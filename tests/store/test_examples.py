"""An uploaded example image stays as long as a run names it."""

from lychee_app.engines.example import example_at
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import picture
from tests.support.rows import request_of, run_of


def test_an_uploaded_example_goes_with_the_last_run_that_names_it(settings: Settings) -> None:
    with Store.open(settings.data_folder) as store:
        path = store.upload(store.keep(picture()))
        request = request_of(like=example_at(path, settings, "my.png"))
        for name in "ab":
            store.create(run_of([], id=name, request=request))
            store.finish(name, "done", 1.0, 0)
        store.delete("a")
        assert path.exists()
        assert store.load("b").request == request
        store.delete("b")
        assert not path.exists()
