"""Words that say what the images should not show, told from those that only look like it.

The models rank by what a query names and hardly read "no" or 没有: "a room without people" finds people. So a
negation is offered as "but not", which is judged on its own and lowers the score; it is never taken silently.
"""

import re

from lychee_app.query import drop_filler, language, plain

_MARKS_EN = """
without, w/o, with no, no, not, excluding, exclude, except, except for, other than, instead of, free of,
that is not, that are not, that isn't, that aren't, which is not, which are not, who is not, who isn't,
is not, isn't, are not, aren't, has no, have no, there is no, there are no, doesn't have, does not have,
don't have, do not have, that doesn't have, that does not have, that has no, that have no, that don't have,
that do not have, which have no, which has no, which don't have, who has no, who have no,
that's not, who's not,
it's not, there's no, i don't want, i do not want, don't want, do not want, i don't want to see,
i don't like, i do not like, i hate, don't show, don't show me, do not show, do not show me,
don't include, do not include
"""
# Held together before anything is looked for: signs, names and sayings with such a word in them.
_NAMES = re.compile(
    r'"[^"]*"|“[^”]*”|「[^」]*」'
    r"|\bno\.? ?\d+|\b(?:dr\.?|doctor|says?|yes and|yes or|whether or|why|or|if) not?\b"
    r"|\bno[- ](?:smoking|parking|entry|exit|trespassing|swimming|fishing|diving|littering|u-turn|one"
    r"|man's land|time to die|way home|country for old men|problem|doubt|longer|matter|more|brainer)\b"
    r"|\bnot (?:only|just|to scale|safe for work)\b|\b(?:forget|touch)[- ]me[- ]nots?\b"
    r"|\bdo not (?:enter|disturb|cross|touch|feed)\b|\bwithout (?:borders|a cause|limits|walls)\b"
    r"|有没有|是不是|要不要|能不能|没有比|没有什么|没头脑|没关系|没精打采|没药|[淹沉出埋吞隐湮覆]没|没[落收]|不要脸|了不起"
    r"|除了.*?[还也又]",
    re.IGNORECASE,
)
# What is forbidden on a sign is not what the searcher rejects.
_SIGNS = re.compile(
    r"\b(?:no|not|don't)\b.*\b(?:signs?|signage|allowed|zone|sticker)\b"
    r"|\b(?:signs?|t-shirt|banner) (?:that )?(?:says?|saying|reads)\b"
    r"|(?:不要|请勿|禁止|严禁|不得).*(?:标志|标识|标牌|牌子|告示|警示|字样)|写着",
    re.IGNORECASE,
)
_NO_SUBJECT = {"", "photo", "photos", "picture", "pictures", "image", "images", "anything", "everything"}
_NO_SUBJECT |= {"图片", "照片", "图", "图像", "画面"}

