"""The elements a query is made of: where it is split, and where a comma or an "and" belongs to one thing.

A sign (+ ; or a line break) always splits. A comma, "and", 和 and the like split between two things that
could each be looked for alone: rules below, each on a table. Where neither reading is plain, the query stays
whole: an element too few is seen on the page and split by hand, one that was never meant spoils the scores.
`text` is a query as it is sent: lower case, white space folded.
"""

import re
from itertools import product

MAX_ELEMENTS = 12

_QUOTES = {'"': '"', "“": "”", "„": "“", "「": "」", "『": "』", "«": "»"}
_BRACKETS = {"(": ")", "（": "）", "[": "]", "《": "》", "【": "】"}


def _table(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Two things that are named in one breath.
_IN_ONE_BREATH = """
mac and cheese, macaroni and cheese, salt and pepper, fish and chips, bread and butter, ham and cheese,
ham and eggs, bacon and eggs, peanut butter and jelly, rice and beans, biscuits and gravy,
pork and beans, meat and potatoes, spaghetti and meatballs, cookies and cream, gin and tonic,
oil and vinegar, sweet and sour, surf and turf, black and white, black and tan, rock and roll,
rhythm and blues, drum and bass, bow and arrow, bow and arrows, bed and breakfast, arts and crafts,
hide and seek, search and rescue, lost and found, drag and drop, cut and paste, copy and paste,
plug and play, trial and error, cause and effect, supply and demand, law and order, health and safety,
research and development, food and drink, hit and run, meet and greet, stop and go, park and ride,
show and tell, pros and cons, terms and conditions, questions and answers, before and after,
then and now, yin and yang, up and down, back and forth, in and out, on and off, nuts and bolts,
hammer and sickle, lock and key, needle and thread, ball and chain, hook and loop, mortar and pestle,
pestle and mortar, cup and saucer, tongue and groove, skull and crossbones, stars and stripes,
snakes and ladders, dungeons and dragons, cops and robbers, bride and groom, mr and mrs,
husband and wife, mother and child, mother and baby, mother and daughter, mother and son, father and son,
father and daughter, parent and child, brother and sister, romeo and juliet, tom and jerry, adam and eve,
bonnie and clyde, beauty and the beast, lilo and stitch, rick and morty, hansel and gretel,
david and goliath, samson and delilah, cain and abel, pride and prejudice, war and peace,
crime and punishment, sense and sensibility, lady and the tramp, simon and garfunkel, calvin and hobbes,
asterix and obelix, johnson and johnson, procter and gamble, barnes and noble, marks and spencer,
dolce and gabbana, ben and jerry, ben and jerry's, head and shoulders, black and decker,
smith and wesson, trinidad and tobago, bosnia and herzegovina, antigua and barbuda, turks and caicos,
newfoundland and labrador
"""
_PAIRS_EN = frozenset(tuple(pair.strip().split(" and ")) for pair in _IN_ONE_BREATH.split(","))
_PAIRS_ZH = _table("""
罗密欧与朱丽叶 罗密欧和朱丽叶 美女与野兽 美女和野兽 亚当和夏娃 亚当与夏娃 傲慢与偏见 战争与和平 罪与罚
老人与海 红与黑 理智与情感 猫和老鼠 冰与火之歌 龙与地下城 白雪公主和七个小矮人 白雪公主与七个小矮人
小红帽和大灰狼 牛郎和织女 牛郎与织女 没头脑和不高兴 特立尼达和多巴哥 波斯尼亚和黑塞哥维那
安提瓜和巴布达 时间与空间
""")
# Words with a conjunction's character in them, and the characters that, coming next, make another word of its
# latter half: 和服 is a kimono, 沙发和服装 a sofa and clothes.
_WORDS_ZH = {
    **dict.fromkeys(
        _table("""
和尚 和谐 和果子 和歌山 和睦 和声 和弦 和解 和约 和蔼 和煦 和珅 呼和浩特 颐和园 雍和 太和殿 保和殿
中和殿 永和豆浆 昭和 令和 共和国 义和团 柔和 温和 暖和 饱和 祥和 随和 谦和 总和 缓和 参与 给与 赠与
与众不同 与世隔绝 与时俱进 与生俱来 埃及 普及 涉及 及格 及时 及膝 及腰 及踝 高跟 低跟 平跟 细跟 粗跟
鞋跟 脚跟 后跟 跟随 跟踪 跟着 跟拍 跟前
"""),
        "",
    ),
    "和服": "装务饰",
    "和平": "板底台",
    "和风": "筝扇景车铃衣暴",
    "和室": "内外友",
    "和面": "包条粉具膜食团馆盆",
    "和田": "野园",
    "和牛": "奶仔排油角蛙羊马郎",
    "和气": "球",
    "和食": "物品",
    "与会": "议",
}
# Names with a + of their own; the + of a grade, a blood group or an age; and of a sum.
_PLUS_NAMES = (
    r"\b(?:(?:c|g|notepad)\+\+|(?:disney|google|apple tv|canal|paramount|discovery|hulu)\+)(?!\w)"
    r"|\b(?:[a-z]|ab|\d+)\+(?=\s+\w|\s*$|[-)])|\b\d+(?:[+]\d+)+"
)

_DETERMINERS = _table("""
a an the some any one two three four five six seven eight nine ten many several few another my your his
her its our their this these those
""")
# Words that say what a thing is like and are no thing themselves ("red and white car" is one car) ...
_ADJECTIVES = _table("""
red green blue yellow purple violet pink brown black white grey gray beige turquoise teal maroon navy
crimson golden silvery colorful colourful bright pale vivid dim light dark transparent multicolored
multicoloured big small little large tiny huge giant tall short long wide narrow thick thin fat slim
heavy high low deep shallow old new young ancient modern vintage retro antique classic traditional
rustic rusty dusty dirty clean shiny dull worn broken cracked abandoned empty full open closed wet dry
hot cold warm cool icy frozen snowy rainy sunny cloudy foggy misty stormy windy fluffy furry hairy
smooth rough soft hard spicy sour sweet salty bitter fresh rotten ripe cute lovely pretty beautiful ugly
elegant fancy simple plain minimal minimalist cozy cosy quiet calm peaceful busy crowded loud happy sad
angry smiling funny scary creepy spooky dangerous wild tame friendly lonely sleepy tired round square
curved straight flat crooked wooden metallic woolen woollen striped spotted checkered floral rich poor
fast slow strong weak male female left right good bad upper lower inner outer front rear tasty delicious
juicy crispy crunchy creamy
""")
# ... and those that name a thing as well: they count as such only where another such word comes next.
_ADJECTIVES_OR_THINGS = _table("""
orange gold silver bronze rose chocolate cream ivory light dark square round sweet cold wood metal
glass steel brass copper iron stone brick leather plastic cotton silk wool marble concrete paper
""")
# What ties more words to the thing before it, by kind. Two parts with the same kind are two things ("man in a
# suit and woman in a dress"); where one part alone has one, its reach is uncertain ("cat and dog on a sofa").
_TIES = {
    "place": _table(
        "in on at under near by behind beside inside above over below beneath outside against around"
    ),
    "having": _table("""
with in wearing holding carrying having showing containing featuring eating drinking riding
reading playing using driving watching pulling pushing selling throwing catching chasing hugging
kissing feeding cutting making
"""),
    "of": _table("of"),
    "clause": _table("that who which where whose while when is are was were has have"),
    "way": _table(
        "from to for through into onto across along during after before like as than made covered filled"
    ),
    "between": _table("between among"),
    "joint": _table("together"),
    "not": _table("no not but except excluding without"),
}
_PORTIONS = _table("cup glass mug bottle slice piece can jar jug loaf")
_MEASURES = _PORTIONS | _table("plate bowl pair bunch box bag basket pile stack vase pot bouquet")
"""With "of" these are one thing and its amount: "a cookie and a cup of tea" is two things. Before the "and",
only those of one thing are told: "a bowl of apples and oranges" is one bowl."""
_ING_THINGS = _table("""
ring earring king string wing spring swing thing ceiling building clothing wedding painting drawing
morning evening lightning railing duckling dumpling pudding bedding icing frosting stuffing boxing
parking crossing landing lettering writing sibling being darling gosling sling topping dressing carving
engraving flooring wiring tubing awning setting meeting
""")
"""Things in -ing; other such words are something being done: "a dog, running on grass"."""
_COUNTRIES = _table("""
france germany italy spain portugal england scotland ireland wales greece turkey poland austria
switzerland belgium netherlands sweden norway denmark finland iceland russia ukraine china japan korea
india thailand vietnam indonesia australia canada mexico brazil argentina chile peru cuba egypt morocco
kenya usa uk california texas florida taiwan singapore malaysia nepal iran israel hungary croatia
czechia
""")
_STATES = _table("""
ak az ca ct dc fl ga il ks ky mn nc nd nh nj nm nv ny ri sc sd tn tx ut va vt wa wi wv wy
""")
"""Those that are no words. After a comma they say where: "Paris, France" is one place, "Austin, TX" too."""

_COUNT_ZH = r"(?:[一两二三四五六七八九十几这那\d]+[个只张条辆盏把杯件双朵位名头匹棵座幅艘架台本支块片])?"
_ADJECTIVE_ZH = (
    r"(?:[深浅淡暗亮墨湖天]?[红黄蓝绿黑白灰紫粉橙棕褐金银青](?:色调?)?|[咖啡米橘卡其杏]+色|彩色|透明"
    r"|[大小新旧高矮胖瘦老少长短圆方冷热甜酸辣]|[很最]\S{1,2}|非常\S{1,2}"
    r"|可爱|漂亮|美丽|好看|明亮|精致|复古|古老|老式|现代|木质|木制|简约|日式|中式|巨大|小小|干净|破旧|温暖|安静|年轻)"
)
_ONLY_ADJECTIVES_ZH = re.compile(rf"{_COUNT_ZH}(?:{_ADJECTIVE_ZH}的?[、，,和与\s]*)+")
"""红色和白色的花 is one kind of flower."""
_HAVING_ZH = re.compile(
    rf"{_COUNT_ZH}身?(?:穿|戴|拿|有|带|抱|背|骑|养|吃|喝|放|摆|装|牵|捧|举|坐|卖|画|写|种|挂|贴|印|长|铺|堆)"
)
"""Verbs whose objects run up to a 的: 戴帽子和眼镜的男人 is one man."""
_SHARED_ZH = re.compile(
    r"(?:(?<![所现存])[在着]|一起|互相|之间|相间|对视|牵手|握手|拥抱|接吻|亲吻|玩耍|打架|打闹|散步|跳舞|聊天|开会|吵架|吃饭|下棋|唱歌|合影|合照|同框|嬉戏)"
    r"(?!.*的)"
)
"""What both may do, or where both may be: 猫和狗在沙发上. Before a 的 it says so of the next thing only."""
_CLAUSE_ZH = re.compile(
    r"(?!现在|存在|实在|自在|内在|外在|潜在|所在|无人机)(?:但|而)?(?:正在|在|没|不[要想带含是戴穿]|无[人文字水]|\S{1,2}[在着])"
)
"""How a part begins that goes on about the thing before the comma: 猫，趴在窗台上; 街道，没有人."""
_OWNED_ZH = re.compile(r"(?P<owner>.+?)\s*的.+")

_BREAKS = re.compile(
    r"(?P<sign>\s*[+＋;；\n]\s*)"
    r"|(?P<list>\s*(?:[，、]|(?<!\d),|,(?!\d))\s*(?:(?:and|plus|&)\s+|(?:和|与|以及|还有|并且)\s*)?)"
    r"|(?P<and>\s+(?:and|&|as well as|(?<!\d )plus(?!\s+siz))\s+"
    r"|\s*(?:以及|还有|并且|加上)\s*|(?<=\S)\s*[和与及跟]\s*(?=\S))",
    re.IGNORECASE,
)
_HELD = "\ue000-\uf8ff"
"""Characters that stand for what is held together; no query that is sent holds one."""
_HOLD = re.compile(
    "|".join(
        [
            *(f"{re.escape(a)}[^{re.escape(b)}]*{re.escape(b)}" for a, b in (_QUOTES | _BRACKETS).items()),
            *_PAIRS_ZH,
            *(word + (f"(?![{after}])" if after else "") for word, after in _WORDS_ZH.items()),
            _PLUS_NAMES,
        ]
    ),
    re.IGNORECASE,
)


def elements(text: str) -> tuple[str, ...]:
    """The parts of a query, in order, each once: "green sofa + lamp" -> ("green sofa", "lamp").

    A query of one part is one element. Parts past MAX_ELEMENTS stay in the last one.
    """
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match.group())
        return chr(0xE000 + len(held) - 1)

    masked = _HOLD.sub(hold, text)
    parts: list[str] = []
    start = 0  # of the part being read
    listed = False  # whether a comma stands before it
    found = list(_BREAKS.finditer(masked))
    for at, this in enumerate(found):
        end = found[at + 1].start() if at + 1 < len(found) else len(masked)
        left, right = masked[start : this.start()], masked[this.end() : end]
        if this.lastgroup == "sign" or not (left and right) or _two(this, left, right, listed):
            parts.append(left)
            start, listed = this.end(), this.lastgroup == "list"
    parts = [
        "".join(held[ord(c) - 0xE000] if "\ue000" <= c <= "\uf8ff" else c for c in part)
        for part in (*parts, masked[start:])
    ]
    parts = list(dict.fromkeys(unquoted(part.strip()) for part in parts if part.strip(" \"'.。!！?？")))
    if len(parts) > MAX_ELEMENTS:
        parts = [*parts[: MAX_ELEMENTS - 1], " ".join(parts[MAX_ELEMENTS - 1 :])]
    return tuple(parts)


