"""The cache of replies in memory: how many are kept."""

from dataclasses import replace

from lychee_app.cache import RecentReplies
from tests.support.rows import key, reply


def test_the_oldest_replies_in_memory_go_first() -> None:
    cache = RecentReplies(bound=2)
    keys = [replace(key(), query=str(number)) for number in range(3)]
    for number, each in enumerate(keys):
        cache.remember({each: reply(margin=float(number))})
    assert [cache.cached(each) is None for each in keys] == [True, False, False]
