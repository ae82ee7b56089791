"""The page of the speed goals."""

import json
from pathlib import Path
from typing import Any

from resbench.report.document import Bullets, Heading, Paragraph, Table
from resbench.report.goals import goal_blocks


def test_the_page_of_goals_opens_with_what_was_missed(tmp_path: Path) -> None:
    where = {"device_name": "x", "cores": 2, "cpu_capability": "AVX", "versions": {"torch": "2"}, "precision": "fp32"}
    row = {
        "what": "`run` twice",
        "told": "1234.5 s of 56 s (20.00 each)",
        "value": 4.0,
        "most": None,
        "goal": "at least 3",
    }
    growth = {"what": "`report`: time", "against": "cells", "slope": "4.00"}
    sections: dict[str, Any] = {
        "command-line": {
            "rows": [row | {"least": 9.0}],
            "provenance": where | {"revision": "b" * 40},
            "seconds": 40,
        },
        "width-16": {
            "rows": [row | {"least": 5.0}, row | {"least": 3.0}, row | {"least": None}],
            "provenance": where | {"revision": "a" * 40},
            "seconds": 50,
        },
        "growth-of-cells": {
            "rows": [row | {"least": None, "most": 1.1, "growth": growth}],
            "provenance": where | {"revision": "a" * 40},
            "seconds": 60,
        },
    }
    (tmp_path / "goals.json").write_text(json.dumps({"sections": sections, "profiles": {}}))
    lead, missed, machine, *rest = goal_blocks(tmp_path) or []
    assert isinstance(lead, Paragraph) and isinstance(missed, Bullets) and isinstance(machine, Paragraph)
    assert lead.text == "1 of 4 goals is met, 3 are missed: 1 of training, 1 of commands, 1 of growth."
    assert missed.items[0] == "Run twice: 1,230 s of 56 s; the goal is at least 3."
    assert machine.text.startswith("Measured by make goals in 2 min on x,")
    assert machine.text.count("torch 2") == 1 and machine.text.endswith("revisions bbbbbbbbbbbb, aaaaaaaaaaaa.")
    assert [block.text for block in rest if isinstance(block, Heading)] == ["Training", "Commands", "Growth"]
    training, _, slopes = [block for block in rest if isinstance(block, Table)]
    assert [cells[-1] for cells in training.rows] == ["no", "yes", ""]
    assert slopes.rows == [["report: time", "cells", "4.00", "at least 3", "no"]]
    sections["command-line"].pop("seconds")  # as of earlier versions
    (tmp_path / "goals.json").write_text(json.dumps({"sections": sections, "profiles": {}}))
    assert "Measured by make goals on x," in str(goal_blocks(tmp_path))
