"""The packed material of the recipe: art, rendered words, unknown nouns and the tokenizer, made once and
cached."""

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from lychee_app.demo.words import WORDS_FILE, colours, words
from lychee_app.errors import UsageError
from recipe.fetch import HELD_OUT_ART, TRAINED_ART, fetch
from recipe.pack import (
    FONTS,
    Art,
    Glyphs,
    load_art,
    load_glyphs,
    pack_art,
    pack_glyphs,
    save_arrays,
)
from recipe.phrases import ADJECTIVES_EN, ADJECTIVES_ZH, COUNTERS_ZH, Phrases, explanation
from recipe.scenes import Look, random_scenes
from recipe.tokens import SPECIAL, train_tokenizer
from recipe.vocabulary import STRANGERS_FILE, build_words, unknown_nouns

_FILES = ("trained.npz", "held_out.npz", "glyphs.npz", "tokenizer.json")
_TEXTS = 60_000
_MARKS = re.compile("|".join(re.escape(token) for token in SPECIAL))


@dataclass(frozen=True)
class Material:
    art: Art
    glyphs: Glyphs
    look: Look
    phrases: Phrases
    tokenizer: Tokenizer


def load_material(build: Path, held_out: bool = False) -> Material:
    """Opens the packed material, making first what is missing. `held_out` swaps in the art kept from
    training. Raises UsageError where what it is made with is missing, DownloadError."""
    folder = build / "material"
    if not all((folder / name).exists() for name in _FILES):
        _check_tools()
        make_material(fetch(build), folder)
    art = load_art(folder / ("held_out.npz" if held_out else "trained.npz"))
    glyphs = load_glyphs(folder / "glyphs.npz")
    look = Look(art.present, art.natural, art.shades, glyphs.objects, glyphs.widths)
    return Material(art, glyphs, look, Phrases.known(), Tokenizer.from_file(str(folder / "tokenizer.json")))


def make_material(modules: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    WORDS_FILE.write_text(
        json.dumps(build_words(modules), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    save_arrays(folder / "trained.npz", pack_art(modules, TRAINED_ART))
    save_arrays(folder / "held_out.npz", pack_art(modules, HELD_OUT_ART))
    save_arrays(folder / "glyphs.npz", pack_glyphs())
    unknown = {lang: unknown_nouns(modules, lang) for lang in ("en", "zh")}
    STRANGERS_FILE.write_text(json.dumps(unknown, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    plain = (_MARKS.sub(" ", text) for text in _texts(folder, unknown))
    train_tokenizer(plain).save(str(folder / "tokenizer.json"))


def _check_tools() -> None:
    """Before minutes of fetching and packing, not after."""
    if importlib.util.find_spec("resvg_py") is None:
        message = (
            'Some of the art is SVG, and resvg_py, which draws it, is missing. pip install -e ".[recipe]"'
        )
        raise UsageError("as-told", text=message)
    missing = [font for font in FONTS if not Path(font).exists()]
    if missing:
        message = f"Fonts are missing: {', '.join(missing)}. apt install fonts-noto-cjk fonts-dejavu"
        raise UsageError("as-told", text=message)


def _texts(folder: Path, unknown: dict[str, list[str]]) -> Iterator[str]:
    """What the tokenizer learns from: both prompts, the words, queries and explanations of random scenes."""
    from lychee_app.prompt import explain_messages, judge_messages
    from recipe.batches import rendered, seen_in

    yield from ["yes", "no", "Score", " Score", rendered(judge_messages("cat"))] * 20_000
    for query, lang in (("cat", "en"), ("猫", "zh")):
        yield from [rendered(explain_messages(query, lang))] * 20_000
    yield from [*ADJECTIVES_EN, *ADJECTIVES_ZH, *COUNTERS_ZH, *unknown["en"], *unknown["zh"]] * 3
    yield from [
        word for entry in (*words(), *colours()) for word in (entry["en"], entry["zh"], *entry["also"])
    ] * 20
    art, glyphs, random = (
        load_art(folder / "trained.npz"),
        load_glyphs(folder / "glyphs.npz"),
        np.random.default_rng(5),
    )
    look = Look(art.present, art.natural, art.shades, glyphs.objects, glyphs.widths)
    phrases, scenes = Phrases.known(), random_scenes(random, _TEXTS, (8, 8), look)
    for index in range(_TEXTS):
        seen = seen_in(scenes, index, look)
        query, elements = phrases.query(random, seen)
        yield query
        yield explanation(phrases, query, elements, seen)
