import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app import query
from lychee_app.errors import QueryError


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("请帮我找一张 Black Cat 的图片", "black cat"),
        ("find me a photo of a black cat, please", "black cat"),
        ("Could you show me pictures of Dogs and cats", "dogs and cats"),
        ("找几张红色的苹果图片", "红色的苹果"),
        ("复古绿皮沙发 +  黄铜吊灯 + 手冲咖啡", "复古绿皮沙发 + 黄铜吊灯 + 手冲咖啡"),
        ("挑战者号航天飞机", "挑战者号航天飞机"),
        ("选举海报", "选举海报"),
        ("来自中国的茶", "来自中国的茶"),
        ("一只black cat，趴在木质窗台上", "一只black cat，趴在木质窗台上"),
        ("the cat\u202e\x00 sat\t here", "the cat sat here"),
    ],
)
def test_what_is_sent_keeps_the_noun_phrases(typed: str, sent: str) -> None:
    assert query.clean(typed) == sent


@pytest.mark.parametrize(
    "thing",
    [
        "see saw",
        "get well card",
        "show jumping horse",
        "give way sign",
        "pick axe",
        "pick up truck",
        "pick me up coffee",
        "search and rescue dog",
        "help me sign",
        "searchlight",
        "findings on a whiteboard",
        "来宾签到台",
        "请来宾入座的牌子",
        "挑战者号航天飞机",
        "请勿触摸标志",
        "帮忙的志愿者",
        "给我们唱歌的女孩",
        "给我的信",
        "我想你",
        "我要求退款的牌子",
        "搜救犬",
        "要塞",
        "老照片",
        "黑白照片墙",
        "毕业照片",
        "卫星图片",
    ],
)
def test_a_thing_that_begins_or_ends_like_a_request_is_sent_whole(thing: str) -> None:
    assert query.clean(thing) == thing


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("find red car", "red car"),
        ("find me a photo of a black cat", "black cat"),
        ("find a photo with a dog", "dog"),
        ("search for a red car", "red car"),
        ("search for red cars", "red cars"),
        ("look for the moon", "moon"),
        ("show me dogs", "dogs"),
        ("show a see saw", "see saw"),
        ("Show me a pick axe", "pick axe"),
        ("show pictures of cats", "cats"),
        ("give me some photos of cats", "cats"),
        ("give photos of cats", "cats"),
        ("get me the red one", "red one"),
        ("pick all photos with a dog", "dog"),
        ("see the sea", "sea"),
        ("please show red cars", "red cars"),
        ("I want to see dogs", "dogs"),
        ("could you please help me find a see saw, please", "see saw"),
        ("find get well card", "get well card"),
        ("给我红色的车", "红色的车"),
        ("我要红色沙发", "红色沙发"),
        ("我想要一张猫的照片", "猫"),
        ("我想找黑猫", "黑猫"),
        ("请找黑猫", "黑猫"),
        ("请来一张猫的图", "猫"),
        ("来几张猫的图片", "猫"),
        ("帮我选手机壳的图片", "手机壳"),
        ("帮我们找一张黑猫的照片", "黑猫"),
        ("帮我找一张老照片", "老照片"),
        ("麻烦你帮我挑选出有狗的图片", "有狗"),
        ("能不能帮我找几张红苹果图片", "红苹果"),
    ],
)
def test_words_that_ask_are_not_sent(typed: str, sent: str) -> None:
    assert query.clean(typed) == sent


def test_each_step_can_be_switched_off() -> None:
    typed = "Find me a  Black Cat"
    assert query.clean(typed, query.Steps(lower_case=False)) == "Black Cat"
    assert query.clean(typed, query.Steps(drop_filler=False)) == "find me a black cat"
    assert query.clean(typed, query.Steps(False, False, False)) == typed


def test_a_query_of_filler_words_only_is_sent_as_it_is() -> None:
    assert query.clean("图片") == "图片"


@pytest.mark.parametrize("typed", ["", "  \n", "\x00\u200b", "。，！", "+", " ＋ = ", "x" * 2001])
def test_nothing_to_look_for_is_refused_with_what_to_do(typed: str) -> None:
    with pytest.raises(QueryError, match=r"Say in a few words|Shorten it"):
        query.clean(typed)


@pytest.mark.parametrize(
    ("sent", "parts"),
    [
        ("绿色沙发 + brass lamp + 手冲咖啡", ("绿色沙发", "brass lamp", "手冲咖啡")),
        ("sofa, lamp、coffee；book;pen", ("sofa", "lamp", "coffee", "book", "pen")),
        ("sofa and lamp", ("sofa", "lamp")),
        ("猫和狗与鸟", ("猫", "狗", "鸟")),
        ("穿和服的女人和狗", ("穿和服的女人", "狗")),
        ("island sandwich", ("island sandwich",)),
        ('"salt and pepper", table', ("salt and pepper", "table")),
        ("「盐和胡椒」和桌子", ("盐和胡椒", "桌子")),
        ("sofa + + sofa +", ("sofa",)),
        ("cat和dog", ("cat", "dog")),
        ("埃及金字塔", ("埃及金字塔",)),
    ],
)
def test_a_query_splits_into_its_elements(sent: str, parts: tuple[str, ...]) -> None:
    assert query.elements(sent) == parts


@pytest.mark.parametrize(
    ("sent", "parts"),
    [
        ("1,000 birds", ()),
        ("over 12,345,678 stars,a moon", ("over 12,345,678 stars", "a moon")),
        ("3 cats,200 dogs", ("3 cats", "200 dogs")),
    ],
)
def test_a_comma_within_a_number_splits_nothing(sent: str, parts: tuple[str, ...]) -> None:
    assert query.elements(sent) == (parts or (sent,))


def test_elements_past_the_bound_stay_in_the_last_one() -> None:
    parts = query.elements(" + ".join(f"w{n}" for n in range(20)))
    assert len(parts) == query.MAX_ELEMENTS
    assert parts[-1].endswith("w19")


def test_a_question_of_one_element_judges_no_parts() -> None:
    assert query.ask("black cat").parts == ()
    assert query.ask("cat + dog", "night").parts == ("cat", "dog", "night")
    assert query.ask("cat + dog", parts=()).parts == ()


@given(st.text(max_size=2200))
def test_any_text_is_sent_clean_or_refused(typed: str) -> None:
    try:
        sent = query.clean(typed)
    except QueryError:
        return
    assert sent.strip()
    assert "\x00" not in sent
    assert len(query.elements(sent)) <= query.MAX_ELEMENTS


@given(st.text(max_size=300))
def test_cleaning_twice_changes_little(typed: str) -> None:
    """White space and case are settled after one pass; only filler may stand behind filler."""
    steps = query.Steps(drop_filler=False)
    try:
        sent = query.clean(typed, steps)
    except QueryError:
        return
    assert query.clean(sent, steps) == sent


def test_filler_goes_from_every_part_of_a_query() -> None:
    asked = query.ask("帮我找一张咖啡杯的图片 + white plate")
    assert (asked.sent, asked.elements) == ("咖啡杯 + white plate", ("咖啡杯", "white plate"))
    assert query.ask("猫 + 图片 + 狗").elements == ("猫", "图片", "狗")