def unquoted(text: str) -> str:
    """Without the quotes, where one pair holds the whole."""
    pairs = _QUOTES | {"'": "'", "‘": "’"}
    while len(text) > 2 and pairs.get(text[0]) == text[-1] and not {text[0], text[-1]} & set(text[1:-1]):
        text = text[1:-1].strip()
    return text


def _two(found: re.Match[str], left: str, right: str, listed: bool) -> bool:
    """Whether the words on both sides of a comma or conjunction are two things, each to be looked for alone.

    `left` is the part up to here, `right` goes to the next comma, conjunction or sign.
    """
    before, after = _words(left), _words(right)
    comma = found.lastgroup == "list"
    if _describes(before, after, comma) or _goes_on(before, after):
        return False
    if _ONLY_ADJECTIVES_ZH.fullmatch(left) and not right[0].isascii():
        return False
    if not comma:
        apart = not _is_pair(before, after) and not _owned(left, right)
        return apart and _two_in_english(before, after, listed) and _one_each(found, left, right)
    if "、" in found.group():
        return _one_each(found, left, right)
    is_place = len(before) <= 3 and bool(after) and (" ".join(after) in _COUNTRIES or after[0] in _STATES)
    return not is_place and not _CLAUSE_ZH.match(right)


def _words(text: str) -> list[str]:
    return re.findall(rf"[\w'-]+|[{_HELD}]", text.lower().replace("holding hands", "together"))


