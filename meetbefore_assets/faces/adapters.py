"""The face adapters of a home (port `FaceAdapters`). Libraries are imported at first use, so that commands start fast."""

from pathlib import Path

from meetbefore_assets.core.model_packs import LoadedModels, ModelPack
from meetbefore_assets.core.ports import FaceImaging


class Faces:
    """Face models with onnxruntime, and picture handling with OpenCV."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder

    def find_pack(self, name: str) -> ModelPack:
        from meetbefore_assets.faces.models.find_pack import find_pack

        found = find_pack(name, self._home_folder)
        if found.recogniser.threshold is not None:
            return found
        from meetbefore_assets.faces.models.input_trial import with_tried_input

        return with_tried_input(found, self._home_folder)

    def load_models(self, pack: ModelPack, device: str, threads: int) -> LoadedModels:
        from meetbefore_assets.faces.models.face_models import load_models
        from meetbefore_assets.faces.models.opencv_imaging import use_one_thread

        use_one_thread()  # the cores work on different pictures instead
        return load_models(pack, device=device, threads=threads)

    def open_imaging(self) -> FaceImaging:
        from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging

        return OpenCvImaging()

    def is_gpu_used(self, device: str) -> bool:
        if device != "auto":
            return device in ("cuda", "tensorrt")
        from meetbefore_assets.faces.models.devices import is_gpu_offered

        return is_gpu_offered()
