"""What the bench of picks and rejects finds, on few scenes."""

import argparse

from benchmarks import calibration
from lychee_app.model.threads import limited


def test_decisions_bring_the_probability_nearer_to_what_is_wanted() -> None:
    parser = argparse.ArgumentParser()
    calibration.add_arguments(parser)
    words = "--queries 1 --scenes 30 --decided 6 20 --wanted 0.3 --slips 0"
    with limited(1):
        few, enough = calibration.run(parser.parse_args(words.split()))["records"]
    assert few == {"wanted": 0.3, "decided": 6, "fitted": 0, "of": 1}
    assert (enough["fitted"], enough["of"]) == (1, 1)
    assert enough["brier_fitted"] < enough["brier_own"]
