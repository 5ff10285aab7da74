"""Families of models by the `model_type` of their config, and what a family must bring.

Everything else in `model/` is of no family: checkpoints and downloads, loading and placing, prompts and token
ids, the scorer, the packed passes with their key-value cache, recorded CUDA graphs, generation, kernels. It
takes for granted what transformers gives both families: a model with `model.visual`, `model.language_model`,
`lm_head` (tied or not), `config.image_token_id` and `config.vision_config.spatial_merge_size`; and the rotary
positions of one still image, which have not changed since Qwen2-VL (positions.py).

An embedded image is one tensor for every family, (levels, tokens, hidden): level 0 takes the place of the
image tokens, and level i + 1 is added to them after text layer i (DeepStack, arXiv 2406.04334). A family
without DeepStack has one level.

A new family is a folder with a `FAMILY` and a line in `_FOLDERS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lychee_app.errors import CheckpointError
from lychee_app.model.layout import PixelLayout

if TYPE_CHECKING:  # torch takes a second to import, and a list of checkpoints needs none of it
    from torch import Tensor

    from lychee_app.model.elementwise import ElementwiseOps
    from lychee_app.model.positions import Grid
    from lychee_app.model.reference import Reference
    from lychee_app.model.text import TextModel

_FOLDERS = {"qwen2_5_vl": "lychee_app.model.qwen2_5_vl", "qwen3_vl": "lychee_app.model.qwen3_vl"}


@dataclass(frozen=True)
class Release:
    """A published checkpoint that the model catalogue names. `alias` is what a user may type for it.

    `numbers`: how many weights it has in the matrices of the text layers, in embedding table and output head,
    and in the rest. `is_reranker`: it was trained to judge, so it can be advised.
    """

    repository: str
    weight_bytes: int
    numbers: tuple[int, int, int]
    alias: str = ""
    is_reranker: bool = True

    @property
    def name(self) -> str:
        return self.alias or self.repository


class VisionTower(Protocol):
    """Patches of one image -> its embedding, fast. Launches the same work for every image of one size."""

    def plan(self, grid: "Grid") -> Any:
        """What depends on the size alone, on the device; it is kept and handed to the calls that follow."""
        ...

    def __call__(self, patches: "Tensor", plan: Any) -> "Tensor":
        """patches: (patches, channels * frames * patch * patch), the model's precision -> (levels, tokens,
        hidden of the text)."""
        ...


class Family(Protocol):
    """Importing a family's folder imports neither torch nor transformers; its methods may."""

    @property
    def label(self) -> str:
        """What people call it, such as Qwen2.5-VL."""
        ...

    @property
    def releases(self) -> tuple[Release, ...]:
        """For the catalogue; the first is named where a checkpoint of another kind is refused."""
        ...

    @property
    def image_token_id(self) -> int:
        """What a config that does not say it means."""
        ...

    @property
    def pixels(self) -> PixelLayout:
        """What a preprocessor file that leaves something out means."""
        ...

    def model_class(self) -> Any:
        """transformers' class for `from_pretrained`; `config_class` is its configuration's."""
        ...

    def runs_fast(self, config: Any) -> bool:
        """Whether the two towers below compute what this configuration asks for."""
        ...

    def vision(self, visual: Any, ops: "ElementwiseOps") -> VisionTower:
        """On transformers' vision module (or the skeleton's), whose matrices may be joined in place."""
        ...

    def text(self, language: Any, ops: "ElementwiseOps") -> "TextModel":
        """On transformers' language module (or the skeleton's), whose matrices may be joined in place."""
        ...

    def skeleton(self, config: Mapping[str, Any]) -> Any:
        """config.json -> modules named as transformers names them, without a forward (skeleton.py).

        Raises KeyError, TypeError, ValueError or AttributeError for a config it does not know.
        """
        ...

    def reference(self, model: Any, folder: Path) -> "Reference":
        """The published usage on transformers' model: for tests and benches."""
        ...


def family_of(model_type: object, holder: object = "config.json") -> Family:
    """Raises CheckpointError, naming the families that work. `holder`: what to call that which is of it."""
    if not isinstance(model_type, str) or model_type not in _FOLDERS:
        working = ", ".join(f"{each.label} ({each.releases[0].repository})" for each in families())
        raise CheckpointError("architecture", holder=str(holder), kind=str(model_type), families=working)
    return _family(_FOLDERS[model_type])


def families() -> tuple[Family, ...]:
    return tuple(map(_family, _FOLDERS.values()))


def is_known(model_type: object) -> bool:
    return isinstance(model_type, str) and model_type in _FOLDERS


def _family(folder: str) -> Family:
    return import_module(folder).FAMILY
