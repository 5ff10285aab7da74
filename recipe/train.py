"""python -m recipe.train: the whole recipe, from nothing to a checkpoint.

Fetches and packs the material if missing, then teaches in five lessons: naming single sprites; naming what
each image token of a scene shows; yes or no and the explanation about what is seen; all of it together; and
without the helpers, with more weight on saying the same of the same query in other words. It writes the
checkpoint after each lesson, and with `--finish` all else that the demo is made of: the art for measuring,
the gallery, and the card with the measured figures. The seed fixes weights, scenes and texts of each worker;
with several workers it does not fix the order they arrive in, nor how many fit into the minutes.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model

from lychee_app.demo import CHECKPOINT
from lychee_app.errors import LycheeError
from recipe import build_gallery
from recipe.batches import BatchMaker
from recipe.checkpoint import save_checkpoint, written
from recipe.feeding import feeder, keep_freed_memory
from recipe.fetch import BUILD_FOLDER, HELD_OUT_ART, fetch
from recipe.learning import Pupil, make_constants
from recipe.material import Material, load_material
from recipe.network import Layers, new_model
from recipe.painting import TensorPainter
from recipe.scenes import grid_for
from recipe.seeing import Namer, SceneMaker, Viewer
from recipe.specimens import save_art, save_glyphs
from recipe.sprites import SpriteMaker
from recipe.teaching import Lesson, lessons, teach
from recipe.tokens import SPECIAL, read_tokenizer


def main(arguments: list[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.finish and options.out != CHECKPOINT:
        parser.error(
            "--finish is for the packaged checkpoint: its card is measured on that. Leave --out away."
        )
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    material = load_material(options.build)
    if options.weights:  # its embedding stands for the tokens of its own
        material = replace(material, tokenizer=read_tokenizer(options.weights))
    pupil = _new_pupil(material, options)
    state = options.build / "state.safetensors"
    if options.weights:
        pupil.model.load_state_dict(written(options.weights))
    elif options.start > 0:
        load_model(pupil, state)
    for lesson in lessons(options.minutes, options.scale, options.pace)[options.start : options.stop]:
        _teach(lesson, pupil, material, options, lambda: save_model(pupil, str(state)))
        save_model(pupil, str(state))
        save_checkpoint(pupil.model, material.tokenizer, options.out)
    if options.finish:
        _finish(material, options.build)


def _finish(material: Material, build: Path) -> None:
    """The rest of the package's demo: the art that is measured with, the gallery, and the card. Needs npm."""
    save_art(material.art, "trained")
    save_art(load_material(build, held_out=True).art.only(HELD_OUT_ART[0].name), "held-out")
    save_glyphs(material.glyphs)
    build_gallery.build(fetch(build))
    subprocess.run([sys.executable, "-m", "benchmarks.demo_card"], check=True)  # benches stand above us


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recipe.train", description=__doc__)
    parser.add_argument("--build", type=Path, default=BUILD_FOLDER, help="where material and state are kept")
    parser.add_argument("--out", type=Path, default=CHECKPOINT, help="where the checkpoint goes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=22.0, help="for all lessons together")
    parser.add_argument("--scale", type=float, default=16, help="batch size, in units fit for a CPU core")
    parser.add_argument(
        "--start", type=int, default=0, help="first lesson; later ones go on from the kept state"
    )
    parser.add_argument("--stop", type=int, default=5, help="the lesson not begun any more")
    parser.add_argument("--pace", type=float, default=1.0, help="all learning rates times this")
    parser.add_argument("--weights", type=Path, help="a checkpoint to go on from, instead of the kept state")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--threads", type=int, default=1, help="of the learning process, on a CPU")
    parser.add_argument(
        "--compiled", action=argparse.BooleanOptionalAction, default=torch.cuda.is_available(),
        help="compile the layers (worth it for more than a minute on a card)",
    )  # fmt: skip
    parser.add_argument("--finish", action="store_true", help="then also make art, gallery and card anew")
    parser.add_argument("--small", action="store_true", help="a toy model, to try the recipe itself")
    return parser


def _new_pupil(material: Material, options: argparse.Namespace) -> Pupil:
    special = {token: material.tokenizer.encode(token).ids[0] for token in SPECIAL}
    model = new_model(material.tokenizer.get_vocab_size(), special, small=options.small)
    namer = Namer(model.model.language_model.norm.weight.shape[0], material.art.sprites.shape[1])
    constants = make_constants(_batch_maker(material, 0), options.device)
    pupil = Pupil(model, namer, constants).to(options.device)
    if options.compiled:
        pupil.layers = Layers.compiled()
    return pupil


def _batch_maker(material: Material, seed: int) -> BatchMaker:
    return BatchMaker(material.tokenizer, material.phrases, material.look, seed)


def _teach(
    lesson: Lesson, pupil: Pupil, material: Material, options: argparse.Namespace, keep: Callable[[], None]
) -> None:
    painter = TensorPainter(material.art, material.glyphs, options.device)
    viewer = Viewer(painter, material.art.sprites.shape[1])
    if lesson.name == "sprites":
        sprites = SpriteMaker(material.art, options.device)
        teach(lesson, pupil, viewer, lambda: sprites.make(lesson.sizes.scenes), keep)
        return

    def make(number: int) -> Callable[[], Any]:
        seed = options.seed * 1000 + 100 * len(lesson.name) + number
        if lesson.name == "see":
            scenes = SceneMaker(material.look, seed)
            return lambda: scenes.make(lesson.sizes.scenes)
        batches = _batch_maker(material, seed)
        return lambda: batches.make(lesson.sizes)

    grid_for(100, 100)  # imports what the workers would each import
    with feeder(make, options.workers) as following:
        teach(lesson, pupil, viewer, following, keep)


if __name__ == "__main__":
    try:
        main()
    except LycheeError as error:
        sys.exit(str(error))
