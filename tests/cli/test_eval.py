"""`lychee eval`, held to its contract: what it prints where, and how it ends."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import skimage

from lychee_app import demo, evaluate
from tests.cli.conftest import Lychee, document, process

TRUTH = [("red umbrella", 0), ("绿色沙发", 1), ("green sofa + brass lamp", 0.5)]


@pytest.fixture
def truth(scenes: Path, tmp_path: Path) -> Path:
    """Three queries of the four scenes; the pictures lie elsewhere."""
    lines = ["query,image,relevance"]
    for at, file in enumerate(sorted(scenes.iterdir())):
        lines += [f"{query},{file.name},{grade if at % 2 else 0}" for query, grade in TRUTH]
    (tmp_path / "truth.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "truth.csv"


def test_the_gallery_with_its_own_truth_is_ranked_as_it_should_be(lychee: Lychee, tmp_path: Path) -> None:
    demo.write_gallery(tmp_path / "gallery")
    status, out, err = lychee("eval", tmp_path / "gallery" / "truth.json", "--json", "-")
    told = document(out)
    assert (status, err) == (0, "")
    assert told["ndcg_at_10"] > 0.95
    assert told["spearman"] > 0.9
    for name in ("ndcg_at_5", "map", "precision_at_5", "auc", "ece"):
        low, high = told["intervals"][name]
        assert low <= told[name] <= high or told[name] == pytest.approx(high)
    assert (told["images"], told["relevant"], told["images_looked_at"]) == (32, 13, 32)
    assert (told["model"], told["mode"], told["precision"]) == ("demo", "judge", "float32")
    assert told["checkpoint_hash"]
    assert {"lychee", "python", "torch", "scikit-learn"} <= set(told["versions"])
    assert told["machine"]["cores"] > 0
    assert [one["query"] for one in told["queries"]] == [demo.GALLERY_QUERY]


def test_tables_tell_every_measure_and_every_query(
    lychee: Lychee, truth: Path, scenes: Path, tmp_path: Path
) -> None:
    plot, file = tmp_path / "plot.svg", tmp_path / "found.json"
    status, out, _ = lychee("eval", truth, "--images", scenes, "--plot", plot, "--json", file)
    assert status == 0
    for word in ("nDCG@10", "precision@5", "Spearman", "ECE", "绿色沙发", "4 images judged"):
        assert word in out
    told = json.loads(file.read_text("utf-8"))
    drawing = ElementTree.parse(plot)
    filled = [one for one in told["reliability"] if one["images"]]
    assert len(drawing.findall("{*}circle")) == len(filled)
    lines = [line for line in drawing.findall("{*}line") if line.get("stroke-width")]
    assert len(lines) == sum(one["relevant_share_interval"] is not None for one in filled) > 0
    assert told["queries"][0]["auc"] is None
    assert "0 of 4 images are relevant" in told["queries"][0]["reasons"]["auc"]


def test_what_the_judge_does_not_know_of_queries_and_images_is_told(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(scenes, tmp_path / "images"))
    shutil.copy(Path(skimage.__file__).parent / "data" / "chelsea.png", folder)
    lines = ["query,image,relevance"]
    for query in ("red zeppelin", "neon lamp"):
        lines += [f"{query},{file.name},{at % 2}" for at, file in enumerate(sorted(folder.iterdir()))]
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    status, out, err = lychee("eval", tmp_path / "truth.csv", "--images", folder, "--json", "-")
    told = document(out)
    assert (status, told["unknown_words"]) == (0, ["zeppelin", "neon"])
    assert [caveat["code"] for caveat in told["caveats"]] == ["words-unknown", "images-unlike"]
    assert "does not know: zeppelin, neon" in err
    assert "1 of 5 images is unlike" in err


def test_two_settings_are_set_side_by_side(lychee: Lychee, truth: Path, scenes: Path) -> None:
    words = ("eval", truth, "--images", scenes, "--against-image-tokens", 16)
    told = document(lychee(*words, "--json", "-")[1])
    assert (told["token_budget"], told["against"]["token_budget"]) == (49, 16)
    assert set(told["differences"]["auc"]) >= {"difference", "interval", "p_value", "p_reason"}
    assert told["differences"]["auc"]["p_reason_code"] == "eval-few-queries"
    out = lychee(*words)[1]
    assert "float32, 49" in out
    assert "float32, 16" in out


def test_a_second_judge_that_is_not_there_is_told_before_the_first_one_looks(
    lychee: Lychee, truth: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "ask", lambda *_: pytest.fail("an image was looked at"))
    status, _, err = lychee("eval", truth, "--images", scenes, "--against-model", "someone/something")
    assert status == 1
    assert "someone/something is not on this machine" in err


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("query,image\nred,a\n", (2, "lacks relevance")),
        ("query,image,relevance\nred,scene-01.webp,much\n", (2, "line 2: 'much' is no relevance")),
        ("query,image,relevance\nred,scene-99.webp,1\n", (1, "scene-99.webp")),
        ("query,image,relevance\n+++,scene-01.webp,1\n", (2, "query")),
        ("query,image,relevance\nzzzyx,scene-01.webp,1\n", (1, "zzzyx")),
    ],
)
def test_a_truth_that_is_none_ends_before_an_image_is_looked_at(
    lychee: Lychee, scenes: Path, tmp_path: Path, text: str, ends: tuple[int, str]
) -> None:
    (tmp_path / "truth.csv").write_text(text)
    found, out, err = lychee("eval", tmp_path / "truth.csv", "--images", scenes)
    assert (found, out) == (ends[0], "")
    assert ends[1] in err


def test_where_it_goes_is_looked_at_first(lychee: Lychee, truth: Path, scenes: Path) -> None:
    assert lychee("eval", truth, "--images", scenes, "--plot", "-")[0] == 2
    status, out, err = lychee("eval", truth, "--images", scenes, "--plot", "-", "--json", "-")
    assert (status, out) == (2, "")
    assert "--plot" in err
    assert lychee("eval", truth, "--images", scenes, "--json", scenes)[0] == 1
    assert lychee("eval", truth, "--images", scenes, "--json", scenes / "scene-01.webp")[0] == 1
    assert lychee("eval", truth, "--images", scenes, "--plot", scenes / "scene-01.webp")[0] == 1
    before = truth.read_bytes()
    assert "is read by this command" in lychee("eval", truth, "--images", scenes, "--json", truth)[2]
    assert "is read by this command" in lychee("eval", truth, "--images", scenes, "--plot", truth)[2]
    assert truth.read_bytes() == before
    assert lychee("eval", truth, "--images", scenes, "--relevant-from", "0")[0] == 2
    for no_file in (truth.with_name("none.csv"), scenes, scenes / "scene-01.webp"):
        assert lychee("eval", no_file)[0] == 2


def test_broken_images_are_left_out_and_told_and_nothing_but_them_is_a_failure(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "scene-01.webp").write_bytes((scenes / "scene-01.webp").read_bytes())
    truth = tmp_path / "truth.csv"
    truth.write_text("query,image,relevance\nred sofa,broken.png,1\nred sofa,scene-01.webp,0\n")
    status, out, _ = lychee("eval", truth)
    assert status == 0
    assert "1 image has no score and is left out: broken.png" in " ".join(out.split())
    truth.write_text("query,image,relevance\nred sofa,broken.png,1\n")
    status, _, err = lychee("eval", truth)
    assert status == 1
    assert "No image could be scored" in err


def test_the_built_in_suite_tells_what_it_found_and_the_same_again_in_another_process(
    lychee: Lychee,
) -> None:
    status, out, err = lychee("eval", "--suite", "built-in", "--pairs", 1, "--json", "-")
    told = document(out)
    assert (status, err) == (0, "")
    assert (told["model"], told["pairs"]["thing"]["right"]) == ("demo", 1)
    steady = told["steadiness"]
    assert (steady["again"], steady["other_order"], steady["other_query_order"]) == (0, 0, 0)
    assert max(steady.values()) < 1e-4
    words = ("-m", "lychee_app", "eval", "--suite", "built-in", "--pairs", "1", "--json", "-")
    restarted = document(process(*words).communicate()[0].decode())
    assert restarted["fingerprint"] == told["fingerprint"]


def test_one_thing_is_evaluated_at_a_time(lychee: Lychee, truth: Path) -> None:
    for words in (
        (),
        (truth, "--suite", "built-in"),
        (truth, "--pairs", 2),
        ("--suite", "built-in", "--plot", "x.svg"),
        ("--suite", "built-in", "--against-mode", "explain"),
    ):
        assert lychee("eval", *words)[0] == 2


def test_without_its_extra_it_says_what_to_install_before_an_image_is_looked_at(truth: Path) -> None:
    script = (
        "import sys; sys.modules['sklearn'] = None; sys.modules['sklearn.metrics'] = None\n"
        "from lychee_app.cli import main; raise SystemExit(main(['eval', sys.argv[1]]))"
    )
    without = process(truth, script=script)
    out, err = without.communicate()
    assert (without.returncode, out) == (1, b"")
    assert b"pip install scikit-learn" in err
