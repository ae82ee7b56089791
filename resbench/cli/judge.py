"""The command that judges two files of results: judge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.options import Json
from resbench.core.files import user_path
from resbench.core.text import printable


def judge(
    ours: Annotated[Path, typer.Argument(parser=user_path, metavar="OURS", help="CSV, JSON or Parquet: a row a seed.")],
    theirs: Annotated[
        Path, typer.Argument(parser=user_path, metavar="THEIRS", help="The same of what it is set against.")
    ],
    on: Annotated[
        str | None, typer.Option(metavar="METRIC", help="The column; by default the one that both have.")
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="Of OURS: lower (the default), higher, not_lower, not_higher or equivalent."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Smallest difference that matters; of test_error and its like in points, 0.05 by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path, metavar="PATH", help="Folder of page and looks; by default judged next to OURS."
        ),
    ] = None,
    page: Annotated[bool, typer.Option(help="Write the page.")] = True,
    as_json: Json = False,
) -> None:
    """Judge two files of results, of any program.

    By the rules for claims; exit 0 only if the claim is supported, 1 if not, 2 if files or options mean nothing.

    Each file has a header with `seed` and one metric or more, and a row for each seed; runs with the same seed are
    paired. nan, inf and diverged say that a run did not train; where nothing stands it has not ended. With the test
    images that each run gets wrong, test_error is judged for new images too: columns `wrong` (numbers of images, as
    3 17 204) and `images` (how many were tested), or a file with a row for each seed and image (`seed`, `image`, and
    `wrong` or `correct` of 0 and 1).

    Adding seeds until a verdict pleases errs too often. So looks.json in the folder of the page remembers what was
    judged, and when the same runs are judged again with more seeds, p is that of a test which allows for it.

    \b
    Examples:
      resbench judge ours.csv theirs.csv
      resbench judge new.json old.json --on accuracy --expect higher --margin 0.002

    A loop of experiments that keeps a change only if it is shown to help. Of changes that do nothing about 1 in 40 passes,
    so judge what was kept again, on fresh seeds.

    \b
      while ./propose-change; do
        rm -f candidate.csv
        for seed in 0 1 2 3 4 5 6 7; do python train.py --seed $seed --append-to candidate.csv; done
        if resbench judge candidate.csv best.csv --on loss --no-page; then
          cp candidate.csv best.csv; git commit -am "keep"
        else
          git checkout .
        fi
      done
    """
    from resbench.report.judging.api import judge as judge_files

    judged = judge_files(ours, theirs, on, expect, margin, out=out, page=page)
    if as_json:
        from resbench.report.outputs.studies import judge_output

        print(judge_output(judged).text())
    else:
        print(judged)
        if judged.page:
            print(printable(f"page: {judged.page}"))
    if not judged.supported:
        raise typer.Exit(1)
