"""How many processes of a cluster decode and how many score, and what each of them takes of it.

Arithmetic only, on what it is told a cluster has, so that it can be tested for machines nobody has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BLOCK_IMAGES = 32
"""At most so many images go from process to process together: what is decoded or scored again with one that
dies."""
_BLOCKS_EACH = 4
"""At least so many blocks for each scorer, so that none stands idle at the end of a short run."""
_LEAST_SHARE = 0.01
"""Of a processor, where more is asked for than there are."""


@dataclass(frozen=True)
class RayOptions:
    """Where a cluster is, and sizes of its pools; None takes what suits it.

    `address` None starts Ray on this machine for as long as this process lives; "auto" is a cluster that runs
    here. `cards`: how many each scorer has, for a model that is larger than one.
    """

    address: str | None = None
    decoders: int | None = None
    scorers: int | None = None
    cards: int = 1


@dataclass(frozen=True)
class Pools:
    """Processes of each kind; processors and cards for each."""

    decoders: int
    scorers: int
    decoder_cpus: float
    scorer_cpus: float
    scorer_cards: int

    def block_images(self, images: int) -> int:
        """How many images a block of a run of so many has."""
        return max(1, min(BLOCK_IMAGES, images // (self.scorers * _BLOCKS_EACH)))


def pools(nodes: Sequence[Mapping[str, float]], *, small: bool, options: RayOptions) -> Pools:
    """nodes: what each has of "CPU" and "GPU". small: an image of the model is one processor's work.

    With cards each scorer takes its own, and all processors decode. Without, a small model is scored on three
    of four processors, a large one by one scorer a machine, on all of its processors but one. Where the
    options ask for more than there is, all run at a share of a processor.
    """
    cpus = sum(node.get("CPU", 0) for node in nodes)
    groups = sum(int(node.get("GPU", 0)) // options.cards for node in nodes)
    if groups:
        scorers, each = options.scorers or groups, 1.0
        decoders = options.decoders or max(1, int(cpus) - scorers)
    elif small:
        decoders = options.decoders or max(1, int(cpus) // 4)
        scorers, each = options.scorers or max(1, int(cpus) - decoders), 1.0
    else:
        most = max((node.get("CPU", 0) for node in nodes), default=1)
        scorers = options.scorers or sum(node.get("CPU", 0) >= most / 2 for node in nodes) or 1
        decoders = options.decoders or len(nodes) or 1
        least = min((node["CPU"] for node in nodes if node.get("CPU", 0) >= most / 2), default=1)
        each = max(1.0, least - 1)
    share = min(1.0, max(_LEAST_SHARE, cpus / (decoders + scorers * each)))
    return Pools(decoders, scorers, share, each * share, options.cards if groups else 0)
