"""Implements the port `FaceAdapters`; each library is loaded when it is first needed, so that reading commands start fast."""

from pathlib import Path

from meetbefore_assets.core.model_packs import FoundPack, LoadedPack
from meetbefore_assets.core.ports import FaceImaging


class Faces:
    """Face models as onnxruntime runs them, and pictures as OpenCV handles them."""

    def __init__(self, home_folder: Path) -> None:
        self._home_folder = home_folder

    def find_pack(self, name: str) -> FoundPack:
        from meetbefore_assets.faces.models.find_pack import find_pack

        return find_pack(name, self._home_folder)

    def load_pack(self, pack: FoundPack, device: str, threads: int) -> LoadedPack:
        from meetbefore_assets.faces.models.face_models import load_pack
        from meetbefore_assets.faces.models.opencv_imaging import use_one_thread

        use_one_thread()  # the cores are shared out among pictures
        return load_pack(pack, device=device, threads=threads)

    def open_imaging(self) -> FaceImaging:
        from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging

        return OpenCvImaging()

    def is_gpu_used(self, device: str) -> bool:
        if device != "auto":
            return device in ("cuda", "tensorrt")
        from meetbefore_assets.faces.models.devices import is_gpu_offered

        return is_gpu_offered()
