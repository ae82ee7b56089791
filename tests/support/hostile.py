"""What a stranger may write into a file: names, tags and markup that attack whatever reads them."""

from __future__ import annotations

NAMES: tuple[object, ...] = (
    "../out", "../../etc/cron.d/x", "/etc/passwd", "a/b", "a\\b", "..", ".", "", ".hidden", "nul", "con", "CON", "aux.txt",
    "com1", "lpt9.json", "a\0b", "a\nb", "x" * 65, "x" * 300, "end.", "é", "<script>", "-rf", "~", "$HOME", "goals", "index.html",
    3, None, ["a"],
)  # fmt: skip
TAGS = (
    "!!python/object/apply:os.system ['touch owned']", "!!python/object/new:os.system ['touch owned']",
    "!!python/name:os.system ''", "!!python/module:os ''", "!!python/object/apply:builtins.exec ['open(\"owned\", \"w\")']",
    "!!python/object:collections.OrderedDict {}", "!own {}", "!!binary b3duZWQ=", "!!set {a}", "!!omap [a: 1]",
)  # fmt: skip
MARKUP = (
    "<script>owned()</script>", "</script><svg onload=owned()>", "<img src=x onerror=owned()>", "'\"><b onmouseover=owned()>",
    "[click](javascript:owned())", "![x](http://there/x.png)", "| a | b |", "`code`", "\x1b[2J\x1b]0;owned\x07", "\x00\x08\x9b31m",
    "=HYPERLINK(\"http://there\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "$\\frac$", "{{ 7*7 }}", "{% raw %}", "\\input{/etc/passwd}",
)  # fmt: skip
