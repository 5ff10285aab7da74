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
    ("typed", "sent"),
    [
        ("ｇｒｅｅｎ　ｓｏｆａ", "green sofa"),
        ("ＧＲＥＥＮ　ｓｏｆａ　＋　ｌａｍｐ　１２", "green sofa + lamp 12"),
        ("Ｃ＋＋ ｂｏｏｋ", "c++ book"),
        ("ｶﾞﾗｽのｺｯﾌﾟ", "ガラスのコップ"),
        ("green\u00a0\u2009sofa", "green sofa"),
        ("green so\u00adfa", "green sofa"),
        ("gr\u200been\u2060 \ufeffso\u200dfa", "green sofa"),
        ("\u200egreen\u200f \u202asofa\u202c", "green sofa"),
        ("\u2066绿色\u2069\u200b沙发", "绿色沙发"),
        ("green\u3164sofa\u2800\ufffc", "green sofa"),
        ("re\u0301sume\u0301", "résumé"),
        ("ﬁsh in a 𝐠𝐫𝐞𝐞𝐧 bowl", "fish in a green bowl"),
        ("⼈和⽝", "人和犬"),
        ('"Green sofa"', "green sofa"),
        ("“green sofa”", "green sofa"),
        ("‘green sofa’", "green sofa"),
        ("'green sofa'", "green sofa"),
        ("＂green sofa＂", "green sofa"),
        ("「“绿色沙发”」", "绿色沙发"),
        ('"red" and "blue"', '"red" and "blue"'),
        ("《红楼梦》", "《红楼梦》"),
        ("a cat’s bowl, rock ’n’ roll", "a cat's bowl, rock 'n' roll"),
        ("一只猫，在桌上！（可爱）", "一只猫，在桌上！（可爱）"),
        ("5 m² ½ brand™ ①", "5 m² ½ brand™ ①"),
        ("👨\u200d👩\u200d👧 on a sofa ❤\ufe0f\u200d🔥", "👨\u200d👩\u200d👧 on a sofa ❤\ufe0f\u200d🔥"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f flag",
         "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f flag"),
        ("hi\U000e0068\U000e0069 there", "hi there"),
        ("face \U0001faea, \U0001fc01", "face \U0001faea, \U0001fc01"),
        ("\U0001fae9", "\U0001fae9"),
    ],
)  # fmt: skip
def test_what_reads_alike_is_sent_alike_and_what_means_something_stays(typed: str, sent: str) -> None:
    assert query.clean(typed) == sent


def test_a_query_in_quotes_is_one_element() -> None:
    assert query.ask('"salt, cat and dog"').elements == ()
    assert query.ask("salt, cat and dog").elements == ("salt", "cat", "dog")


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
