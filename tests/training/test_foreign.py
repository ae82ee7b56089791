"""Training code of the user: what it is given, what becomes of what it returns, and how it is ended."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.faults import ROOT
from support.searches import wait_until

from resbench.core.config import explain
from resbench.core.errors import Stopped
from resbench.core.own_code import ChangedCode
from resbench.core.places import Home, relative_to
from resbench.execution.task import DONE, Setting, Task, execute_run
from resbench.grid.reader import read_grid
from resbench.records.record import Provenance, Record, Row
from resbench.records.store import Store
from resbench.training.observer import Observer
from resbench.training.run import RunConfig
from resbench.training.train import train

FOREVER = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); print('{\"epoch\": 1}', flush=True); time.sleep(600)"


def config(folder: Path, trainer: object, **more: Any) -> RunConfig:
    with relative_to(folder):
        return RunConfig.model_validate({"trainer": trainer, **more})


def of_code(folder: Path, code: str, **more: Any) -> RunConfig:
    """A run of a file with this code; `return` begins what its function returns."""
    (folder / "my.py").write_text(code if "def " in code else f"def train(config, seed, report):\n    {code}\n")
    return config(folder, "my.py:train", **more)


def of_script(folder: Path, code: str, **more: Any) -> RunConfig:
    (folder / "script.py").write_text(code)
    return config(folder, {"command": f"{sys.executable} script.py", **more})


def processes_in(folder: Path) -> list[int]:
    """Processes whose working folder is in this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder in (entry / "cwd").readlink().parents:
                found.append(int(entry.name))
    return found


def test_a_run_is_known_by_what_its_code_is_and_not_by_where(tmp_path: Path) -> None:
    code = "from helper import value\ndef train(config, seed, report): return {'auc': value}\nother = train\n"
    runs = []
    for folder in (tmp_path / "a", tmp_path / "b" / "deeper"):
        folder.mkdir(parents=True)
        (folder / "my.py").write_text(code)
        (folder / "helper.py").write_text("value = 1\n")
        place = folder.name if folder.name == "deeper" else "."
        command = f"python '{place}/my.py' --lr {{recipe.lr}} --config={place}/helper.py"
        runs += [config(folder.parent if place == "deeper" else folder, one)
                 for one in (f"{place}/my.py:train", {"command": command})]  # fmt: skip
    assert runs[0].id == runs[2].id != runs[1].id == runs[3].id
    assert not any(str(tmp_path) in run.model_dump_json() for run in runs)
    others = [config(tmp_path / "a", one) for one in ("my.py:other", {"entry": "my.py:train", "args": {"x": 1}})]
    (tmp_path / "a" / "helper.py").write_text("value = 2\n")
    others += [config(tmp_path / "a", one) for one in ("my.py:train", {"command": "python 'my.py' --lr {recipe.lr}"})]
    assert len({run.id for run in [*runs, *others]}) == 6
    others += [config(tmp_path / "a", {"command": f"{word} model@0123456789abcdef"}) for word in ("one", "two")]
    assert others[-1].id != others[-2].id  # what looks like a stamp is none in a command
    with pytest.raises(ChangedCode, match=r"my\.py: has changed since the run was planned"):
        runs[1].check_own_code()
    for run in others:  # the seed has its place in the text that is hashed
        record = Record(run.ids([0, 7])[1], run.with_seed(7).model_dump(mode="json"), "ok", Provenance({}))
        record.check_identity()
        assert record.id == run.with_seed(7).id


