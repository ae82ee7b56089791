"""Grid files: what they expand to, and that every mistake is named at once."""

from pathlib import Path

import pytest

from resbench.core.cell import Cell
from resbench.core.errors import UserError
from resbench.grid.filter import filter_runs
from resbench.grid.grid import Grid
from resbench.grid.reader import read_grid
from resbench.training.run import RunConfig

ABLATIONS = sorted(path for path in Path("ablations").glob("*.yaml") if not path.stem.startswith("tune-"))


@pytest.mark.parametrize("path", ABLATIONS, ids=lambda path: path.stem)
def test_shipped_grid_files_load(path: Path) -> None:
    grid = read_grid(path)
    assert grid.runs() and grid.about.startswith("Question")


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "base:\n  model: {shortcut: identty}\n  recipe: {epochs: '3'}\naxes:\n  model.detph: [3]\nseeds: 0\nseeds: 5\n"
    )
    with pytest.raises(UserError) as caught:
        read_grid(path)
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in caught.value.lines] == ["2", "3", "5", "6", "7"]
    assert "did you mean 'identity'?" in caught.value.lines[0]


def test_inactive_fields_do_not_train_twice(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("axes:\n  model.shortcut: [identity, exclusive_gate]\n  model.gate_bias: [-6.0, -3.0]\n")
    assert len(read_grid(path).runs()) == 3


def grid(text: str, tmp_path: Path, *overrides: str) -> Grid:
    path = tmp_path / "g.yaml"
    path.write_text(text)
    return read_grid(path, list(overrides))


def cells(loaded: Grid) -> list[Cell]:
    return [cell for cell, _ in loaded.cells]


def test_zip_pairs_its_axes_and_crosses_the_rest(tmp_path: Path) -> None:
    loaded = grid(
        "axes:\n  model.depth: [10, 16]\nzip:\n- {model.norm: [batch, none], recipe.lr: [0.1, 0.01]}\nseeds: [3, 5]\n",
        tmp_path,
    )
    assert [tuple(cell.values()) for cell in cells(loaded)] == [
        (10, "batch", 0.1), (10, "none", 0.01), (16, "batch", 0.1), (16, "none", 0.01),
    ]  # fmt: skip
    assert [run.config.seed for run in loaded.runs()] == [3, 5] * 4
    assert len({run.id for run in loaded.runs()}) == 8


def test_excluded_cells_keep_their_reason(tmp_path: Path) -> None:
    text = "axes:\n  model.depth: [10, 16, 22]\n  model.shortcut: [identity, none]\nexclude:\n"
    text += "- if: {model.depth: [16, 22], model.shortcut: none}\n  because: too deep\n"
    loaded = grid(text, tmp_path)
    assert len(cells(loaded)) == 4
    assert loaded.excluded == [({"model.depth": depth, "model.shortcut": "none"}, "too deep") for depth in (16, 22)]


def test_an_exclusion_can_drop_what_means_nothing(tmp_path: Path) -> None:
    text = "axes:\n  model.branch: [plain, rezero]\n  model.shortcut: [identity, none]\n"
    with pytest.raises(UserError, match="needs a shortcut"):
        grid(text, tmp_path)
    rule = "exclude:\n- {if: {model.branch: rezero, model.shortcut: none}, because: nothing to add}\n"
    assert len(cells(grid(text + rule, tmp_path))) == 3


def test_overrides_fix_an_axis_make_one_or_change_the_base(tmp_path: Path) -> None:
    text = "base: {recipe: {epochs: 9}}\naxes:\n  model.depth: [10, 16]\n"
    loaded = grid(text, tmp_path, "model.depth=22", "recipe.epochs=1", "model.width=[4, 8]", "seeds=2", "name=other")
    assert loaded.name == "other" and len(loaded.runs()) == 4
    assert {run.config.model.depth for run in loaded.runs()} == {22}
    assert {run.config.recipe.epochs for run in loaded.runs()} == {1}


def test_only_selects_runs(tmp_path: Path) -> None:
    loaded = grid("axes:\n  model.depth: [10, 16]\n  model.shortcut: [identity, none]\nseeds: 3\n", tmp_path)
    chosen = filter_runs(["model.depth>=16 & model.shortcut==none", "seed<2"], loaded.runs())
    assert [(run.cell["model.depth"], run.config.seed) for run in chosen] == [(16, 0), (16, 1)]
    with pytest.raises(UserError, match="unknown field"):
        filter_runs(["model.dept==1"], loaded.runs())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "a grid file is a mapping"),
        ("axes: [1]", "should be a mapping of fields"),
        ("axes: {model.depth: 10}", "should be a list of values"),
        ("axes: {model.depth: [10, 10]}", "is listed twice"),
        ("base: {model: {depth: 10}}\naxes: {model.depth: [10]}", "more than one of base, axes and zip"),
        ("zip:\n- {model.depth: [10], model.norm: [batch, none]}", "lists of one length"),
        ("exclude:\n- {if: {model.depth: 34}}", "exactly the keys if and because"),
        ("exclude:\n- {if: {model.depth: 34}, because: all}", "leaves no cell"),
        ("baseline: {model.norm: none}", "is not an axis"),
        ("axes: {model.norm: [batch]}\nbaseline: {model.norm: none}", "no cell has model.norm=none"),
        ("target: {test_accuracy: 99.49}", "not a fraction"),
        ("target: {training_flops: 3.0e16}", "it has the key test_accuracy"),
        ("target: {test_acuracy: 0.99}", "did you mean 'test_accuracy'"),
        ("target: {test_accuracy: 0.99, training_flops: many}", "should be the FLOPs"),
        ("target: {test_accuracy: 0.99}\nseeds: {looks: [5, 9]}", "with looks, results decide how many seeds a cell has"),
        ("target: {test_accuracy: 0.99, confirm: 0}", "confirm: 0 should be a number of fresh seeds, from 5 (no verdict"),
        ("target: {test_accuracy: 0.99, confirm: true}", "confirm: True should be a number of fresh seeds"),
        ("target: {test_accuracy: 0.99, confirm: [7, 8, 9]}", "confirm: [7, 8, 9] are 3 seeds: no verdict takes fewer"),
        ("target: {test_accuracy: 0.99, confirm: [7, 8, 9, 7, 6]}", "confirm: [7, 8, 9, 7, 6] names a seed twice"),
        ("target: {test_accuracy: 0.99, confirm: [7, 8, 9, x, 6]}", "confirm: 'x' is not a seed: use whole numbers"),
        (
            "target:\n  test_accuracy: 0.99\n  confirm: [3, 8, 4, 7, 6]\nseeds: 5",
            "3: target: confirm: the grid has seed 3 too, and its seeds choose the cell: list others",
        ),
        ("published:\n- {source: x, on: acc, at: {}, value: 1}", "is not one of test_error"),
        ("published:\n- {source: x, on: test_error, at: {}, value: 6.61}", "not a fraction"),
        ("base: {recipe: {lr: .nan}}", "recipe.lr"),
        ("base: {model: {projection_norm: no}}", "valid boolean"),
        ("base: {model: {width: 16.0}}", "valid integer"),
        ("base: {data: {train_size: 4000}}", "do not fit"),
        ("base: {recipe: {warmup: 3.0}}", "has its own warm-up"),
        ("base: [1]", "base: [1] should be a mapping of fields to values"),
        ("axes: {model.depth: []}", "model.depth: [] should be a list of values"),
        ("published:\n- {source: x, on: [1], at: {}, value: 1}", "on: [1] is not one of test_error"),
        ("published:\n- {source: x, on: flops, at: {}, value: 1e305}", "should be a number"),
        ("seeds: [1, 1]", "names a seed twice"),
        ("seeds: [0, 4294967295]", "seeds: 4294967295 is not a seed: use whole numbers from 0 to 2147483647"),
        ("name: 2024", 'name: 2024 is not a name but a number: put it in quotes, as in name: "2024"'),
        ("name: 1.10", "name: 1.1 is not a name but a number: put it in quotes"),
        ("name: true", "name: True is not a name but true or false: put it in quotes"),
        ("exclude:\n- {if: {model.depth: []}, because: x}", "model.depth: [] should be a value, or a list of values"),
        ("zip:\n- {model.depth: [10, 10], model.norm: [none, none]}",
         "zip: model.depth=10 model.norm=none is listed twice: remove one"),
        ("seeds: 0", "a number from 1 to 100000"),
        ("probes: [gradient]", "did you mean 'gradients'"),
        ("zip: 3", "should be a list of mappings"),
        ("name: a/b", "is not a name"),
        ("axis: {}", "unknown key; allowed are name, base, axes"),
        ("about: why", "; what a study is about stands in the comment at the top of the file"),
        ("search: {}", "`resbench tune"),
    ],
)  # fmt: skip
def test_mistakes(text: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        grid(text, tmp_path)
    assert part in str(caught.value)
    assert all(line.startswith(str(tmp_path / "g.yaml:")) for line in caught.value.lines)


def test_claims_speak_of_every_value_of_an_axis_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    claim = (
        "- {says: x, compare: {model.shortcut: identity}, to: {model.shortcut: none}, at: [model.norm], expect: lower}"
    )
    path.write_text(f"axes: {{model.shortcut: [identity, none], model.norm: [batch, group]}}\nclaims:\n{claim}\n")
    assert read_grid(path).claims[0].at == {"model.norm": None}
    deeper = read_grid(path, ["model.depth=[10, 100]"])
    assert deeper.claims[0].at == {"model.norm": None, "model.depth": None}


def test_identity_of_the_default_run_is_pinned() -> None:
    """A change here makes every record in the world stale: raise training.run.SCHEMA and say why."""
    assert RunConfig().id == "e80372febfd77a58"
    assert RunConfig(seed=1).id != RunConfig().id
    assert RunConfig.model_validate({"model": {"depth": 34}}).id == RunConfig().id


def test_a_wrong_value_hides_no_wrong_combination_and_invents_none(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("base:\n  recipe: {lr: fast}\naxes:\n  model.depth: [10, 35]\n")
    with pytest.raises(UserError) as caught:
        read_grid(file)
    assert [line.split(":")[1] for line in caught.value.lines] == ["2", "4"]
    file.write_text("base:\n  model: {family: cifr}\naxes:\n  model.depth: [20, 56]\n")
    with pytest.raises(UserError) as caught:
        read_grid(file)
    assert len(caught.value.lines) == 1 and "did you mean 'cifar'" in caught.value.lines[0]


CLAIMS = """axes:
  model.depth: [10, 16]
  model.shortcut: [identity, none, projection]
seeds: 2
claims:
  - says: shortcuts help at each depth
    compare: {model.shortcut: identity}
    to: {model.shortcut: none}
    expect: lower
"""


def test_a_claim_is_read_with_every_other_axis_as_its_family(tmp_path: Path) -> None:
    claim = grid(CLAIMS, tmp_path).claims[0]
    assert claim.at == {"model.depth": None} and claim.on == "test_error" and claim.margin == 0.05
    comparisons = claim.comparisons(cells(grid(CLAIMS, tmp_path)))
    assert [(context, a[0]["model.shortcut"], b[0]["model.shortcut"]) for context, a, b in comparisons] == [
        ({"model.depth": 10}, "identity", "none"),
        ({"model.depth": 16}, "identity", "none"),
    ]
    assert grid(CLAIMS, tmp_path).study().claims == [claim]
    assert not list(claim.comparisons(cells(grid(CLAIMS, tmp_path, "model.shortcut=none"))))
    (claim,) = grid(f"{CLAIMS}    at: {{model.depth: [16]}}\n", tmp_path).claims
    assert [context for context, _, _ in claim.comparisons(cells(grid(CLAIMS, tmp_path)))] == [{"model.depth": 16}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            ("expect: lower", "expect: less"),
            "expect: 'less' is not one of lower, higher, not_lower, not_higher, equivalent",
        ),
        (("expect: lower", "expect: lower\n    on: test_eror"), "(did you mean 'test_error'?)"),
        (("expect: lower", "expect: lower\n    at: [model.width]"), "model.width is not an axis"),
        (("expect: lower", "expect: lower\n    at: []"), "add model.depth to at, or to compare and to"),
        (("expect: lower", "expect: equivalent\n    margin: 0"), "equivalent needs a margin"),
        (("expect: lower", "expect: lower\n    margin: much"), "in percentage points"),
        (("to: {model.shortcut: none}", "to: {model.depth: 10}"), "values of the same axes"),
        (("to: {model.shortcut: none}", "to: {model.shortcut: identity}"), "the same cells"),
        (
            ("to: {model.shortcut: none}", "to: {model.shortcut: zero_pad}"),
            "to: model.shortcut is never zero_pad in this grid: it is",
        ),
        (("says: shortcuts help at each depth\n    ", ""), "each has the keys compare, expect, says, to"),
    ],
)
def test_a_wrong_claim_is_one_line(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        grid(CLAIMS.replace(*change), tmp_path)
    assert len(caught.value.lines) == 1 and reason in caught.value.lines[0]
    assert "claims: " in caught.value.lines[0]


def mistakes(text: str, tmp_path: Path, *overrides: str) -> list[str]:
    """The lines of the error, without the folder."""
    with pytest.raises(UserError) as caught:
        grid(text, tmp_path, *overrides)
    return [line.removeprefix(f"{tmp_path}/g.yaml:") for line in caught.value.lines]


PLAIN = "axes:\n  model.shortcut: [identity, none]\n  model.depth: [10, 22, 34]\n"
NO_DEEP = "exclude:\n- {if: {model.depth: 34, model.shortcut: none}, because: slow}\n"
HELPS = (
    "claims:\n- says: it helps\n  compare: {model.shortcut: identity}\n  to: {model.shortcut: none}\n  expect: lower\n"
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (HELPS + "  at: {model.depth: [22, 58]}\n", ["5: claims: at: model.depth is never 58 in this grid: it is 10, 22, 34"]),
        (NO_DEEP + HELPS + "  at: {model.depth: [22, 58, 34]}\n",
         ["7: claims: at: model.depth is never 58 in this grid: it is 10, 22, 34",
          "7: claims: at: model.depth=34: no cell has model.shortcut=none: leave it out"]),
        (NO_DEEP + HELPS + "  at: {model.depth: [22, 34]}\n", ["7: claims: at: model.depth=34: no cell has model.shortcut=none: leave it out"]),
        (NO_DEEP.replace("model.depth: 34, model.shortcut: none", "model.depth: 34") + HELPS + "  at: {model.depth: [22, 34]}\n",
         ["7: claims: at: model.depth=34: no cell has model.shortcut=identity or model.shortcut=none: leave it out"]),
        ("  model.norm: [batch, layer]\nexclude:\n- {if: {model.depth: 34, model.norm: layer, model.shortcut: none}, because: slow}\n"
         + HELPS + "  at: {model.depth: [22, 34], model.norm: [batch, layer]}\n",
         ["8: claims: at: model.depth=34 model.norm=layer: no cell has model.shortcut=none: leave it out"]),
        (HELPS + "  at: {model.depth: []}\n", ["9: model.depth: [] should be a value, or a list of values"]),
        (HELPS + "  at: [model.depth, model.depth]\n", ["9: claims: at: model.depth is listed twice: remove one"]),
        ("exclude:\n- {if: {model.depth: 100}, because: x}\n", ["5: exclude: if: model.depth is never 100 in this grid: it is 10, 22, 34"]),
        ("exclude:\n- {if: {model.depth: [34, 100]}, because: x}\n", ["5: exclude: if: model.depth is never 100 in this grid: it is 10, 22, 34"]),
        ("exclude:\n- {if: {model.width: 4}, because: x}\n", ["5: exclude: if: model.width is never 4 in this grid: it is 16"]),
        ("zip:\n- {model.norm: [batch, none], recipe.lr: [0.1, 0.01]}\nexclude:\n- {if: {model.norm: none, recipe.lr: 0.1}, because: x}\n",
         ["7: exclude: if: no cell matches this rule: leave it out"]),
        (NO_DEEP + "baseline: {model.depth: 34, model.shortcut: none}\n", ["6: baseline: no cell has model.depth=34 and model.shortcut=none"]),
        ("baseline: {model.depth: 100}\n", ["4: baseline: no cell has model.depth=100"]),
        ("published:\n- {source: x, on: test_error, at: {model.depth: 12}, value: 0.1}\n",
         ["5: published: at: model.depth is never 12 in this grid: it is 10, 22, 34"]),
        (NO_DEEP + "published:\n- {source: x, on: test_error, at: {model.depth: 34, model.shortcut: none}, value: 0.1}\n",
         ["7: published: at: no cell has model.depth=34 model.shortcut=none"]),
    ],
)  # fmt: skip
def test_a_value_that_matches_no_cell_is_one_line(text: str, lines: list[str], tmp_path: Path) -> None:
    assert mistakes(PLAIN + text, tmp_path) == lines
    assert mistakes(PLAIN + text, tmp_path, "seeds=2", "name=other", "recipe.epochs=1") == lines


