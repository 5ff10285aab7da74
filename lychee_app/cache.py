"""What a reply depends on, and the cache the flow asks before it asks the model.

`store.Store` is such a cache on disk; `RecentReplies` is one in memory, so that equal images share one
computation even where nothing is stored.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lychee_app.records import Mode, Reply


@dataclass(frozen=True)
class CacheKey:
    """Everything a reply depends on: with equal keys the model would say the same again.

    `width_px` and `height_px` are those of the image as the model sees it: they follow from the token
    budget, and differ where an image was made smaller to fit into memory. The tiles are of the other size, 0
    where there are none. `instruction` is "" and `max_new_tokens` 0 where they do not matter.
    `pixels_version` is that of the intake, which makes pixels of the bytes that `sha256` names.
    """

    sha256: str
    query: str
    mode: Mode
    checkpoint_hash: str
    prompt_version: int
    precision: str
    width_px: int
    height_px: int
    instruction: str
    max_new_tokens: int
    pixels_version: int
    tile_width_px: int = 0
    tile_height_px: int = 0


class ReplyCache(Protocol):
    """Replies already given."""

    def cached(self, key: CacheKey) -> Reply | None: ...

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        """All of them or none: what an image is asked again after a crash must not depend on the moment.

        A model's last bits depend on which queries it is asked together.
        """
        ...


class RecentReplies:
    """The last `bound` replies, in memory."""

    def __init__(self, bound: int = 4096) -> None:
        self._bound = bound
        self._replies: OrderedDict[CacheKey, Reply] = OrderedDict()

    def cached(self, key: CacheKey) -> Reply | None:
        return self._replies.get(key)

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._replies.update(replies)
        while len(self._replies) > self._bound:
            self._replies.popitem(last=False)