def _is_pair(before: list[str], after: list[str]) -> bool:
    ends = product(range(1, 3), range(1, 4))
    return any((" ".join(before[-i:]), " ".join(after[:j])) in _PAIRS_EN for i, j in ends)


def _describes(before: list[str], after: list[str], comma: bool) -> bool:
    """Whether a side is adjectives only: "red | and white car", "car in red and | white"."""
    every = _ADJECTIVES | _ADJECTIVES_OR_THINGS
    said = [word for word in before if word not in _DETERMINERS | {"and", "or"}]
    if not (said and after and after[0].isascii()):
        return False
    if said[-1].endswith("'s") or (after[0].endswith("'s") and len(said) == 1):  # "men's | and women's shoes"
        return True
    if said[-1] not in every:
        return False
    if all(word in _ADJECTIVES for word in after):
        return True
    if said[-1] in _ADJECTIVES_OR_THINGS - _ADJECTIVES:
        following = [word for word in after if word not in _DETERMINERS]
        return said == said[-1:] and all(word in every for word in (following if comma else following[:1]))
    return all(word in every for word in said) and (len(said) < len(before) or after[0] not in _DETERMINERS)


def _goes_on(before: list[str], after: list[str]) -> bool:
    """Whether words go on about the thing before them: "in a hat", "running on grass"."""
    if len(after) == 1 and _is_doing(
        after, 0
    ):  # "sunset, hiking" are two; "a dog running and jumping" is one
        return len(before) > 1 and "doing" in _ties(before)
    return bool(after) and (_is_doing(after, 0) or any(after[0] in known for known in _TIES.values()))


