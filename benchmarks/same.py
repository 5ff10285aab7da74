"""Same in, same out: how far scores are apart between a processor and a card, and from one time to the next.

The same images and queries go through every device and precision; all are compared with float32 on the
processor. Each side also judges everything a second time, the images in another order and then each query
alone. On demo these are its gallery and fresh scenes, four queries each; of any other checkpoint noise.
"""

import argparse
from typing import Any

import numpy as np
import torch

from benchmarks import load
from benchmarks.demo import spearman
from benchmarks.precision import Asked, Measured, demo_questions, opened
from lychee_app.model.scorer import LocalScorer
from lychee_app.settings import Settings

_QUERIES = ("two red cats on a green sofa", "绿色沙发", "a brass lamp", "没有人的海滩, quiet")
PRECISIONS: tuple[Measured, ...] = ("float32", "bfloat16", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo", help="demo, lychee, a hub name or a folder")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[:2], metavar="NAME")
    parser.add_argument("--devices", nargs="+", help="cpu, cuda ... (default: cpu, and cuda if there is one)")
    parser.add_argument("--scenes", type=int, default=20, help="fresh scenes after the gallery, on demo")
    parser.add_argument("--images", type=int, default=4, help="noise images of each size")
    parser.add_argument("--image-tokens", type=int, nargs="+", default=[324], help="of noise images")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = Settings.from_environment()
    devices = arguments.devices or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    sides: list[tuple[str, Measured]] = [("cpu", "float32")]
    sides += [(each, name) for each in devices for name in arguments.precisions if (each, name) != sides[0]]
    asked: Asked = []
    truth: np.ndarray | None = None
    records: list[dict[str, Any]] = []
    for device, precision in sides:
        scorer = opened(arguments.model, precision, device, settings)
        asked = asked or _questions(scorer, arguments, settings)
        margins = _margins(scorer, asked)
        truth = margins if truth is None else truth
        records.append(
            {
                "device": scorer.info.device,
                "precision": precision,
                "passes": type(scorer.parts.forward).__name__,
                "off": _apart(margins, truth),
                "again": _apart(_margins(scorer, asked[::-1])[::-1], margins),
                "alone": _apart(_alone(scorer, asked), margins),
            }
        )
        del scorer  # before the next one comes
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    result = {
        "bench": "same",
        "model": str(arguments.model),
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "images": len(asked),
        "queries_each": len(asked[0][1]),
        "sides": records,
    }
    _show(result)
    return result


def _questions(scorer: LocalScorer, arguments: argparse.Namespace, settings: Settings) -> Asked:
    if arguments.model == "demo":
        return demo_questions(scorer, settings, arguments.scenes)
    token_px = scorer.info.budget.token_px
    return [
        (load.noise_image(tokens, number, token_px), _QUERIES)
        for tokens in arguments.image_tokens
        for number in range(arguments.images)
    ]


def _margins(scorer: LocalScorer, asked: Asked) -> np.ndarray:
    """(images, queries) in nats; the queries of an image are asked together."""
    return np.array(
        [[reply.margin for reply in scorer.judge(image, queries)] for image, queries in asked], np.float64
    )


def _alone(scorer: LocalScorer, asked: Asked) -> np.ndarray:
    return np.array(
        [[scorer.judge(image, [query])[0].margin for query in queries] for image, queries in asked],
        np.float64,
    )


def _apart(found: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """The largest distance in nats of margin and in points of the score, and how alike the orders are."""
    points = [10 / (1 + np.exp(-each)) for each in (found, wanted)]
    return {
        "margin": float(np.abs(found - wanted).max()),
        "points": float(np.abs(points[0] - points[1]).max()),
        "rank": spearman(found.ravel().tolist(), wanted.ravel().tolist()),
    }


def _show(result: dict[str, Any]) -> None:
    count = f"{result['images']} images, {result['queries_each']} queries each"
    print(f"{result['model']}, {count}, torch {result['torch']}, card: {result['card'] or 'none'}")
    print("largest distance, nats of margin and points of 10")
    print(f"{'':18}  from float32 on cpu           the same again      each query alone")
    for each in result["sides"]:
        off, again, alone = each["off"], each["again"], each["alone"]
        print(
            f"{each['device']:8} {each['precision']:9} {off['margin']:.1e} {off['points']:.1e} "
            f"rank {off['rank']:.5f}   {again['margin']:.1e} {again['points']:.1e}   "
            f"{alone['margin']:.1e} {alone['points']:.1e}   {each['passes']}"
        )
