"""What is asked for and what is obtained; devices that are not here are stood in for by sessions on the CPU that say otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from meetbefore_assets.core.errors import ModelError
from meetbefore_assets.core.model_packs import ModelPack
from meetbefore_assets.faces.models import face_models
from meetbefore_assets.faces.models.devices import DEVICES, PROVIDERS, obtained_device, requested_providers
from meetbefore_assets.faces.models.face_models import ArcFaceEmbedder
from meetbefore_assets.faces.models.find_pack import find_pack
from meetbefore_assets.faces.models.onnx_session import prepare_recogniser, session
from meetbefore_assets.home.settings.sections import ModelsSettings

OFFERED = onnxruntime.get_available_providers()
CPU = PROVIDERS["cpu"]
OTHERS = [name for name in PROVIDERS if name != "cpu"]
RNG = np.random.default_rng(5)


@pytest.fixture(name="sface", scope="module")
def _sface() -> ModelPack:
    return find_pack("sface", Path("nowhere"))


@pytest.fixture(name="prepared", scope="module")
def _prepared(sface: ModelPack) -> bytes:
    return prepare_recogniser(sface.recogniser_path)


class StandIn:
    """A session that runs on the CPU, and says that it runs where it was asked to."""

    def __init__(self, made: Any, providers: list[str]) -> None:
        self._made = made
        self._providers = providers
        self.batches: list[int] = []

    def get_providers(self) -> list[str]:
        return self._providers

    def run(self, names: list[str] | None, inputs: dict[str, np.ndarray]) -> Any:
        self.batches += [len(value) for value in inputs.values()]
        return self._made.run(names, inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


@pytest.fixture(name="offer")
def _offer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has onnxruntime offer some devices; those that `work` are stood in for, the others fall back as onnxruntime does."""
    make = onnxruntime.InferenceSession

    def offer(*devices: str, work: bool) -> None:
        def made(model: Any, options: Any, providers: list[Any]) -> Any:
            names = [entry if isinstance(entry, str) else entry[0] for entry in providers]
            return StandIn(make(model, options, providers=[CPU]), names if work else [CPU])

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*(PROVIDERS[name] for name in devices), CPU])
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(onnxruntime, "InferenceSession", made)

    return offer


def names(providers: list[Any]) -> list[str]:
    return [entry if isinstance(entry, str) else entry[0] for entry in providers]


def test_the_setting_knows_the_same_devices() -> None:
    assert ModelsSettings.model_fields["device"].annotation.__args__ == DEVICES  # type: ignore[union-attr]


def test_auto_runs_somewhere_and_says_where(prepared: bytes) -> None:
    made = session(prepared, device="auto", threads=1)
    assert PROVIDERS[obtained_device(made)] == made.get_providers()[0]


@pytest.mark.parametrize("device", [name for name in PROVIDERS if PROVIDERS[name] not in OFFERED])
def test_a_device_that_is_not_there_is_an_error_that_names_both(prepared: bytes, device: str) -> None:
    with pytest.raises(ModelError, match=f"'{device}': expected {PROVIDERS[device]}, obtained CPUExecutionProvider") as error:
        session(prepared, device=device, threads=1)
    assert error.value.remedy


@pytest.mark.parametrize("device", OTHERS)
def test_a_device_that_is_offered_and_fails_is_an_error(prepared: bytes, offer: Any, device: str) -> None:
    offer(device, work=False)
    with pytest.raises(ModelError, match="obtained CPUExecutionProvider"):
        session(prepared, device=device, threads=1)


def test_auto_falls_back_where_what_is_offered_fails(prepared: bytes, offer: Any) -> None:
    offer("cuda", work=False)
    assert obtained_device(session(prepared, device="auto", threads=1)) == "cpu"


@pytest.mark.parametrize(
    ("offered", "taken"), [((), "cpu"), (("openvino",), "openvino"), (("openvino", "cuda"), "cuda"), (("tensorrt", "coreml"), "cpu")]
)
def test_auto_takes_the_best_that_is_offered(prepared: bytes, offer: Any, offered: tuple[str, ...], taken: str) -> None:
    offer(*offered, work=True)
    assert obtained_device(session(prepared, device="auto", threads=1)) == taken


@pytest.mark.parametrize("device", list(PROVIDERS))
def test_every_device_that_works_is_obtained_by_name(prepared: bytes, offer: Any, device: str) -> None:
    offer(*OTHERS, work=True)
    assert obtained_device(session(prepared, device=device, threads=1)) == device


def test_tensorrt_leaves_what_it_cannot_do_to_cuda_and_all_end_at_the_cpu(offer: Any) -> None:
    offer("cuda", "tensorrt", work=True)
    assert names(requested_providers("tensorrt", 1)) == [PROVIDERS["tensorrt"], PROVIDERS["cuda"], CPU]
    assert names(requested_providers("cuda", 1)) == [PROVIDERS["cuda"], CPU]
    assert requested_providers("cpu", 1) == [CPU]


def test_a_gpu_is_given_batches_and_the_cpu_single_faces(sface: ModelPack, offer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert face_models._BATCH["cuda"] >= 32
    monkeypatch.setitem(face_models._BATCH, "cuda", 4)
    crops = RNG.integers(0, 256, (6, 112, 112, 3), dtype=np.uint8)
    found = {}
    offer("cuda", work=True)
    for device, batches in (("cuda", [4, 2]), ("cpu", [1] * 6)):
        embedder = ArcFaceEmbedder(sface.recogniser_path, "x", sface.recogniser, device=device, threads=1)
        found[device] = embedder.embed(crops)
        assert embedder._arcface.session.batches == batches
        assert embedder.device == device
    np.testing.assert_allclose(found["cuda"], found["cpu"], atol=1e-4)


def test_an_unknown_device_is_refused(prepared: bytes) -> None:
    with pytest.raises(ModelError, match="'tpu', expected one of auto, cpu, openvino, cuda, tensorrt, coreml"):
        session(prepared, device="tpu", threads=1)


@pytest.mark.skipif(PROVIDERS["openvino"] not in OFFERED, reason="this onnxruntime has no OpenVINO")
def test_openvino_gives_the_vectors_of_onnxruntime(sface: ModelPack) -> None:
    crops = RNG.integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    vectors = []
    for device in ("cpu", "openvino"):
        embedder = ArcFaceEmbedder(sface.recogniser_path, "x", sface.recogniser, device=device, threads=1)
        assert embedder.device == device
        raw = embedder.embed(crops)
        vectors.append(raw / np.linalg.norm(raw, axis=1, keepdims=True))
    assert (vectors[0] * vectors[1]).sum(axis=1).min() > 0.998  # bfloat16 where the processor has it