def _ties(words: list[str]) -> set[str]:
    """The kinds of what is tied to the things among the words."""
    kinds = {kind for word in words for kind, known in _TIES.items() if word in known}
    return kinds | {"doing"} if any(_is_doing(words, at) for at in range(len(words))) else kinds


def _is_doing(words: list[str], at: int) -> bool:
    """Whether the word is a participle: not a thing, not after "a", not before the noun that it describes."""
    word, after = words[at], words[at + 1 : at + 2]
    if not word.endswith("ing") or word in _ING_THINGS or (at and words[at - 1] in _DETERMINERS):
        return False
    return not after or after[0] in _DETERMINERS or bool(_ties(after))


def _two_in_english(before: list[str], after: list[str], listed: bool) -> bool:
    left, right = _ties(before), _ties(after)
    if "between" in left:
        return False
    if not (before and after) or left & right or (listed and not left):
        return True
    is_amount = "of" in after and _MEASURES & set(after[: after.index("of")])
    if before[-1].isascii() and (right - {"of"} if is_amount else right):
        return False
    reaching = left - {"joint"} - ({"of"} if _PORTIONS & set(before) else set())
    if reaching == {"doing"} and _is_doing(before, len(before) - 1):
        reaching = set()
    # "a cup of tea and a cookie": the second article answers the first, past a bare noun.
    articles = [word in _DETERMINERS for word in (before[0], after[0], *before[1:])]
    return not reaching or (articles[:2] == [True, True] and not any(articles[2:]))


def _one_each(found: re.Match[str], left: str, right: str) -> bool:
    """Whether no Chinese verb spans both sides: 猫和狗在沙发上, 戴帽子和眼镜的男人 are one element."""
    if bool(_SHARED_ZH.search(left)) != bool(_SHARED_ZH.search(right)):
        return False
    rest = re.split(r"[+＋;；，,]", found.string[found.end() :])[0]
    spans = "的" not in left and "的" in re.sub(f"{_ADJECTIVE_ZH}的", "", rest)
    return not (spans and _HAVING_ZH.match(left))


def _owned(left: str, right: str) -> bool:
    """Whether both may have a share in the last thing: 猫和狗的窝; not 猫和黑色的狗, 猫和桌上的狗."""
    owned = _OWNED_ZH.fullmatch(right)
    if not owned or "的" in left:
        return False
    owner = owned["owner"]
    told = re.search(r"色$|着|在|[上下里中内外前后旁边]$", owner)
    return not (told or _ONLY_ADJECTIVES_ZH.fullmatch(owner) or _HAVING_ZH.match(owner))
