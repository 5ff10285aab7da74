"""How a cluster is shared out between decoders and scorers: arithmetic, for machines nobody has."""

import pytest

from lychee_app.engines.pools import Pools, RayOptions, pools

CARDS = {"CPU": 32.0, "GPU": 2.0}
PLAIN = {"CPU": 8.0}


@pytest.mark.parametrize(
    ("nodes", "small", "options", "expected"),
    [
        ([CARDS], False, RayOptions(), Pools(30, 2, 1, 1, 1)),
        ([CARDS, CARDS], False, RayOptions(), Pools(60, 4, 1, 1, 1)),
        ([CARDS, PLAIN], True, RayOptions(), Pools(38, 2, 1, 1, 1)),
        ([CARDS, CARDS], False, RayOptions(cards=2), Pools(62, 2, 1, 1, 2)),
        ([CARDS], False, RayOptions(scorers=1, decoders=6), Pools(6, 1, 1, 1, 1)),
        ([PLAIN], True, RayOptions(), Pools(2, 6, 1, 1, 0)),
        ([PLAIN, PLAIN], False, RayOptions(), Pools(2, 2, 1, 7, 0)),
        ([{"CPU": 1.0}], True, RayOptions(), Pools(1, 1, 0.5, 0.5, 0)),
        ([PLAIN], True, RayOptions(scorers=12, decoders=4), Pools(4, 12, 0.5, 0.5, 0)),
    ],
)
def test_every_card_has_a_scorer_and_processors_are_shared_out(
    nodes: list[dict[str, float]], small: bool, options: RayOptions, expected: Pools
) -> None:
    assert pools(nodes, small=small, options=options) == expected


@pytest.mark.parametrize("nodes", [[PLAIN], [PLAIN] * 3, [CARDS], [{"CPU": 2.0}, {"CPU": 64.0}]])
@pytest.mark.parametrize("small", [True, False])
def test_no_more_is_asked_for_than_there_is(nodes: list[dict[str, float]], small: bool) -> None:
    found = pools(nodes, small=small, options=RayOptions())
    wanted = found.decoders * found.decoder_cpus + found.scorers * found.scorer_cpus
    assert wanted <= sum(node["CPU"] for node in nodes) + 1e-9


def test_blocks_are_small_enough_for_every_scorer_to_have_some_and_never_large() -> None:
    found = Pools(4, 2, 1, 1, 0)
    assert [found.block_images(images) for images in (1, 16, 80, 100_000)] == [1, 2, 10, 32]
