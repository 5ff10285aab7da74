"""Which words of a query the demo says it knows, and which it does not."""

import pytest

from lychee_app import demo
from lychee_app.demo.knowledge import as_explained, as_taught, nearest, understood
from lychee_app.demo.words import associations
from recipe import vocabulary
from recipe.phrases import ADJECTIVES_EN, ADJECTIVES_ZH

# Query; what is known of it; what is not. Answers by hand, names parted by " | ".
TABLE = [
    # objects and colours
    ("cat", "cat", ""),
    ("green sofa", "green | sofa", ""),
    ("绿色沙发 + brass lamp + 手冲咖啡", "绿色 | 沙发 | brass | lamp | 手冲咖啡", ""),
    ("绿色的沙发和黄铜吊灯", "绿色 | 沙发 | 黄铜 | 吊灯", ""),
    ("红苹果、黄香蕉", "红 | 苹果 | 黄 | 香蕉", ""),
    ("天蓝色雨伞", "天蓝色 | 雨伞", ""),
    ("翠绿色的仙人掌", "翠绿色 | 仙人掌", ""),
    ("jet black cat", "jet black | cat", ""),
    ("a crimson kite and a navy boot", "crimson | kite | navy | boot", ""),
    ("emerald ring", "emerald | ring", ""),
    ("red panda", "red | panda", ""),
    ("traffic light", "traffic light", ""),
    ("红绿灯", "红绿灯", ""),
    ("长颈鹿", "长颈鹿", ""),
    ("小狗", "小狗", ""),
    ("T恤", "t恤", ""),
    ("orange", "orange", ""),
    ("和服", "和服", ""),
    # forms
    ("sofas", "sofas", ""),
    ("cats and dogs", "cats | dogs", ""),
    ("coffees", "coffees", ""),
    ("kitchen knives, scarves", "kitchen knives | scarves", ""),
    ("maple leaves", "maple leaves", ""),
    ("strawberries", "strawberries", ""),
    ("tomatoes + buses + foxes", "tomatoes | buses | foxes", ""),
    ("a sock, a glove, a ski", "sock | glove | ski", ""),
    ("ice-cream", "ice-cream", ""),
    ("hotdogs", "hotdogs", ""),
    ("t shirt", "t shirt", ""),
    ("GREEN SOFA", "green | sofa", ""),
    ("the cat's bed", "cat | bed", ""),
    # what says nothing about an image
    ("a photo of a cat on the sofa", "cat | sofa", ""),
    ("please show me some pictures of coffee", "coffee", ""),
    ("一只猫在沙发上的照片", "猫 | 沙发", ""),
    ("一张床、一盏灯、一把雨伞", "床 | 灯 | 雨伞", ""),
    ("请给我找一张有猫的图片", "猫", ""),
    ("这个手机", "手机", ""),
    ("a pair of jeans", "jeans", ""),
    ("a cup of coffee", "cup of coffee", ""),
    # other things
    ("zeppelin", "", "zeppelin"),
    ("dog and zebra crossing", "dog | zebra", "crossing"),
    ("coffee table", "coffee", "table"),
    ("vintage café", "", "vintage | café"),
    ("a glass", "", "glass"),
    ("leaves", "", "leaves"),
    ("咖啡馆", "", "咖啡馆"),
    ("火车站", "", "火车站"),
    ("马路", "", "马路"),
    ("河马", "", "河马"),
    ("火锅", "", "火锅"),
    ("茶几", "", "茶几"),
    ("黑板", "", "黑板"),
    ("红酒", "", "红酒"),
    ("上海", "", "上海"),
    ("窗台上的猫", "猫", "窗台"),
    ("电动汽车", "汽车", "电动"),
    ("白色小狗在草地上", "小狗", "白色 | 草地"),
    ("流浪狗", "狗", "流浪"),
    # other colours, adjectives, numbers, relations
    ("white cat", "cat", "white"),
    ("白猫", "猫", "白"),
    ("橘猫", "猫", "橘"),
    ("orange cat", "cat", "orange"),
    ("咖啡色的沙发", "沙发", "咖啡色"),
    ("粉红色的蛋糕", "蛋糕", "粉红色"),
    ("深绿色沙发", "绿色 | 沙发", "深"),
    ("vintage green sofa", "green | sofa", "vintage"),
    ("复古 green sofa", "green | sofa", "复古"),
    ("a cosy little bed", "bed", "cosy | little"),
    ("可爱的小狗", "小狗", "可爱"),
    ("一张温馨的木床", "床", "温馨 | 木"),
    ("two cats", "cats", "two"),
    ("2 cats", "cats", "2"),
    ("两只猫", "猫", "两只"),
    ("三张椅子", "椅子", "三张"),
    ("cat left of the sofa", "cat | sofa", "left of"),
    ("lamp next to the bed", "lamp | bed", "next to"),
    ("狗在沙发旁边", "狗 | 沙发", "旁边"),
    ("tea without milk", "tea | milk", "without"),
    ("没有灯的床", "灯 | 床", "没有"),
    ("cat or dog", "cat | dog", "or"),
    ("两只猫坐在沙发上", "猫 | 沙发", "两只 | 坐在"),
    ("dog running", "dog", "running"),
    # keyword tags that mean something else
    ("summer", "", "summer"),
    ("beer in summer", "beer", "summer"),
    ("pretty cat", "cat", "pretty"),
    ("中国", "", "中国"),
    # what no list foresees
    ("umberella", "", "umberella"),
    ("🐱", "", "🐱"),
    ("👩‍🚀 + cat", "cat", "👩‍🚀"),
    ("👍🏽 ❤️", "", "👍🏽 | ❤️"),
    ("кошка на диване", "", "кошка | на | диване"),
    ("ネコ", "", "ネコ"),
    ("綠色沙發", "", "綠色沙發"),
    ("cat, cat, CAT", "cat", ""),
    ("sofa + + lamp!!", "sofa | lamp", ""),
    ("“green sofa”", "green | sofa", ""),
    ("iPhone 15", "", "iphone | 15"),
    ("12.5", "", "12.5"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "known", "unknown"), TABLE, ids=[row[0] for row in TABLE])