def test_the_command_line_may_take_cells_away(tmp_path: Path) -> None:
    text = PLAIN + NO_DEEP.replace("34", "22") + HELPS + "  at: {model.depth: [10, 34]}\n"
    text += "baseline: {model.depth: 34, model.shortcut: none}\n"
    text += "published:\n- {source: x, on: test_error, at: {model.depth: 34}, value: 0.1}\n"
    assert len(cells(grid(text, tmp_path))) == 5
    for override, count in (("model.depth=10", 2), ("model.depth=[10, 22]", 3), ("model.shortcut=none", 2)):
        assert len(cells(grid(text, tmp_path, override))) == count
    wrong = text.replace("at: {model.depth: [10, 34]}", "at: {model.depth: [10, 58]}")
    assert "model.depth is never 58" in mistakes(wrong, tmp_path, "model.shortcut=[identity, none]")[0]


def test_a_claim_at_every_value_speaks_of_the_cells_that_remain(tmp_path: Path) -> None:
    for at in ("", "  at: [model.depth]\n", "  at: {model.depth: null}\n", "  at: {model: {depth: null}}\n"):
        loaded = grid(PLAIN + NO_DEEP + HELPS + at, tmp_path)
        assert [pair.context["model.depth"] for pair in loaded.claims[0].comparisons(cells(loaded))] == [10, 22]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("base:\n  model: {width: 4}\n  model.width: 8\n", "3: model.width: given twice (first on line 2): remove one"),
        ("axes:\n  model.shortcut: [identity, none]\n  model: {shortcut: [conv]}\n", "3: model.shortcut: given twice (first on line 2): remove one"),
        ("zip:\n- model.depth: [10]\n  model: {depth: [16]}\n", "3: model.depth: given twice (first on line 2): remove one"),
        (PLAIN + "exclude:\n- because: x\n  if:\n    model.depth: 10\n    model: {depth: 22}\n", "8: model.depth: given twice (first on line 7): remove one"),
        (PLAIN + "baseline:\n  model.depth: 10\n  model: {depth: 22}\n", "6: model.depth: given twice (first on line 5): remove one"),
        (PLAIN + "published:\n- source: x\n  on: test_error\n  value: 0.1\n  at:\n    model.depth: 10\n    model: {depth: 22}\n",
         "10: model.depth: given twice (first on line 9): remove one"),
        (PLAIN + HELPS.replace("to: {", "to: {model: {shortcut: conv}, "), "7: model.shortcut: given twice (first on line 7): remove one"),
        (PLAIN + HELPS + "  at:\n    model.depth: [10]\n    model: {depth: [22]}\n", "11: model.depth: given twice (first on line 10): remove one"),
    ],
)  # fmt: skip
def test_a_field_that_is_spelled_twice_is_one_line(text: str, line: str, tmp_path: Path) -> None:
    assert line in mistakes(text, tmp_path)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model.shortcut=[]"], "model.shortcut: [] should be a list of values"),
        (["model.depth=[]"], "model.depth: [] should be a list of values"),
        (["model.width=[]"], "model.width: [] should be a list of values"),
        (["bogus.field=[]"], "bogus.field: unknown field; `resbench ls axes` lists all"),
        (["model.dpeth=[]"], "model.dpeth: unknown field (did you mean 'model.depth'?)"),
        (["claims=[]"], "claims: unknown field"),
        (["seeds=[]"], "seeds: [] should be a number from 1 to 100000, a list of different seeds, or {looks: [5, 10, 20], spend: pocock}"),
        (["model.depth=[10,10]"], "model.depth: 10 is listed twice: remove one"),
        (["model.width=[8, 8]"], "model.width: 8 is listed twice: remove one"),
        (["model.depth=10", "model.depth=22"], "model.depth: given twice, as model.depth=10 and as model.depth=22: leave one out"),
        (["seeds=2", "seeds=2"], "seeds: given twice, as seeds=2 and as seeds=2: leave one out"),
        (["name=2024"], "name: 2024 is not a name but a number: put it in quotes, as in 'name=\"2024\"'"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_one_line(overrides: list[str], line: str, tmp_path: Path) -> None:
    [only] = mistakes(PLAIN + HELPS, tmp_path, *overrides)
    assert only.startswith(f"command line: {line}")


def test_a_byte_order_mark_is_no_part_of_the_question(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("# Question: does it help?\nbase: {model: {dpeth: 10}}\n", encoding="utf-8-sig")
    with pytest.raises(UserError, match=r"g\.yaml:2: model\.dpeth"):
        read_grid(path)
    path.write_text("# Question: does it help?\nbase: {model: {depth: 10}}\n", encoding="utf-8-sig")
    assert read_grid(path).about == "Question: does it help?"