def test_a_function_has_its_config_and_reports_and_what_it_returns_is_the_record(tmp_path: Path) -> None:
    code = """
import random, numpy, torch
def train(config, seed, report):
    drawn = random.random(), numpy.random.rand(), float(torch.rand(()))
    for epoch in range(config.recipe.epochs):
        report(epoch + 0.5)
        report(epoch + 1, train_loss=numpy.float32(0.5), val_error=torch.tensor(0.25))
    return {"wrong": numpy.array([2, 5]), "images": 8, "auc": sum(drawn), "depth": config.model.depth,
            "width": config.trainer.args["width"]}
"""
    more = {"model": {"depth": 7}, "data": {"val_size": 10**6}, "recipe": {"epochs": 2, "select": "best_val"}}
    run = of_code(tmp_path, code, **more).model_copy(update={"seed": 3})
    run = RunConfig.model_validate(run.model_dump() | {"trainer": {"entry": run.trainer.entry, "args": {"width": 5}}})
    with relative_to(tmp_path):
        first, again, other = train(run, tmp_path), train(run, tmp_path), train(run.with_seed(4), tmp_path)
    assert first.status == "ok", first.error
    assert first.content() == again.content() != other.content()
    assert first.metrics["test_error"] == 0.25 and first.metrics["test_accuracy"] == 0.75
    assert (first.metrics["depth"], first.metrics["width"], first.metrics["val_accuracy"]) == (7, 5, 0.75)
    assert [row["epoch"] for row in first.history] == [1, 2] and first.history[0]["val_accuracy"] == 0.75
    assert first.predictions and [*first.predictions.errors()] == [False, False, True, False, False, True, False, False]
    assert Record.from_json(first.to_json()).to_json() == first.to_json()
    with relative_to(tmp_path):  # as a trial of a search sees it
        assert not {"test_error", "test_accuracy"} & train(run, tmp_path, tested=False).metrics.keys()


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("return {'test_error': float('nan')}", "diverged", "test_error is not a finite number"),
        ("return {'test_accuracy': 97.3}", "failed", "test_accuracy is 97.3: it should be a share from 0 to 1"),
        ("return None", "failed", "it should return a mapping of metrics"),
        ("return {'auc': 'high'}", "failed", "auc is 'high': a metric is a number"),
        ("return {'wrong': [8], 'images': 8}", "failed", "wrong has the index 8, and there are 8 test images"),
        ("return {'wrong': [1]}", "failed", "it should be the number of test images, next to wrong"),
        ("return {'wrong': [1], 'images': 8, 'test_error': 0.5}", "failed", "wrong and images say 0.125"),
        ("raise SystemExit(3)", "failed", "3"),
        ("return {}['absent']", "failed", "'absent'"),
    ],
)
def test_what_goes_wrong_in_a_function_is_in_its_record(tmp_path: Path, code: str, status: str, says: str) -> None:
    with relative_to(tmp_path):
        record = train(of_code(tmp_path, code), tmp_path)
    assert record.status == status and record.error and says in record.error.message
    if "absent" in code:
        assert "my.py" in str(record.error.details["traceback"])
    assert Record.from_json(record.to_json()).status == status


@pytest.mark.parametrize("name", ["torch-script", "sklearn-trees", "timm-step"])
def test_the_examples_do_what_they_say(tmp_path: Path, name: str) -> None:
    pytest.importorskip(name.partition("-")[0])
    grid = read_grid(ROOT / "ablations" / "foreign" / f"{name}.yaml", ["seeds=1", "recipe.epochs=1"])
    run = grid.runs()[0].config
    record = train(run, tmp_path, saved=tmp_path / "x.ckpt")
    assert record.status == "ok" and record.predictions, record.error
    assert 0 < (record.metrics["test_error"] or 0) < 0.95
    assert (record.metrics.get("auc") is not None) == (name == "sklearn-trees")


class _StopAt(Observer):
    """Stops a run when it has come so far, as a signal or a pruner does."""

    def step(self, epochs: float) -> None:
        if epochs >= 1:
            raise Stopped

    def epoch(self, history: Sequence[Row]) -> None:
        raise AssertionError("it was not stopped")


def test_a_function_that_catches_everything_is_stopped_all_the_same(tmp_path: Path) -> None:
    code = "try:\n        report(1)\n    except Exception:\n        pass\n    return {'auc': 1}"
    with relative_to(tmp_path), pytest.raises(Stopped):
        train(of_code(tmp_path, code), tmp_path, observer=_StopAt())


def test_a_task_is_carried_to_another_process_with_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    run = of_code(tmp_path, "return {'auc': config.recipe.epochs}", recipe={"epochs": 3})
    setting = Setting(tmp_path / "results" / "own", tmp_path, "cpu", 1, (None, False), home=Home(tmp_path))
    text = Task(run, setting).to_json()
    monkeypatch.chdir(tmp_path / "elsewhere")
    context = contextvars.copy_context()  # as in another process: a task sets the folder where its paths start
    task = context.run(Task.from_json, text)
    assert [context.run(execute_run, task) for _ in range(2)] == [DONE, DONE]
    record = Store(setting.folder).read(run.id)
    assert record and record.metrics["auc"] == 3 and task.config.id == run.id
    (tmp_path / "my.py").write_text("def train(config, seed, report): return {'auc': 9}\n")
    Store(setting.folder).remove(run.id)
    code = f"from resbench.execution.task import *; execute_run(Task.from_json({text!r}))"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    other = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "my.py: has changed since the run was planned" in other.stderr.splitlines()[-1]
    assert not Store(setting.folder).ids()


