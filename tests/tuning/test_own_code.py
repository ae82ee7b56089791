"""A search with a plug-in: its values are searched, and a search goes on only with the code that it began with."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
from support.faults import ROOT
from support.searches import SEARCH, load, setting_of, studies_of

from resbench.core.errors import UserError
from resbench.core.own_code import ChangedCode, digest_of
from resbench.grid.reader import read_grid
from resbench.tuning.export import export
from resbench.tuning.reader import load_search
from resbench.tuning.winners import confirmation
from resbench.tuning.workers import work

OWN = SEARCH.replace("log: true}", "log: true}\n  recipe.optimizer: {choices: [adamw, radam]}").replace(
    "name: tiny", "name: tiny\nplugins: [radam.py]"
)


def test_a_value_of_a_plugin_is_searched_and_the_search_goes_on_only_with_the_same_file(tmp_path: Path) -> None:
    file = Path(shutil.copy(ROOT / "ablations" / "plugins" / "radam.py", tmp_path))
    words = ["model.shortcut=identity", "recipe.lr=0.01", "model.dropout=0.0", "recipe.epochs=1", "sampler=grid"]
    text = OWN.replace("  recipe.lr: {low: 0.01, high: 1.0, log: true}\n", "").replace(
        "  model.dropout: {choices: [0.0, 0.3]}\n", ""
    )
    search = load(tmp_path, text, *words)
    assert work(search, None, setting_of(tmp_path))
    errors = {trial.params["recipe.optimizer"]: trial.value for trial in studies_of(search, tmp_path).trials(0)}
    assert errors.keys() == {"adamw", "radam"} and None not in errors.values()

    winners = {"model.shortcut=identity": {"recipe.optimizer": "radam"}}
    confirming = confirmation(search, winners)
    assert confirming.study().plugins == ["radam.py"] and confirming.home == search.home
    assert {tuple(run.config.own_code) for run in confirming.runs()} == {(), (digest_of(file),)}
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "winners.yaml").write_text(export(search, winners))
    assert {run.config.recipe.optimizer for run in read_grid(tmp_path / "elsewhere" / "winners.yaml").runs()} == {
        "radam"
    }

    of_a_worker = pickle.loads(pickle.dumps(search))
    file.write_text(f"{file.read_text()}# better\n")
    with pytest.raises(ChangedCode, match="search tiny: a file of its plugins has changed since it began"):
        of_a_worker.config({"model.shortcut": "identity"}, {"recipe.optimizer": "radam"})
    with pytest.raises(
        UserError, match=r"the storage holds .* with another version of its plug-ins: a search goes on as it began"
    ):
        studies_of(load_search(tmp_path / "tiny.yaml", words), tmp_path)
