"""Downloads InsightFace's packs over https, checked against their known hash; gives up soon without a network."""

import hashlib
import queue
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import requests

from meetbefore_assets.core.errors import PackBrokenError, PackNotFoundError
from meetbefore_assets.core.model_packs import PackSource, Progress
from meetbefore_assets.storage.file_locks import hold

WAIT_FOR_EVER = -1.0
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 8.0  # requests has no timeout for name resolution
READ_TIMEOUT_S = 30.0
MAX_UNPACKED_BYTES = 2_000_000_000  # more than four times the largest pack of InsightFace


def fetch_pack(pack: PackSource, places: list[Path], progress: Progress | None, check: Callable[[Path], object]) -> None:
    """Download a pack into the first of `places`; other processes that want the same pack wait.

    Args:
        pack: the pack.
        places: folders it was searched in; the first becomes its folder.
        progress: called with bytes done and bytes in all (0: unknown).
        check: raises if the unpacked folder is no pack; then nothing is kept.

    Raises:
        PackNotFoundError: it could not be downloaded: there is no network, or an address without https.
        PackBrokenError: the download is not the known archive, or no pack.
    """
    target = places[0]
    with hold(target.parent, f".{pack.name}", WAIT_FOR_EVER):
        if target.is_dir():
            return
        for left_over in target.parent.glob(f".{pack.name}-*"):  # of a killed download; this process holds the lock
            shutil.rmtree(left_over)
        with tempfile.TemporaryDirectory(prefix=f".{pack.name}-", dir=target.parent) as scratch:
            archive, unpacked = Path(scratch) / "pack.zip", Path(scratch) / "pack"
            try:
                _download(pack, archive, progress)
            except (OSError, requests.RequestException, TimeoutError) as error:
                raise not_found(pack, places, _in_short(error)) from error
            _unpack(archive, unpacked)
            check(unpacked)
            unpacked.rename(target)


def _in_short(error: Exception) -> str:
    if isinstance(error, requests.exceptions.InvalidSchema):
        return f"the way leads to an address without https ({error})"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the server could not prove who it is ({error})"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error) or type(error).__name__


def _download(pack: PackSource, archive: Path, progress: Progress | None) -> None:
    """Download an archive. Raises OSError or RequestException if that fails, PackBrokenError if it is not the known archive."""
    digest = hashlib.sha256()
    with _answer(_download_url(pack.name)) as response, archive.open("wb") as file:
        if response.status_code != 200:
            raise OSError(f"the server answered {response.status_code}, expected 200")
        for chunk in response.iter_content(1 << 20):
            file.write(chunk)
            digest.update(chunk)
            if file.tell() > pack.size_bytes:
                raise _another(pack, f"more than the {pack.size_bytes:,} bytes it has")
            if progress:
                progress(file.tell(), pack.size_bytes)
        if file.tell() < pack.size_bytes:
            raise OSError(f"the connection ended after {file.tell():,} of {pack.size_bytes:,} bytes")
    if digest.hexdigest() != pack.sha256:
        raise _another(pack, f"sha256 {digest.hexdigest()}")


def _another(pack: PackSource, found: str) -> PackBrokenError:
    return PackBrokenError(
        f"what was downloaded as {pack.name} is not the archive that is known: expected sha256 {pack.sha256}, found {found}; "
        "nothing was unpacked.",
        remedy="Somebody may have exchanged it on the way: try again in another network.",
    )


def _answer(url: str) -> requests.Response:
    """Request a URL; raises an error in time, whatever the network does."""
    answers: queue.Queue[requests.Response | Exception] = queue.Queue()

    def ask() -> None:
        try:
            session = requests.Session()
            session.adapters.pop("http://")  # neither the address nor where it is redirected to may be without https
            answers.put(session.get(url, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)))
        except Exception as error:  # handed to the caller below
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_TIMEOUT_S)
    except queue.Empty:
        raise TimeoutError(f"no answer within {ANSWER_TIMEOUT_S:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if not (folder / entry.filename).resolve().is_relative_to(folder.resolve()):
                    raise PackBrokenError(f"the archive holds '{entry.filename}', which lies outside of its folder; nothing was unpacked.")
            if sum(entry.file_size for entry in packed.infolist()) > MAX_UNPACKED_BYTES:
                raise PackBrokenError(f"the archive unpacks to more than {MAX_UNPACKED_BYTES} bytes; nothing was unpacked.")
            packed.extractall(folder)
    except zipfile.BadZipFile as error:
        raise PackBrokenError(f"the download is no whole zip archive: {error}.", remedy="Try again.") from error


def not_found(pack: PackSource, places: list[Path], why: str) -> PackNotFoundError:
    """The error for a pack that was not found; it names the places, why the download failed, and how to install it by hand."""
    url = _download_url(pack.name)
    return PackNotFoundError(
        f"the pack {pack.name} was looked for in {' and '.join(str(place) for place in places)} and is not there, "
        f"and could not be downloaded from {url}: {why}.",
        remedy=f"Unpack {pack.name}.zip ({pack.size_bytes / 1e6:.0f} MB) from there into {places[0]} by hand, "
        f"or use the pack sface. {pack.licence}",
    )


def _download_url(name: str) -> str:
    from insightface.utils.storage import model_zoo_download_url  # here, since insightface takes 2 s to import

    return str(model_zoo_download_url(f"{name}.zip"))
