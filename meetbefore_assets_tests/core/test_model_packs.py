import subprocess
import sys

import pytest

from meetbefore_assets.core.errors import ThresholdUnknownError
from meetbefore_assets.core.model_packs import PACKS, SFACE, Recogniser, default_threshold, default_track_similarity, known_recogniser

STRANGER = Recogniser("stranger", 256, None, None, "RGB", None, None, "", "ab" * 32)


def test_a_number_in_the_settings_wins() -> None:
    assert default_threshold(SFACE, 0.55) == 0.55
    assert default_threshold(STRANGER, 0.55) == 0.55
    assert default_track_similarity(STRANGER, 0.2) == 0.2


def test_auto_is_what_belongs_to_the_recogniser() -> None:
    assert default_threshold(SFACE, "auto") == SFACE.threshold
    assert default_track_similarity(SFACE, "auto") == SFACE.track_similarity


def test_nobody_guesses_a_threshold_for_an_unknown_recogniser() -> None:
    with pytest.raises(ThresholdUnknownError, match=r"stranger \(sha256 abab.*matching.threshold"):
        default_threshold(STRANGER, "auto")
    with pytest.raises(ThresholdUnknownError, match=r"tracks\.min_similarity"):
        default_track_similarity(STRANGER, "auto")


def test_a_recogniser_is_known_by_content_whatever_its_name_and_pack() -> None:
    assert known_recogniser(SFACE.sha256, "x.onnx", None) is SFACE


def test_a_recogniser_is_known_by_name_within_its_own_pack_only() -> None:
    found = known_recogniser("00" * 32, "w600k_r50.onnx", PACKS["buffalo_l"])
    assert found is not None
    assert found.vector_size == 512
    assert known_recogniser("00" * 32, "w600k_r50.onnx", None) is None
    assert known_recogniser("00" * 32, "glintr100.onnx", PACKS["buffalo_l"]) is None


@pytest.mark.parametrize("name", [name for name in PACKS if name != "sface"])
def test_packs_of_insightface_say_that_they_are_for_research(name: str) -> None:
    assert "non-commercial research only" in PACKS[name].licence


def test_declarations_load_no_library() -> None:
    code = "import sys, meetbefore_assets.core.model_packs; print([n for n in ('numpy', 'onnx', 'cv2', 'polars') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
