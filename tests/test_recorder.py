"""How a run is written down: whatever becomes of it, the log has it first."""

from collections.abc import Mapping

from lychee_app.cache import CacheKey
from lychee_app.errors import StoreError
from lychee_app.recorder import Forgiving, Unkept
from lychee_app.records import Reply
from tests.support.rows import key, reply


class Disk(Unkept):
    """A log on a disk that fails once `room` calls are used up."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def cached(self, key: CacheKey) -> Reply | None:
        self._use()
        return super().cached(key)

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._use()
        super().remember(replies)

    def _use(self) -> None:
        self.room -= 1
        if self.room < 0:
            raise StoreError("the disk is full", code="store-full")


def test_a_disk_that_works_is_what_answers() -> None:
    disk, told = Disk(99), []
    disk.remember({key(): reply(margin=1.0)})
    cache = Forgiving(disk, told.append)
    assert cache.cached(key()) == reply(margin=1.0)
    cache.remember({key(query="new"): reply(margin=2.0)})
    assert disk.cached(key(query="new")) == reply(margin=2.0)
    assert (cache.works, told) == (True, [])


def test_a_disk_that_fails_is_told_once_and_memory_goes_on() -> None:
    told: list[StoreError] = []
    cache = Forgiving(Disk(2), told.append)
    for number in range(4):
        cache.remember({key(query=str(number)): reply(margin=float(number))})
    assert [cache.cached(key(query=str(number))) for number in range(4)] == [
        reply(margin=float(number)) for number in range(4)
    ]
    assert not cache.works
    assert [str(error) for error in told] == ["the disk is full"]


def test_a_disk_that_cannot_be_read_is_no_answer() -> None:
    told: list[StoreError] = []
    cache = Forgiving(Disk(0), told.append)
    assert cache.cached(key()) is None
    assert len(told) == 1
