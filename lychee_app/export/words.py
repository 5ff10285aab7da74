"""Every word of the HTML report, in both languages."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Words:
    tag: str
    report: str
    query: str
    sent: str
    but_not: str
    model: str
    created: str
    images: str
    distribution: str
    heat: str
    heat_hint: str
    ranking: str
    raw: str
    no_score: str
    pick: str
    reject: str
    margin: str
    findings: str
    made: str


WORDS: dict[Language, Words] = {
    "en": Words(
        tag="en",
        report="Ranking report",
        query="Query",
        sent="Sent as",
        but_not="But not",
        model="Model",
        created="Made",
        images="Images",
        distribution="Score distribution",
        heat="Scores in upload order",
        heat_hint="Every image has one cell, in the order the images were added.",
        ranking="Ranking",
        raw="Model output",
        no_score="No score",
        pick="Picked",
        reject="Rejected",
        margin="margin",
        findings="Findings",
        made="Made by Lychee on this machine. This file loads nothing from anywhere.",
    ),
    "zh": Words(
        tag="zh-CN",
        report="排序报告",
        query="查询",
        sent="实际发送",
        but_not="但不要",
        model="模型",
        created="时间",
        images="图片",
        distribution="分数分布",
        heat="按上传顺序的分数",
        heat_hint="每张图片一格，顺序与添加时相同。",
        ranking="排序",
        raw="模型输出",
        no_score="没有分数",
        pick="已选",
        reject="已弃",
        margin="差值",
        findings="发现",
        made="由 Lychee 在本机生成。此文件不加载任何外部内容。",
    ),
}
