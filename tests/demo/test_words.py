"""What the demo says it knows."""

import json
import re

from lychee_app import demo
from lychee_app.query import elements, language
from recipe.phrases import Phrases, Seen
from recipe.vocabulary import strangers


def test_every_object_has_a_code_an_english_and_a_chinese_name() -> None:
    for entry in demo.words():
        assert set(entry) == {"hexcode", "en", "zh", "also"}
        assert re.fullmatch(r"[0-9A-F-]+", entry["hexcode"])
        assert language(entry["en"]) == "en"
        assert language(entry["zh"]) == "zh"
        assert all(isinstance(word, str) and word for word in entry["also"])


def test_the_words_are_many_and_can_be_written_as_json() -> None:
    assert len(demo.words()) >= 256
    assert len(demo.colours()) == 6
    assert json.loads(json.dumps([*demo.words(), *demo.colours()])) == [*demo.words(), *demo.colours()]


def test_a_name_belongs_to_one_object() -> None:
    for lang in ("en", "zh"):
        names = [entry[lang] for entry in demo.words()]
        assert len(set(names)) == len(names)


def test_no_word_falls_apart_when_a_query_is_split() -> None:
    for entry in demo.words():
        for word in (entry["en"], entry["zh"], *entry["also"]):
            assert elements(word) == (word,)


def test_what_is_never_drawn_is_no_known_word() -> None:
    known = {word for entry in demo.words() for word in (entry["en"], entry["zh"], *entry["also"])}
    assert not known & {noun for nouns in strangers().values() for noun in nouns}


def test_a_changed_copy_changes_nothing() -> None:
    demo.words()[0]["en"] = "nothing"
    assert demo.words()[0]["en"] != "nothing"


def test_the_gallery_query_is_made_of_known_words() -> None:
    known = {word for entry in demo.words() for word in (entry["en"], entry["zh"], *entry["also"])}
    for element in elements(demo.GALLERY_QUERY):
        assert any(element.endswith(word) for word in known), element


def test_truth_follows_object_and_colour() -> None:
    import numpy as np

    random, phrases = np.random.default_rng(0), Phrases.known()
    cat = next(number for number, entry in enumerate(demo.words()) if entry["en"] == "cat")
    red_cat = Seen((cat,), (0,), ((0.5,) * 6,), ())
    values = [phrases.element(random, red_cat, cat, "en", tint) for tint in (-1, 0, 2)]
    assert [element.value for element in values if element] == [1.0, 1.0, 0.5]
    assert phrases.element(random, Seen((), (), (), (cat,)), cat, "zh", -1).value == 0.0  # type: ignore[union-attr]


def test_a_natural_colour_that_is_undecided_is_never_asked() -> None:
    import numpy as np

    seen = Seen((0,), (-1,), ((float("nan"),) * 6,), ())
    assert Phrases.known().element(np.random.default_rng(0), seen, 0, "en", 1) is None
