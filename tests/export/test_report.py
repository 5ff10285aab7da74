"""The HTML report: read by a parser here, by a browser in test_report_browser.py."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given

from lychee_app.export import to_html
from lychee_app.locale import Words
from lychee_app.records import Run
from tests.support.rows import HOSTILE_NAMES, TAKEN, failed, names, reply, row, run_of

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "ul", "li", "ol",
    "div", "span", "svg", "g", "rect", "text", "details", "summary", "pre", "img",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "img", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return "".join(self.said)


def test_everything_that_comes_from_outside_is_text() -> None:
    page = Page(to_html(hostile(ATTACK), {0: "pick"}, notes=(ATTACK,)))
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= ALLOWED
    assert page.text.count(ATTACK) >= 6


@given(names())
def test_no_name_adds_a_tag_or_an_attribute(name: str) -> None:
    assert shape(Page(to_html(hostile(name), notes=(name,)))) == shape(
        Page(to_html(hostile("x"), notes=("x",)))
    )


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_direction_and_control_characters_do_not_reach_the_page(name: str) -> None:
    text = to_html(hostile(name))
    assert not set(text) & set("\x00\x1b\x7f\u202e\u202d\u2066\u2028")
    text.encode()


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    html = to_html(hostile("a.jpg"))
    page = Page(html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|javascript:", html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        assert not any(name.startswith("on") or name in {"style", "href", "action"} for name in attributes)
        if "src" in attributes:
            assert attributes["src"].startswith("data:image/")


def test_the_policy_allows_this_style_sheet_and_pictures_inside_the_file_only() -> None:
    html = to_html(run_of([]))
    policy = next(
        a["content"] for tag, a in Page(html).tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("language", ["en", "zh"])
def test_headings_are_in_the_language_asked_for(language) -> None:
    html = to_html(hostile("a.jpg"), language=language)
    words, other = Words(language), Words("zh" if language == "en" else "en")
    assert f'<html lang="{words.tag}">' in html
    for key in ("distribution", "heat", "ranking", "raw", "no_score"):
        assert words(f"report.{key}") in html
    assert other("report.distribution") not in html


def test_both_themes_are_in_the_file() -> None:
    html = to_html(run_of([]))
    assert "@media (prefers-color-scheme: dark)" in html
    assert "color-scheme: light dark" in html


def test_the_heat_grid_is_in_upload_order_and_the_list_by_rank() -> None:
    html = to_html(run_of([row(0, score=1.0), row(1, score=9.0), failed(2)]))
    titles = re.findall(r"<g><title>(.*?)</title>", html)
    assert titles == ["0.jpg: 1.0", "1.jpg: 9.0", "2.jpg: –"]
    assert re.findall(r'<div class="rank">(.*?)</div>', html) == ["1", "2", "–"]
    assert 'class="h1"' in html
    assert 'class="h9"' in html


def test_the_histogram_counts_the_ranges() -> None:
    html = to_html(run_of([row(i, score=score) for i, score in enumerate([9.7, 9.6, 6.0, 5.9])]))
    counts = re.findall(r'<text class="ink" x="[\d.]+" y="\d+">(\d+)</text>', html)
    assert counts == ["2", "0", "0", "0", "1", "1"]


def test_thumbnails_are_inside_the_file_and_other_bytes_are_not() -> None:
    webp = b"RIFF\x10\x00\x00\x00WEBPVP8 "
    html = to_html(run_of([row(0, 1.0, thumbnail=webp), row(1, 1.0, thumbnail=b"<svg onload=alert(1)>")]))
    assert html.count("<img ") == 1
    assert base64.b64encode(webp).decode() in html


def test_a_mark_shows_what_was_decided() -> None:
    html = to_html(run_of([row(0, 1.0), row(1, 0.0)]), {0: "pick", 1: "reject"})
    assert re.findall(r'class="mark">(.*?)<', html) == ["Picked", "Rejected"]


def test_text_on_every_heat_colour_can_be_read() -> None:
    html = to_html(run_of([]))
    rules = re.findall(r"\.h\d\{fill:rgb\((\d+),(\d+),(\d+)\)\}\.on-h\d\{fill:(#\w+)\}", html)
    assert len(rules) == 20
    for *ground, ink in rules:
        white = ink == "#fff"
        assert contrast([int(c) for c in ground], [255] * 3 if white else [0x17, 0x12, 0x14]) >= 4.5


def hostile(text: str) -> Run:
    image = row(0, 1.0, name=text, elements=(5.0, None), reply=reply(text=text), thumbnail=b"\x89PNG")
    return run_of(
        [image, failed(1, text)], query=text, sent_query=text, elements=(text, text), not_text=text,
        model=text, title="t",
    )  # fmt: skip


def shape(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    """Tags and attribute names in order, without the facts that vanish when they are empty."""
    return [(tag, tuple(attributes)) for tag, attributes in page.tags if tag not in {"dt", "dd"}]


def contrast(one: list[int], other: list[int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: list[int]) -> float:
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_when_and_with_what_a_picture_was_taken_stands_below_its_name() -> None:
    text = Page(to_html(run_of([row(0, 1.0, capture=TAKEN), row(1, 0.0)]))).text
    assert text.count("NIKON Z 6") == 1
    assert "2024-05-04 13:02:11 · NIKON Z 6 · 24-70 mm f/4 · 50 mm · f/4 · 1/250 s · ISO 400" in text