def test_a_command_leaves_its_metrics_in_a_file_or_in_its_output(tmp_path: Path) -> None:
    code = "import json, sys\nprint('not {json}')\nprint(json.dumps({'epoch': 1, 'epochs': 9, 'self': 1, 'train_loss': 0.5, 'note': 'x'}))\n"
    code += "json.dump({'test_error': 0.25, 'args': len(sys.argv)}, open('out.json', 'w'))\n"
    with relative_to(tmp_path):
        in_file = train(of_script(tmp_path, code, metrics="out.json"), tmp_path, saved=tmp_path / "x.ckpt")
        assert in_file.status == "ok", in_file.error
        assert in_file.metrics["test_accuracy"] == 0.75 and in_file.history[0]["train_loss"] == 0.5
        assert (tmp_path / "x.files" / "out.json").exists()
        absent = train(of_script(tmp_path, "print('done')", metrics="out.json"), tmp_path, saved=tmp_path / "x.ckpt")
        assert absent.error and "left no metrics" in absent.error.message  # not those of the run before
        printed = train(of_script(tmp_path, f"{code}print(open('out.json').read(), end='')"), tmp_path)
        assert printed.metrics["test_error"] == 0.25, printed.error
        failed = train(of_script(tmp_path, "import sys\nsys.exit('no such luck')"), tmp_path)
    assert failed.status == "failed" and failed.error
    assert failed.error.message == "the command ended with exit code 1: no such luck"
    assert "no such luck" in str(failed.error.details["traceback"])


def test_a_command_that_is_stopped_ends_with_all_its_processes(tmp_path: Path) -> None:
    run = of_script(tmp_path, FOREVER)
    with relative_to(tmp_path), pytest.raises(Stopped):
        train(run, tmp_path, saved=tmp_path / "x.ckpt", observer=_StopAt())
    assert not processes_in(tmp_path)


def test_a_command_ends_with_the_process_that_watches_it_however_that_ends(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(FOREVER)
    code = f"""
from pathlib import Path
from resbench.training.run import RunConfig
from resbench.training.train import train
run = RunConfig.model_validate({{"trainer": {{"command": "{sys.executable} script.py"}}}})
train(run, ".", saved=Path("x.ckpt").absolute())
"""
    watching = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: len(processes_in(tmp_path)) >= 3)  # guard, script, and what the script has started
        watching.send_signal(signal.SIGKILL)
        wait_until(lambda: not processes_in(tmp_path))
    finally:
        watching.kill()
        watching.wait()


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        ("my.py", "should name a function"),
        ("absent.py:train", "absent.py: cannot be read: No such file"),
        ("my.py:trian", "my.py: it has no trian"),
        ({"entry": "my.py:train", "command": "python my.py"}, "leave one out"),
        ({"args": {"x": 1}}, "there is no trainer"),
        ({"command": "python my.py --lr {recipe.rl}"}, "{recipe.rl} is not a field (did you mean 'recipe.lr'?)"),
        ({"command": "python my.py --x {x}"}, "a name of your own is written {trainer.args.NAME}"),
        ({"command": "python 'my.py"}, "No closing quotation"),
        ({"entry": "my.py:train", "metrics": "out.json"}, "the file that a command leaves"),
    ],
)
def test_a_trainer_that_means_nothing_is_named_in_one_line(tmp_path: Path, trainer: object, says: str) -> None:
    (tmp_path / "my.py").write_text("def train(config, seed, report): return {'auc': 1}\n")
    with pytest.raises(ValidationError) as error:
        config(tmp_path, trainer)
    [(_, text, _)] = explain(error.value)
    assert says in text and "\n" not in text


def test_a_function_is_given_its_arguments_by_name_and_called_with_no_others(tmp_path: Path) -> None:
    code = "def train(config, seed, report, size, kind='a'):\n    report(epoch=1, val_error=0.5)\n    return {'auc': size + (kind == 'b')}"
    (tmp_path / "my.py").write_text(code)
    runs = [config(tmp_path, {"entry": "my.py:train", "args": args})
            for args in ({"size": 2}, {"size": 2, "kind": "a"}, {"size": 2, "kind": "b"})]  # fmt: skip
    assert runs[0].id == runs[1].id != runs[2].id
    with relative_to(tmp_path):
        assert [train(run, tmp_path).metrics["auc"] for run in runs] == [2, 2, 3]
    for args, says in (
        ({"size": 2, "knid": "b"}, "did you mean 'kind'"),
        ({}, "size is missing"),
        ({"seed": 1}, "leave it out"),
    ):
        with pytest.raises(ValidationError, match="trainer") as refused:
            config(tmp_path, {"entry": "my.py:train", "args": args})
        ((_, text, fields),) = explain(refused.value)
        assert fields[0].startswith("trainer.args.") and says in f"{fields[0].removeprefix('trainer.args.')} {text}"
    with pytest.raises(ValidationError, match="should take config, seed, report first"):
        of_code(tmp_path, "def train(config, seed): return {}")
