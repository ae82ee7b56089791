"""Every key of a grid file: what it takes and what it is for, with an example that the tests read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """A key of a grid or search file.

    Attributes:
        takes: what stands behind it, in words.
        default: what holds where it is left out.
        about: what it is for; an empty line stands between paragraphs.
        example: YAML that a file may have, the key itself among it.
    """

    name: str
    takes: str
    default: str
    about: str
    example: str


NAME = Key(
    "name",
    "a name",
    "that of the file",
    "What the study is called: its records lie in `results/NAME`, its page in `reports/NAME`. On the command line "
    "`name=smoke` makes a study of its own.",
    "name: my-question",
)
BASE = Key(
    "base",
    "fields, each with a value",
    "the default of each field",
    "What all runs have. Fields are written by section, or by their dotted path.",
    "base:\n  model: {depth: 22, width: 8}\n  recipe.epochs: 3",
)
PROBES = Key(
    "probes",
    "a list of names",
    "none",
    "What is measured next to accuracy, to explain it. Training is the same bit for bit with and without probes.",
    "probes: [gradients, responses]",
)
CLAIMS = Key(
    "claims",
    "a list of claims",
    "none",
    "What you expect, written down before the runs. The page has a verdict on each.",
    "claims:\n"
    "  - says: shortcuts lead to fewer errors\n"
    "    compare: {model.shortcut: identity}\n"
    "    to: {model.shortcut: none}\n"
    "    expect: lower\n"
    "    margin: 0.1",
)
FAMILY = Key(
    "family",
    "`claim` or `study`",
    "claim",
    "What is judged together at one level: the comparisons of each claim, or those of all claims of the study.",
    "family: study",
)
LABELS = Key(
    "labels",
    "fields, each with a label",
    "labels of resbench, else the names of the fields",
    "What pages call a field and its values: a name, a form such as `{} layers`, or a label for each value. Labels are "
    "words alone: no run depends on them.",
    'labels:\n  model.depth: "{} layers"\n  model.shortcut: {none: plain, identity: residual}',
)
STORY = Key(
    "story",
    "`chapter`, `place`, `page`, or some of these",
    "last, by name",
    "Where the study stands among others on the page that lists all of them.",
    'story: {chapter: "Does depth hurt?", place: 10}',
)
PLUGINS = Key(
    "plugins",
    "a list of Python files",
    "none",
    "Files with layers, optimizers, data sets or probes of your own, from the folder of the grid file. Their content is "
    "part of the identity of the runs that use them.",
    "plugins: [my_layers.py]",
)
TRAINER = Key(
    "trainer",
    "`FILE.py:FUNCTION`, or a mapping of the fields of `trainer`",
    "resbench trains",
    "Training code of your own in place of that of resbench.",
    "trainer: my_training.py:train",
)
METRICS = Key(
    "metrics",
    "names, each with `better`, `words`, `proportion`, or some of these",
    "none",
    "Numbers that your training code returns, and that claims may be made on.",
    "metrics: {auc: {better: higher, words: area under the curve}}",
)
GRID_KEYS = (
    NAME,
    BASE,
    Key(
        "axes",
        "fields, each with a list of values",
        "none: one cell",
        "What varies. Every combination of their values is a cell; the first axis varies slowest.",
        "axes:\n  model.shortcut: [identity, none]\n  model.depth: [10, 22]",
    ),
    Key(
        "zip",
        "a list of groups, each as `axes`",
        "none",
        "Axes that change together: the first values of a group are one cell, the second ones the next. Groups are "
        "crossed with each other and with `axes`.",
        "zip:\n  - model.branch: [plain, fixup]\n    model.norm: [batch, none]",
    ),
    Key(
        "exclude",
        "a list of rules, each with `if` and `because`",
        "none",
        "Cells to leave out. `if` has fields with a value or a list of values, which must all match; `because` is the "
        "reason that plan and page print.",
        "axes:\n"
        "  model.shortcut: [identity, none]\n"
        "  model.branch: [plain, fixup]\n"
        "base: {model.norm: none}\n"
        "exclude:\n"
        "  - if: {model.branch: fixup, model.shortcut: none}\n"
        "    because: Fixup needs a shortcut",
    ),
    Key(
        "seeds",
        "a number, a list of numbers, or a plan of looks",
        "1",
        "The runs of each cell. A verdict takes five. A plan such as `{looks: [5, 10, 20], spend: pocock}` trains five seeds, "
        "reads the claims, and goes on only where they are not settled.",
        "seeds: 5",
    ),
    PROBES,
    Key(
        "baseline",
        "axes, each with a value",
        "none",
        "The cells that the others are compared with where no claim compares them. Those comparisons are exploratory.",
        "baseline: {model.shortcut: none}",
    ),
    Key(
        "published",
        "a list of numbers of others",
        "none",
        "Numbers that ours are set against, as reproduced, not reproduced, or not comparable and why.",
        "published:\n"
        "  - source: Someone 2020, table 1\n"
        "    on: test_error\n"
        "    at: {model.shortcut: none}\n"
        "    value: 0.05\n"
        "    differs: other images",
    ),
    Key(
        "theory",
        "a list of predictions",
        "none",
        "Numbers that theories predict, judged against ours: as predicted, not as predicted, not settled, or not comparable "
        "and why.",
        "theory:\n"
        "  - says: networks miss each image independently of the others\n"
        "    source: Jordan 2023 (2304.01910)\n"
        "    formula: sqrt(sum p (1 - p)) / n\n"
        "    on: test_error\n"
        "    of: deviation\n"
        "    at: {}\n"
        "    value: 1.0\n"
        "    margin: 0.2",
    ),
    CLAIMS,
    FAMILY,
    Key(
        "target",
        "`test_accuracy`, and what goes with it",
        "none",
        "An accuracy to reach: the page says which cell reaches it with the least training.",
        "target: {test_accuracy: 0.95, confirm: 5}",
    ),
    LABELS,
    STORY,
    PLUGINS,
    TRAINER,
    METRICS,
)
