"""Name each place in the files of the repository that has a word of `WORDS`; exit 1 if there is one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = {  # and what to write
    "lest": "so that ... not",
    "anew": "again",
    "whoever": "who",
    "nobody": "no one",
    "beside": "next to",
    "for want of": "without",
    "at the least": "at least",
    "of a claim whose": "of a claim with",
    "what stands in": "what is in",
}
# in questions of committed studies, which stay as they were asked
KEPT = ("halved beside a full branch", "beside the untuned arm", "Beside gradients: how shattered")
# as whole words, also over the end of a line; not in ~nobody-here
PATTERN = re.compile(r"(?<![\w/~-])(" + "|".join(WORDS).replace(" ", r"[\s#>]+") + r")(?![\w-])", re.IGNORECASE)


def main() -> int:
    others = [f":!{name}" for name in ("results", "*.png", "*.svg", "uv.lock", Path(__file__).relative_to(ROOT))]
    listed = ["git", "ls-files", "-z", *others]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    failed = 0
    for path in filter(Path.is_file, (ROOT / name for name in names)):
        text = path.read_text(encoding="utf-8")
        for kept in KEPT:
            text = text.replace(kept, "")
        for found in PATTERN.finditer(text):
            word = " ".join(re.split(r"[\s#>]+", found[1].lower()))
            line = text.count("\n", 0, found.start()) + 1
            print(f"{path.relative_to(ROOT)}:{line}: {word!r}: write {WORDS[word]!r}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
