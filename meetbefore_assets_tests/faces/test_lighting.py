"""Portraits: of real faces, the well-lit and sharp ones win over the same faces made dark, noisy, blurred or burnt out."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.ports import U8
from meetbefore_assets.demo.cast import PEOPLE, Person
from meetbefore_assets.demo.paint import shipped_picture
from meetbefore_assets.faces.lighting import TOO_DARK, contrast, light, portrait_score
from meetbefore_assets.faces.quality import sharpness


def crop_of(person: Person) -> U8:
    x1, y1, x2, y2 = (int(value) for value in person.box)
    picture = shipped_picture(person.package, person.picture)[y1:y2, x1:x2]
    return np.asarray(cv2.resize(picture, (112, 112), interpolation=cv2.INTER_AREA), np.uint8)


CROPS = np.stack([crop_of(person) for person in PEOPLE])


def dimmed(crops: U8, factor: float) -> U8:
    return np.asarray(np.round(crops * factor), np.uint8)


def noisy_dark(crops: U8) -> U8:
    """As a camera sees by night: hardly any light, and noise, which looks like fine detail."""
    noise = np.random.default_rng(1).normal(0, 4, crops.shape)
    return np.asarray(np.clip(crops * 0.06 + noise, 0, 255), np.uint8)


def blurred(crops: U8) -> U8:
    return np.stack([np.asarray(cv2.GaussianBlur(crop, (0, 0), 3), np.uint8) for crop in crops])


def burnt(crops: U8) -> U8:
    return np.asarray(np.clip(crops.astype(np.float32) * 2.5 + 40, 0, 255), np.uint8)


def scores(crops: U8) -> list[float]:
    same_quality = np.full(len(crops), 0.8, np.float32)
    return portrait_score(light(crops), contrast(crops), sharpness(crops), same_quality).tolist()


@pytest.mark.parametrize(
    "spoil", [lambda crops: dimmed(crops, 0.25), noisy_dark, blurred, burnt], ids=["dark", "night", "blurred", "burnt"]
)
def test_everybodys_portrait_is_the_face_as_it_was_taken(spoil: object) -> None:
    assert callable(spoil)
    for good, bad in zip(scores(CROPS), scores(spoil(CROPS)), strict=True):
        assert good > 1.1 * bad


def test_noise_in_the_dark_looks_sharp_and_still_loses() -> None:
    assert (sharpness(noisy_dark(CROPS)) > sharpness(CROPS)).all(), "which is why sharpness alone chose black portraits"
    assert (light(noisy_dark(CROPS)) < TOO_DARK).all()
    assert (light(CROPS) > 5 * TOO_DARK).all()


def test_ends_of_the_scale() -> None:
    black, white, grey = (np.full((1, 112, 112, 3), value, np.uint8) for value in (0, 255, 128))
    assert [float(light(crop)[0]) for crop in (black, white, grey)] == [0.0, 0.0, 1.0]
    assert [float(contrast(crop)[0]) for crop in (black, white, grey)] == [0.0, 0.0, 0.0]
    nobody = np.empty((0, 112, 112, 3), np.uint8)
    assert len(light(nobody)) == len(contrast(nobody)) == 0


@given(st.floats(0.05, 0.95), st.integers(0, len(CROPS) - 1))
def test_less_light_is_never_more(factor: float, row: int) -> None:
    crop = CROPS[row : row + 1]
    again = dimmed(crop, factor)
    unburnt = float((crop < 250).mean())
    assert light(again)[0] <= light(crop)[0] / unburnt + 1e-6
    assert contrast(again)[0] <= contrast(crop)[0] + 0.05  # rounding to whole grey values


@given(*[st.floats(0, 1) for _ in range(4)], st.integers(0, 3), st.floats(0, 1))
def test_a_portrait_is_no_worse_for_more_of_anything(a: float, b: float, c: float, d: float, which: int, more: float) -> None:
    before = np.array([a, b, c, d], np.float32)[:, None]
    after = before.copy()
    after[which] = max(float(after[which, 0]), more)
    assert 0 <= portrait_score(*before)[0] <= portrait_score(*after)[0] <= 1
