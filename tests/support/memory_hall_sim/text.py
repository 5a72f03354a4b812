"""Cut text into search tokens and turn it into a small vector, deterministically.

The real server segments with jieba and embeds with a model. This stands in for both, by a rule short enough to predict:

* ASCII letters and digits form one token each run (`3.5` and `40%` stay whole);
* a run of Han characters is cut by the longest word of `WORDS` first, the rest into single characters;
* two single Han characters in a row give their pair as one more token;
* every other letter or digit, whatever the script, is a token of its own.

A vector is a signed, hashed bag of those tokens, scaled to length 1. It has no notion of meaning.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import sqrt
from typing import Final

__all__ = ["DIMENSION", "WORDS", "Vector", "cosine", "embed", "has_ideograph", "match_expression", "tokens"]


Vector = Mapping[int, float]

DIMENSION: Final = 256
"""How many buckets a vector has."""

_WORDS: Final = """
喜歡 喜欢 公園 公园 散步 今天 明天 昨天 早上 晚上 我們 我们 他們 他们 朋友 家人 工作 公司 會議 会议
學習 学习 學校 学校 記憶 记忆 系統 系统 資料 数据 資料庫 数据库 測試 测试 問題 问题 決定 决定 重要 直接
坦率 坦誠 坦诚 誠實 诚实 溝通 沟通 團隊 团队 專案 项目 計畫 计划 時間 时间 音樂 音乐 電影 电影 咖啡
早餐 午餐 晚餐 喝茶 綠茶 绿茶 台北 北京 上海 東京 东京 討厭 讨厌 覺得 觉得 知道 認為 认为 因為 因为
所以 但是 如果 什麼 什么 怎麼 怎么 為什麼 为什么 沒有 没有 可以 不能 生活 健康 運動 运动 跑步 游泳 旅行
飛機 飞机 火車 火车 醫生 医生 老師 老师 學生 学生 孩子 父母 媽媽 妈妈 爸爸 中文 英文 日文 語言 语言
電腦 电脑 手機 手机 程式 程序 設計 设计 開發 开发 使用 部署 伺服器 服务器 網路 网络
"""
WORDS: Final = frozenset(_WORDS.split())
"""The dictionary of the segmenter, traditional and simplified."""

_LONGEST = max(map(len, WORDS))
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[A-Za-z0-9]+(?:\.[0-9]+)?%?|[{_HAN}]+|[^\W_]")
_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")


def has_ideograph(text: str) -> bool:
    """Tell whether the text holds a CJK ideograph; such a short query weighs its lexical list double (§4.2)."""
    return _IDEOGRAPH.search(text) is not None


def tokens(text: str) -> list[str]:
    """Return the tokens of a text in order, pairs of single Han characters last (§4.4)."""
    singles = [piece for run in _PIECE.findall(text) for piece in _segment(run)]
    pairs = [left + right for left, right in pairwise(singles) if _is_single_han(left) and _is_single_han(right)]
    return singles + list(dict.fromkeys(pairs))


def match_expression(query: str) -> str:
    """Return the FTS5 expression that requires every token of the query, or an empty text when it has none (§4.4)."""
    return " AND ".join(f'"{token}"' for token in dict.fromkeys(tokens(query)))


def embed(text: str) -> Vector:
    """Return the unit vector of a text; a text without tokens gives the empty vector."""
    weights: dict[int, float] = {}
    for token in tokens(text.casefold()):
        code = zlib.crc32(token.encode())
        bucket = (code >> 1) % DIMENSION
        weights[bucket] = weights.get(bucket, 0.0) + (1.0 if code & 1 else -1.0)
    length = sqrt(sum(weight * weight for weight in weights.values()))
    return {bucket: weight / length for bucket, weight in weights.items()} if length else {}


def cosine(left: Vector, right: Vector) -> float:
    """Return the cosine similarity of two unit vectors, -1 to 1."""
    small, large = sorted((left, right), key=len)
    return _dot(small.items(), large)


def _dot(items: Iterable[tuple[int, float]], other: Vector) -> float:
    return sum(weight * other.get(bucket, 0.0) for bucket, weight in items)


def _segment(run: str) -> Iterator[str]:
    if not _is_han(run[0]):
        yield run
        return
    start = 0
    while start < len(run):
        lengths = range(min(_LONGEST, len(run) - start), 1, -1)
        length = next((n for n in lengths if run[start : start + n] in WORDS), 1)
        yield run[start : start + length]
        start += length


def _is_single_han(token: str) -> bool:
    return len(token) == 1 and _is_han(token)


def _is_han(character: str) -> bool:
    code = ord(character)
    return 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF
