"""What `resbench explain` says of each name, and that it says it of all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import call
from support.faults import ROOT
from support.inprocess import resbench

from resbench.core.errors import UserError
from resbench.grid.source import FIELDS
from resbench.probes.table import PROBES
from resbench.records.metrics import METRICS
from resbench.reference.declared import table
from resbench.reference.reference import build
from resbench.reference.text import as_text
from resbench.reference.topic import Topic, find


@pytest.fixture(scope="module")
def topics() -> list[Topic]:
    return build()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "resbench" / "reference.json"


def test_every_field_value_probe_and_metric_says_what_it_means(topics: list[Topic]) -> None:
    values = {f"{path}={value}" for path in FIELDS for value in table(path)}
    words = {topic.name for topic in topics if topic.kind in ("key", "verdict")}
    assert {topic.name for topic in topics} == {*FIELDS, *values, *PROBES, *METRICS, *words}
    assert {"axes", "zip", "claims.margin", "mixed"} <= words
    assert [topic.name for topic in topics if not topic.meaning.strip()] == []
    assert max(len(topic.summary) for topic in topics) < 250


def test_each_name_finds_its_topic_and_fits_a_terminal(topics: list[Topic]) -> None:
    whole = {topic.name for topic in topics if topic.kind != "key"}  # such a name means that topic alone
    for topic in topics:
        found = find(topics, topic.name)
        assert found[0] == topic and (len(found) == 1 or topic.kind == "key")
        assert all(topic in find(topics, name) for name in topic.short_names if name not in whole)
        text = as_text([topic], 80)
        assert text.startswith(f"{topic.name} ({topic.kind})")
        assert max(map(len, text.splitlines())) <= 80, text


def test_what_is_said_of_a_value_is_what_the_code_does(topics: list[Topic]) -> None:
    fixup = as_text(find(topics, "fixup"), 1000)
    assert "Zhang et al. 2019" in fixup and "https://arxiv.org/abs/1901.09321" in fixup
    assert "with model.norm batch, group, layer: fixup takes the place of the norm" in fixup
    assert "with model.convs_per_unit 1: fixup scales all but the last convolution" in fixup
    assert "varied by  thousand, branch; " in fixup
    scale = as_text(find(topics, "shortcut_scale"), 1000)
    assert "number 0 to 10" in scale and "only where model.shortcut is scaled" in scale and "equation 6" in scale
    assert "with recipe.select best_val" in as_text(find(topics, "data.val_size"), 1000)


def test_unknown_names_are_answered_with_the_nearest(topics: list[Topic]) -> None:
    with pytest.raises(UserError, match="did you mean 'preact' or"):
        find(topics, "preactt")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.depth=36", "36 is not a depth of the family seed (6N + 10); the nearest are 34 and 40"),
        ("lr=0.3", "recipe.lr=0.3: is allowed"),
        ("sharpness", "by the probe curvature"),
        ("dropout", "model.shortcut=dropout (value)"),
        ("margin", "claims.margin (key)"),
        ("mixed", "mixed (verdict)"),
    ],
)
def test_explain_answers(name: str, said: str) -> None:
    code, out, err = resbench("explain", name)
    assert code == 0 and said in out, out + err


def test_torch_is_imported_for_the_first_answer_alone_and_a_damaged_cache_is_no_matter(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text('{"source": "of another version", "topics": [')
    first = resbench("explain", "preact")
    code = (
        "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules))\n"
        "sys.argv[1:] = ['explain', 'preact']\nfrom resbench.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert first[0] == 0 and done.stdout == f"{first[1]}False\n", done.stderr


def test_what_the_plugins_of_a_grid_add_is_explained_and_listed_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        'from torch import nn\ndef ends(channels, size):\n    """Ends as I like it."""\n    return nn.Identity(), 1\nHEADS = {"mine": ends}\n'
        "from resbench.model.unit import Order\nUNITS = {'bare': Order(lambda k: 'cbr' * k, '')}\n"
    )
    (tmp_path / "g.yaml").write_text("plugins: [own.py]\naxes: {model.head: [gap, mine]}\n")
    said = call("explain", "mine", "--grid", "g.yaml", cwd=tmp_path).stdout
    assert "model.head=mine (value)" in said and "Ends as I like it." in said and str(tmp_path / "own.py") in said
    code, said, _ = resbench("explain", "bare", "--grid", tmp_path / "g.yaml")
    assert code == 0 and said.startswith("model.unit=bare (value)\n\n  field"), (
        "an object without a word says that of its class"
    )
    code, said, _ = resbench("ls", "probes", "--grid", ROOT / "ablations" / "plugins" / "effective_rank.py")
    assert code == 0 and "effective_rank" in said and "probe.rank" in said


def test_figures_that_are_said_to_show_a_metric_exist() -> None:
    drawn = {path.stem for path in (ROOT / "reports").glob("*/figures/*.svg")}
    assert {metric.figure for metric in METRICS.values()} - {""} <= drawn
