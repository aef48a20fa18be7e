"""Starts a program that serves pages, waits until its address answers, and ends it as Ctrl-C would.

usage: python until_it_answers.py COMMAND     (one word, for bash)

The address is read from what the program prints. Exits with 0 if it answered with a page.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_S = 240.0


def main(command: str) -> int:
    """0 if the address that the command prints answers with a page."""
    with tempfile.TemporaryFile("w+") as said:
        program = subprocess.Popen(["bash", "-c", f"exec env {command}"], stdout=said, stderr=subprocess.STDOUT)
        end = time.monotonic() + PATIENCE_S
        try:
            while time.monotonic() < end and program.poll() is None:
                said.seek(0)
                addresses = re.findall(r"https?://(?:127\.0\.0\.1|localhost):\d+[^\s'\"]*", said.read())
                if addresses and _answers(addresses[-1]):
                    return 0
                time.sleep(0.5)
            said.seek(0)
            print(f"no page came from: {command}\n{said.read()}", file=sys.stderr)
            return 1
        finally:
            program.send_signal(signal.SIGINT)
            try:
                program.wait(30)
            except subprocess.TimeoutExpired:
                program.kill()


def _answers(address: str) -> bool:
    try:
        # Not through the environment's proxy: it is this machine that is asked.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        # It answers, and asks who is there.
        return error.code in (401, 403)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
