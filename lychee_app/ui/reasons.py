"""Reasons and errors in Chinese. The library speaks English; its error codes and sentences are matched here.

What has no match is shown in English: a reason one has to look up is better than none.
"""

import re

from lychee_app.query import MAX_CHARACTERS

CODES: dict[str, str] = {
    "query-empty": "查询词是空的。用几个词说说图片里应该有什么。",
    "query-long": f"查询词超过 {MAX_CHARACTERS:,} 个字符，请缩短。",
    "no-images": "没有可排序的图片，请先添加。",
    "path": "找不到这个路径，或无法读取。",
    "not-downloaded": "这个模型还没有下载到本机。",
    "unknown-name": "没有叫这个名字的模型。",
    "no-network": "连不上网络，请检查后重试。",
    "offline": "当前为离线模式，不会下载。",
    "disk-full": "磁盘空间不足。",
    "download-busy": "另一个程序正在下载这个模型，请等它完成。",
    "store-full": "磁盘已满，请腾出空间；之前的结果都在。",
    "store-cap": "上传的图片超过了允许占用的磁盘空间。",
    "store-locked": "数据被另一个程序占用太久，请关闭其他窗口后重试。",
    "store-claimed": "另一个窗口正在处理这次排序。",
    "store-upload-gone": "这次排序的上传图片已不在了，请重新上传。",
    "checkpoint-changed": "这次排序是用另一份权重打的分，请新建一次排序。",
    "precision-changed": "这次排序是用另一种精度打的分，两者的分数不可比，请新建一次排序。",
    "demo-missing": "安装包里缺少演示模型，请重新安装。",
    "load-memory": "内存或显存不够载入这个模型。",
    "out-of-memory": "显存不足，换小一点的图片或减少图像 token 数。",
    "device-lost": "显卡失去响应，请重启程序后继续；已有结果都在。",
    "store-no-run": "历史记录里已经没有这次排序，可能在另一个窗口删除了。",
    "changed": "文件在打分之后被改动过，请重新排序。",
    "gallery": "演示图库写不进数据文件夹。",
    "target-none": "请写明目标文件夹。",
    "target-file": "目标是一个文件，请写文件夹。",
    "target-parent": "目标文件夹的上级不存在。",
    "target-read-only": "目标文件夹不可写。",
    "target-full": "目标磁盘空间不足。",
}

TOLD_IN_FULL = frozenset(
    {
        "query-empty",
        "query-long",
        "no-images",
        "store-locked",
        "store-claimed",
        "precision-changed",
        "target-none",
    }
)
"""Codes whose English sentence says nothing that the Chinese one does not: no path, name or number."""

SENTENCES: tuple[tuple[str, str], ...] = (
    (r"^This is not an image", "这不是图片文件。"),
    (r"^The file is empty", "文件是空的。"),
    (r"cannot be read", "文件无法读取。"),
    (r"file is damaged", "文件已损坏，或是不支持的编码；请另存为 PNG 或 JPEG。"),
    (r"far too many pixels|has .* pixels|megapixel", "图片像素过多，请缩小后再试。"),
    (r"^Decoding takes", "解码这张图需要的内存过多。"),
    (r"^Reading this file takes more memory", "解码这张图需要的内存过多。"),
    (r"^The file has \d+ MB", "文件过大。"),
    (r"one side is over \d+ times the other", "图片过于狭长，模型无法处理；请先裁剪。"),
    (r"^This is a camera raw file", "这是相机的 RAW 文件；请导出为 JPEG。"),
    (r"^This is (a|an) .* Only .* are taken", "不接受这种文件；请另存为 PNG 或 JPEG。"),
    (r"what decodes it is not installed: (.+)\.$", r"没有安装解码这种图片的组件：\1。"),
    (r"is cut short: its end is missing", "文件不完整，结尾缺失；请重新复制或下载。"),
    (r"^The decoder crashed", "解码程序在这个文件上崩溃，已被结束；请另存为 PNG 或 JPEG。"),
    (r"takes more memory to decode", "解码这张图需要的内存过多。"),
    (r"^Not enough memory for", "显存或内存不足，请减少图像 token 数。"),
    (r"^The model failed on", "模型处理这张图时出错。"),
    (r"^Only its first frame is scored", "只对第一帧打分。"),
    (r"^Only its first page is scored", "只对第一页打分。"),
    (r"^Its colour profile is broken", "颜色配置文件已损坏，未使用。"),
    (r"^Its metadata is broken", "元数据已损坏，未使用。"),
    (r"^Only (\d+) of its 16 bits are used", r"16 位中只用了 \1 位，亮度按此缩放。"),
    (r"^Its values run from (\S+) to (\S+); ", r"数值范围为 \1 到 \2，亮度按此缩放。"),
    (r"^The reply states no score", "回答里没有分数。"),
    (r"^The reply states two scores", "回答里有两个不同的分数。"),
    (r"^The reply states a range", "回答给出的是一个范围，不是一个分数。"),
    (r"^The reply states .* and then doubts it", "回答先给出分数又自我怀疑。"),
    (r"^The score .* is (over|negative|out of)", "回答里的分数不在量程之内。"),
    (r"took longer|seconds", "解码超时。"),
    (
        r"^Memory ran out: scored with (\d+) image tokens instead of (\d+)",
        r"显存不足：用 \1 个图像 token 代替 \2 个打分。",
    ),
    (r"^the file is no longer there$", "文件已不在原处。"),
    (r"^the file has changed since it was scored$", "文件在打分之后被改动过。"),
    (r"^it is not known where this image came from$", "不知道这张图来自哪里。"),
    (r"^on the processor: minutes per image$", "在处理器上运行：每张图要几分钟"),
    (r"^on the processor$", "在处理器上运行"),
    (r"^needs a card or more RAM$", "需要显卡或更多内存"),
    (r"^on (.+)$", r"在 \1 上运行"),
    (r"^partly on (.+?);.*$", r"部分放在 \1，其余每次从内存拷贝：慢"),
)


def chinese_reason(reason: str) -> str:
    """The sentence in Chinese with the original behind it; the original alone where it is not known."""
    for pattern, chinese in SENTENCES:
        if found := re.search(pattern, reason):
            words = found.expand(chinese)
            return words if pattern.startswith(("^on ", "^partly", "^needs a")) else f"{words}（{reason}）"
    return reason
