"""What is printed on terminals that lack a character, and into pipes that no program reads."""

import os
import subprocess
import sys

import pytest
from support.faults import ROOT

PRINT = """
import sys
from resbench.core.terminal import prepare_output
prepare_output()
for _ in range(int(sys.argv[1])):
    print("\\N{MINUS SIGN}2.15 \\N{PLUS-MINUS SIGN} 0.1 \\u017e", flush=True)
print("done", file=sys.stderr)
"""


def start(encoding: str, lines: int) -> subprocess.Popen[bytes]:
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", PRINT, str(lines)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", b"-2.15 +/- 0.1 \\u017e\n"),
        ("cp1252", b"-2.15 \xb1 0.1 \x9e\n"),
        ("utf-8", "−2.15 ± 0.1 ž\n".encode()),
    ],
)
def test_the_sign_of_a_number_is_kept(encoding: str, expected: bytes) -> None:
    out, err = start(encoding, 1).communicate()
    assert (out, err) == (expected, b"done\n")


def test_a_closed_pipe_stops_nothing() -> None:
    process = start("utf-8", 1000)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b"done\n"
    assert process.wait() == 0
