"""What fields and values are called on pages: `34 layers` for `model.depth 34`, `no shortcut` for `model.shortcut none`.

The words of a study come first (`labels:` of its grid file), then the table below, then the field's own name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from resbench.core.cell import Cell, Value
from resbench.core.places import unstamped
from resbench.core.text import show

Words = str | Mapping[str, str]  # a form such as "{} layers", the name of the field, or a label for each value
PLACE = "{}"  # of the value in a form

_FORMS: Mapping[str, tuple[str, str]] = {  # of one, and of any other number
    "model.depth": ("{} layer", "{} layers"),
    "model.convs_per_unit": ("{} convolution per unit", "{} convolutions per unit"),
    "recipe.epochs": ("{} epoch", "{} epochs"),
    "data.train_size": ("{} training image", "{} training images"),
    "data.val_size": ("{} validation image", "{} validation images"),
    "recipe.batch_size": ("batches of {}", "batches of {}"),
    "recipe.grad_clip": ("gradients clipped at {}", "gradients clipped at {}"),
    "recipe.grow": ("growth over {} layers", "growth over {} layers"),
    "recipe.lr": ("learning rate {}", "learning rate {}"),
}
_NAMES: Mapping[str, str] = {
    "model.convs_per_unit": "convolutions per unit",
    "model.conv_bias": "convolution biases",
    "model.unit": "order in a unit",
    "recipe.lr": "learning rate",
    "recipe.lr_decay": "learning-rate decay",
    "recipe.grad_clip": "gradient clipping",
    "recipe.grow": "growth",
    "recipe.select": "chosen epoch",
    "data.augment": "augmentation",
    "data.train_size": "training images",
    "data.val_size": "validation images",
    "data.name": "data",
    "data.path": "files",
}
_VALUES: Mapping[str, Mapping[str, str]] = {
    "model.shortcut": {
        "identity": "identity shortcuts",
        "projection": "projection shortcuts",
        "none": "no shortcut",
        "zero_pad": "zero-padded shortcuts",
        "scaled": "scaled shortcuts",
        "exclusive_gate": "exclusive gates",
        "shortcut_gate": "shortcut-only gates",
        "conv": "1x1 convolutions on shortcuts",
        "dropout": "dropout on shortcuts",
    },
    "model.head": {
        "gap": "global average pooling",
        "max_linear": "max pool + linear",
        "flatten_linear": "flatten + linear",
    },
    "model.downsample": {"stride": "strided convolutions", "max_pool": "max pooling"},
    "model.unit": {
        "original": "the original order",
        "preact": "full pre-activation",
        "bn_after_add": "batch norm after the addition",
        "relu_before_add": "ReLU before the addition",
        "relu_only_preact": "ReLU-only pre-activation",
        "seed": "the order of the 2016 program",
    },
    "model.norm": {"batch": "batch norm", "group": "group norm", "layer": "layer norm", "none": "no norm"},
    "model.branch": {
        "plain": "plain branches",
        "zero_gamma": "zero-gamma branches",
        "skipinit": "SkipInit",
        "rezero": "ReZero",
        "layerscale": "LayerScale",
        "fixup": "Fixup",
    },
    "model.family": {"seed": "the 2016 family", "cifar": "the CIFAR family", "python": "a network of one's own"},
    "model.init": {"he": "He initialisation", "torch_default": "torch's initialisation"},
    "model.dropout": {"0.0": "no dropout"},
    "model.drop_path": {"0.0": "no drop path"},
    "model.dropout_at": {"head": "dropout before the classifier", "unit": "dropout in units"},
    "data.augment": {"shift": "shifts", "affine": "affine augmentation", "crop_flip": "crops and flips"},
    "data.train_size": {"all": "all training images"},
    "data.name": {
        "mnist": "MNIST",
        "mnist-5k": "the small MNIST",
        "fashion-mnist": "Fashion-MNIST",
        "cifar10": "CIFAR-10",
    },
    "recipe.precision": {"fp32": "single precision", "bf16": "bfloat16"},
    "recipe.grad_clip": {"none": "no clipping"},
    "recipe.grow": {"none": "no growth"},
    "tuning": {"tuned": "the tuned recipe", "untuned": "the base recipe"},
}


@dataclass(frozen=True)
class Labels:
    """The words of a study for its fields and values.

    Example:
        >>> Labels().cell({"model.depth": 34, "model.shortcut": "none"})
        '34 layers, no shortcut'

    Attributes:
        own: of its grid file.
        cells: of the study. Where a word tells what a cell is, `Fixup`, other fields of the network that follow from it
            are left out, `no norm`.
    """

    own: Mapping[str, Words] = field(default_factory=dict)
    cells: Sequence[Cell] = ()

    def name(self, path: str) -> str:
        """What a field is called: `depth`."""
        words = self.own.get(path)
        if isinstance(words, str) and PLACE not in words:
            return words
        return _NAMES.get(path, _spaced(path))

    def names(self, path: str) -> str:
        """The same of several of its values: `depths`."""
        name = self.name(path)
        return name if name.endswith("s") else f"{name}s"

    def value(self, path: str, value: Value) -> str:
        """A value in words: `34 layers`."""
        text = show(value)
        named = self._named(path, text)
        return named if named is not None else self._form(path, [text]).replace(PLACE, _number(value))

    def values(self, path: str, values: Sequence[Value]) -> str:
        """Several values in words: `34, 58 and 100 layers`."""
        texts = [show(value) for value in values]
        if any(self._named(path, text) is not None for text in texts):
            return listed(self.value(path, value) for value in values)
        return self._form(path, texts).replace(PLACE, listed(map(_number, values)))

    def cell(self, cell: Cell) -> str:
        """A cell in words: `34 layers, no shortcut`."""
        return ", ".join(self.value(path, value) for path, value in cell.items()) or "the only cell"

    def at(self, context: Cell) -> str:
        """Where a comparison is made: ` at 34 layers`, ` with no shortcut`; empty where there is but one place."""
        text = self.cell(context)
        return (f" at {text}" if text[:1].isdigit() else f" with {text}") if context else ""

    def short(self, path: str, value: Value) -> str:
        """A value after another of its field: `100` after `34 layers`."""
        text = show(value)
        return _number(value) if self._named(path, text) is None and PLACE in self._form(path, [text]) else text

    def entry(self, path: str, text: str) -> str:
        """A value as text in a column that has the name of its field: `no shortcut`, `34`."""
        named = self._named(path, text)
        return text.replace("_", " ") if named is None else named

    def prose(self, text: str) -> str:
        """A sentence with words for the paths of fields and their values: `no clipping` for `recipe.grad_clip none`."""
        values = {path: {show(cell[path]) for cell in self.cells if path in cell} for path in self._paths}
        for path in sorted(self._paths, key=len, reverse=True):
            for value in sorted(values[path], key=len, reverse=True):
                text = text.replace(f"{path} {value}", self.value(path, value))
            text = text.replace(path, self.name(path))
        return text

    @property
    def _paths(self) -> list[str]:
        return list(dict.fromkeys(path for cell in self.cells for path in cell if "." in path))

    def pair(self, ours: Cell, theirs: Cell, paths: Collection[str] = ()) -> tuple[str, str]:
        """Two cells by what they differ in, `identity shortcuts` and `no shortcut`.

        Args:
            paths: if given, the fields to name, where the cells differ in them.
        """
        apart = differing(ours, theirs)
        apart = [path for path in apart if path in paths] or apart
        return self._side(ours, apart), self._side(theirs, apart)

    def _side(self, cell: Cell, paths: Sequence[str]) -> str:
        kept: list[str] = []
        for path in paths:
            if path in cell and not (kept and self._follows(cell, path, kept)):
                kept.append(path)
        return " + ".join(self.value(path, cell[path]) for path in kept) or "the same"

    def _follows(self, cell: Cell, path: str, kept: Sequence[str]) -> bool:
        """Whether a field of the network has one value in all cells that are like this one in those that are kept."""
        if not path.startswith("model.") or not isinstance(cell[kept[0]], str):
            return False
        like = (one for one in self.cells if all(show(one.get(key)) == show(cell[key]) for key in kept))
        return {show(one.get(path)) for one in like} == {show(cell[path])}

    def _named(self, path: str, text: str) -> str | None:
        own = self.own.get(path)
        if isinstance(own, Mapping):
            return own.get(text, _VALUES.get(path, {}).get(text))
        return None if isinstance(own, str) and PLACE in own else _VALUES.get(path, {}).get(text)

    def _form(self, path: str, texts: Sequence[str]) -> str:
        """The form of values that have no label of their own."""
        own = self.own.get(path)
        if isinstance(own, str) and PLACE in own:
            return own
        if path in _FORMS and texts != ["none"]:
            return _FORMS[path][0 if texts == ["1"] else 1]
        name = self.name(path)
        if len(texts) == 1 and texts[0] in ("none", "false"):
            return f"no {name}"
        return name if texts == ["true"] else f"{name} {PLACE}"


def data_name(settings: Mapping[str, object]) -> str:
    """The name of the data of a run: that of the dataset, or of the files of one's own."""
    path = unstamped(show(settings.get("data.path", "none")))[0]
    return path.rstrip("/").rpartition("/")[2] if path != "none" else show(settings.get("data.name"))


def differing(ours: Cell, theirs: Cell) -> list[str]:
    """The fields in which two cells differ."""
    return [path for path in ours if show(ours[path]) != show(theirs.get(path))]


def listed(texts: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = list(texts) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _spaced(path: str) -> str:
    return path.rpartition(".")[2].replace("_", " ")


def _number(value: Value) -> str:
    """A value as text for people: no underscores, and lists without brackets."""
    if isinstance(value, list):
        return listed(map(show, value))
    if isinstance(value, float):
        return f"{value:g}".replace("-", "−", 1) if value < 0 else f"{value:g}"
    text = show(value)
    return text if ":" in text else text.replace("_", " ")  # the name of a file stays as it is
