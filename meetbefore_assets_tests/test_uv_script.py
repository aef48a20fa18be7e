"""`./uv`, the README's way to everything: it takes the uv that is there, or else installs one beside itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "uv"
TOOLS = ("sh", "dirname", "rm", "mkdir", "chmod", "cat")
UV = '#!/bin/sh\necho {name} "$@"'
# A Python that knows no more than the script asks of it: what it has is in $HAS.
PYTHON = """#!/bin/sh
put() { mkdir -p "$1/bin"; printf '#!/bin/sh\\n%s' "$2" > "$1/bin/$3"; chmod +x "$1/bin/$3"; }
case "$2 $3 $HAS" in
  "pip --version"*pip*) ;;
  "pip install"*)
    put "$HERE/.uv" 'echo installed "$@"' uv
    case "$*" in *"--target $HERE/.uv uv") echo pip ;; *) echo venv ;; esac > "$HERE/by" ;;
  "venv $HERE/.uv"*venv*) put "$3" "exec python3 \\"\\$@\\"" python ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, and `bin` with the few programs that every machine has."""
    folder = tmp_path / "a checkout"
    (tmp_path / "bin").mkdir()
    folder.mkdir()
    shutil.copy(SCRIPT, folder / "uv")
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return folder


def put(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def call(checkout: Path, has: str = "", before: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{before}{checkout.parent / 'bin'}", "HAS": has, "HERE": str(checkout)}
    return subprocess.run([checkout / "uv", "run", "x y"], env=environment, cwd="/", capture_output=True, text=True, check=False)


def test_the_uv_of_the_path_is_taken(checkout: Path) -> None:
    put(checkout.parent / "bin" / "uv", UV.format(name="theirs"))
    assert call(checkout).stdout == "theirs run x y\n"
    assert not (checkout / ".uv").exists()


@pytest.mark.parametrize(("has", "by"), [("pip venv", "pip"), ("pip", "pip"), ("venv", "venv")])
def test_one_is_installed_beside_it_once(checkout: Path, has: str, by: str) -> None:
    put(checkout.parent / "bin" / "python3", PYTHON)
    done = call(checkout, has)
    assert done.stdout == "installed run x y\n", done.stderr
    assert "installing uv into" in done.stderr
    assert (checkout / "by").read_text().strip() == by
    assert call(checkout, has).stderr == ""


def test_it_does_not_take_itself_nor_a_uv_that_does_not_work(checkout: Path) -> None:
    put(checkout.parent / "bin" / "python3", PYTHON)
    assert call(checkout, "pip", before=f"{checkout}{os.pathsep}").stdout == "installed run x y\n"
    put(checkout.parent / "bin" / "uv", "#!/bin/sh\nexit 127")
    assert call(checkout, "pip").stdout == "installed run x y\n"


def test_what_is_missing_is_said(checkout: Path) -> None:
    nothing = call(checkout)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "expected Python 3 as 'python3', found none" in nothing.stderr
    put(checkout.parent / "bin" / "python3", PYTHON)
    neither = call(checkout)
    assert neither.returncode == 2
    assert "has neither pip nor venv. Install one of them" in neither.stderr
    assert not (checkout / ".uv").exists()