def test_words_are_told_apart(query: str, known: str, unknown: str) -> None:
    found = understood(query)
    assert " | ".join(found.known) == known
    assert " | ".join(found.unknown) == unknown


def test_every_name_is_known_unless_it_means_something_else() -> None:
    for entry in (*demo.words(), *demo.colours()):
        for word in {entry["en"], entry["zh"], *entry["also"]} - associations():
            assert understood(word).unknown == (), word


def test_no_association_is_known() -> None:
    assert [word for word in associations() if understood(word).known == (word,)] == []


def test_associations_are_those_of_the_recipe_and_no_hand_made_names() -> None:
    assert associations() == set(vocabulary.associations())
    hand_made = {word for item in vocabulary.named_objects() for word in (*item.en, *item.zh)}
    assert not associations() & hand_made


def test_things_that_are_never_drawn_are_unknown() -> None:
    """Some end in a name that is drawn, such as "evergreen tree"; none is known through and through."""
    found = {noun: understood(noun) for nouns in vocabulary.strangers().values() for noun in nouns}
    assert [noun for noun, one in found.items() if one.known and not one.unknown] == []


def test_adjectives_that_changed_no_truth_are_unknown() -> None:
    for adjective in (*ADJECTIVES_EN, *ADJECTIVES_ZH):
        found = understood(adjective)
        assert found.unknown, adjective
        assert not found.known, adjective


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("umberella", "umbrella"),
        ("sofaa", "sofa"),
        ("grean", "green"),
        ("yelow", "yellow"),
        ("great", None),
        ("zeppelin", None),
        ("snow", None),
        ("french", None),
        ("🛋️", "sofa"),
        ("☕", "coffee"),
        ("🐱", None),
        ("cat", None),
        ("猫猫", None),
    ],
)
def test_a_misspelt_word_has_a_nearest_name(word: str, name: str | None) -> None:
    assert nearest(word) == name


@pytest.mark.parametrize(
    ("text", "taught"),
    [
        ("HORSES + Green  Sofas", "horse + green  sofa"),
        ("two cats, a sock", "two cats, a socks"),
        ("天蓝色雨伞和红色的苹果", "天蓝雨伞和红色的苹果"),
        ("an ice-cream; T SHIRTS", "an ice cream; t-shirt"),
        ("复古 zeppelin 🐱", "复古 zeppelin 🐱"),
        ("İ, ẞ and CATS", "İ, ẞ and cats"),
        ("", ""),
    ],
)
def test_known_words_are_sent_as_they_were_taught(text: str, taught: str) -> None:
    assert as_taught(text) == taught


def test_what_was_taught_is_sent_as_it_is() -> None:
    for entry in (*demo.words(), *demo.colours()):
        for word in {entry["en"], entry["zh"], *entry["also"]} - associations():
            assert as_taught(word) == word


@pytest.mark.parametrize(
    ("text", "explained"),
    [
        ("cat on sofa", "cat + sofa"),
        ("a photo of the cats, on a green sofa", "cats + green sofa"),
        ("green sofa + brass lamp", "green sofa + brass lamp"),
        ("a sofa that is green", "sofa + green"),
        ("a slice of pizza", "pizza"),
        ("sofa left of the lamp", "sofa left of + lamp"),
        ("沙发上的猫", "沙发 + 猫"),
        ("绿色的沙发", "绿色沙发"),
        ("有一只猫在沙发上", "猫 + 沙发"),
        ("with the", "with the"),
    ],
)
def test_words_that_say_nothing_are_not_asked_to_be_explained(text: str, explained: str) -> None:
    assert as_explained(text) == explained