_MARK_EN = (
    "(?:"
    + "|".join(
        sorted((re.escape(mark) for mark in " ".join(_MARKS_EN.split()).split(", ")), key=len, reverse=True)
    )
    + r")(?!\w)"
)
_AFTER_EN = rf"(?=\s*(?:[,，;；+.!]|$)|\s+but\s+|\s+(?:and|or)\s+{_MARK_EN})"
_MARK_ZH = (
    "也?我?(?:没有?拍到|没有?出现|没有|没(?!有)|不想看[到见]|看不[到见]|[别勿]出现|[别勿]拍到|不想要|不要有?|不带有?|不含有?|不包含|不包括|不能有|不出现|排除|去掉"
    "|不(?=[戴穿]))"
)
_BRACKETED = re.compile(rf"\s*[(（]\s*(?P<said>(?:{_MARK_EN}\s|{_MARK_ZH})[^()（）]+)[)）]", re.IGNORECASE)
"""An aside that says nothing else: "sofa (no lamp)", 沙发（不要红色）. It is read as after a comma."""
_MINUS = re.compile(r"(?<!\w)[−–](?=[^\W\d])")
"""As a phone or a word processor sets it."""
_THING_ZH = r"(?>(?:\w{1,4}色的)?)(?:(?!也?(?:没有|不要))[^的，,;；+。\s])+?"
_OFFERS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # "cat -dog", as search engines take it
        r"(?:^|[\s,，、;；]\s*)-(?P<not>[^\W\d][\w'-]*)(?=\s*$|\s+-\w|\s*[,，、;；]\s*-\w)",
        # "never sofa": two words alone, for elsewhere it belongs to a verb
        r"^never\s+(?P<not>(?!\w+(?:ed|en|ing|ore|ere|ain)\b|(?:say|mind|stop|end|ever)\b)[\w-]+)$",
        # 非沙发, 非红色的沙发: at the beginning, and not in a word of its own
        r"^非(?![洲常凡法典裔主卖营虚遗物礼议诚亲盟分但徒人])(?P<not>[^的，,;；+。\s]+)(?:的(?=\w)|$)",
        # "room without people", "no people, beach", "not a cat but a dog"
        rf"(?:^|\s*[,，;；+]\s*|\s+|(?<=[\u4e00-\u9fff]))(?:(?:and|or|but)\s+)?{_MARK_EN}\s+(?:(?:any|an?|the)\s+)?"
        rf"(?P<not>[^,，;；+]+?){_AFTER_EN}",
        r"不是(?P<not>[^的，,]+?)[，,]?而是",
        r"除了?(?P<not>[^的，,]+?)(?:以外|之外|外)的?",
        # 不是蓝色的沙发, 没有人的房间: up to the 的 that ties it to the thing itself
        r"不是(?P<not>[^的，,;；+。\s]+)的(?=\w)",
        rf"{_MARK_ZH}(?P<not>{_THING_ZH})的(?=\w)",
        # 房间里没有人, 猫，不要狗
        rf"(?:里面?|[中上])?[，,、\s]*(?:{_MARK_ZH}|不是)(?P<not>[^，,;；+。\s]+?)的?(?=$|[，,;；+。\s])",
        r"(?:里面?|[中上])?[，,、\s]*无(?P<not>人|行人|游客|文字|字幕|字|水印|背景)(?:的|(?=$|[，,、\s]))",
    )
]


def negation(typed: str) -> tuple[str, str] | None:
    """The query without what it says is not wanted, and that: "a room, no people" -> ("a room", "people").

    What is kept is "" where the query says nothing else. None: nothing is negated, or that is uncertain.
    """
    said = text = drop_filler(_BRACKETED.sub(r", \g<said>", _MINUS.sub("-", plain(typed))))
    if _SIGNS.search(said):
        return None
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match.group())
        return chr(0xE000 + len(held) - 1)

    def whole(part: str) -> str:
        return "".join(held[ord(char) - 0xE000] if "\ue000" <= char <= "\uf8ff" else char for char in part)

    text = _NAMES.sub(hold, text)
    unwanted: list[str] = []
    for offer in _OFFERS:
        while found := offer.search(text):
            unwanted.append(whole(found["not"]).strip())
            text = f"{text[: found.start()]} {text[found.end() :]}"
    if not unwanted:
        return None
    kept = re.sub(r"^[\s,，、;；+.!。]*(?:(?:but|and)\s+)?|[\s,，、;；+.!。]+$", "", whole(text))
    kept = re.sub(r"\s+(?=[,，])|(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", re.sub(r"\s+", " ", kept))
    unwanted.sort(key=said.find)
    kept = drop_filler(kept)
    return ("" if kept.lower() in _NO_SUBJECT else kept), either(*unwanted)


def either(*unwanted: str) -> str:
    """One "but not" text of several."""
    return ("或" if language("".join(unwanted)) == "zh" else " or ").join(
        dict.fromkeys(filter(None, unwanted))
    )
