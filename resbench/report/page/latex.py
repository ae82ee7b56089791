"""A table as LaTeX with the rules of booktabs: every value is escaped as it is written."""

from __future__ import annotations

import re

from resbench.report.document import Table, slug

_ONE_PAGE = 45  # rows; a longer table goes over several pages
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",  # after \\ they would be options
    "±": r"\ensuremath{\pm}", "−": r"\ensuremath{-}", "×": r"\ensuremath{\times}", "·": r"\ensuremath{\cdot}",
    "≤": r"\ensuremath{\leq}", "≥": r"\ensuremath{\geq}", "≈": r"\ensuremath{\approx}", "→": r"\ensuremath{\to}",
    "Δ": r"\ensuremath{\Delta}", "ρ": r"\ensuremath{\rho}", "σ": r"\ensuremath{\sigma}", "α": r"\ensuremath{\alpha}",
    "χ": r"\ensuremath{\chi}", "η": r"\ensuremath{\eta}", "ω": r"\ensuremath{\omega}", "²": r"\ensuremath{^2}",
    "…": r"\ldots{}", "–": "--", "—": "---", "\u2019": "'", "\u201c": "``", "\u201d": "''",
}  # fmt: skip


def escape(text: str) -> str:
    """Text that LaTeX sets as it is; a character that its fonts lack is named by its number."""
    return "".join(map(_character, re.sub(r"-(?=-)", "-\0", " ".join(text.split())))).replace("\0", "{}")


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character == "\0" or " " <= character <= "~" or ("¡" <= character <= "ž" and character.isalpha()):
        return character
    return rf"\texttt{{U+{ord(character):04X}}}"


def latex(table: Table, study: str, title: str = "") -> str:
    r"""The table as a file for \input.

    Args:
        study: with the name of the table it makes the label, so that tables of several studies fit into one paper.
        title: what stands before the caption.
    """
    columns = "".join("r" if right else "l" for right in table.right)
    caption = escape(" ".join(part for part in (f"{title}." if title else "", table.caption) if part))
    head = " & ".join(map(escape, table.head)) + r" \\"
    body = [" & ".join(map(escape, row)) + r" \\" for row in table.rows]
    mark = rf"\caption{{{caption}}}\label{{tab:{slug(study)}-{table.name}}}"
    if len(table.rows) > _ONE_PAGE:
        lines = ["% needs booktabs and longtable", rf"\begin{{longtable}}{{{columns}}}", rf"{mark}\\"]
        lines += [r"\toprule", head, r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead"]
        lines += [r"\bottomrule", r"\endlastfoot", *body, r"\end{longtable}"]
    else:
        lines = ["% needs booktabs", r"\begin{table}", r"\centering", mark, rf"\begin{{tabular}}{{{columns}}}"]
        lines += [r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"
