"""Downloads one of InsightFace's packs, whole or not at all, and gives up soon where there is no network."""

import queue
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import requests

from meetbefore_assets.core.errors import PackBrokenError, PackNotFoundError
from meetbefore_assets.core.model_packs import NamedPack, Progress
from meetbefore_assets.storage.file_locks import hold

WAIT_FOR_EVER = -1.0
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 8.0  # looking up a name is bounded by no timeout of requests
READ_TIMEOUT_S = 30.0
MAX_UNPACKED_BYTES = 2_000_000_000  # the largest pack of InsightFace unpacks to less than a quarter of it


def fetch_pack(pack: NamedPack, places: list[Path], progress: Progress | None, check: Callable[[Path], object]) -> None:
    """Download a pack into the first of `places`; another process that wants the same pack waits.

    Args:
        pack: what to fetch.
        places: folders it was looked for in; the first becomes the pack.
        progress: called with bytes done and bytes in all (0: unknown).
        check: raises where the unpacked folder is no pack; then nothing is kept.

    Raises:
        PackNotFoundError: it could not be downloaded.
        PackBrokenError: what was downloaded is no pack.
    """
    target = places[0]
    with hold(target.parent, f".{pack.name}", WAIT_FOR_EVER):
        if target.is_dir():
            return
        for left_over in target.parent.glob(f".{pack.name}-*"):  # of a download that was killed; nobody else is here
            shutil.rmtree(left_over)
        with tempfile.TemporaryDirectory(prefix=f".{pack.name}-", dir=target.parent) as scratch:
            archive, unpacked = Path(scratch) / "pack.zip", Path(scratch) / "pack"
            try:
                _download(_download_url(pack.name), archive, progress)
            except (OSError, requests.RequestException, TimeoutError) as error:
                raise not_found(pack, places, _in_short(error)) from error
            _unpack(archive, unpacked)
            check(unpacked)
            unpacked.rename(target)


def _in_short(error: Exception) -> str:
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error) or type(error).__name__


def _download(url: str, archive: Path, progress: Progress | None) -> None:
    response = _answer(url)
    with response, archive.open("wb") as file:
        if response.status_code != 200:
            raise OSError(f"the server answered {response.status_code}, expected 200")
        total = int(response.headers.get("content-length", 0))
        for chunk in response.iter_content(1 << 20):
            file.write(chunk)
            if progress:
                progress(file.tell(), total)
        if total and file.tell() != total:
            raise OSError(f"the connection ended after {file.tell()} of {total} bytes")


def _answer(url: str) -> requests.Response:
    """The server's answer, or an error in time whatever the network does."""
    answers: queue.Queue[requests.Response | Exception] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(requests.get(url, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)))
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


def not_found(pack: NamedPack, places: list[Path], why: str) -> PackNotFoundError:
    """Says what was looked for, where, why it could not be fetched, and how to put it there by hand."""
    url = _download_url(pack.name)
    return PackNotFoundError(
        f"the pack {pack.name} was looked for in {' and '.join(str(place) for place in places)} and is not there, "
        f"and could not be downloaded from {url}: {why}.",
        remedy=f"Unpack {pack.name}.zip ({pack.size_mb} MB) from there into {places[0]} by hand, or use the pack sface. {pack.licence}",
    )


def _download_url(name: str) -> str:
    from insightface.utils.storage import model_zoo_download_url  # here, since insightface takes 2 s to import

    return str(model_zoo_download_url(f"{name}.zip"))
