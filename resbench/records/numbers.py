"""The numbers of records that no claim is made on: what each is, with its unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordedNumber:
    """A number of a record.

    Attributes:
        place: where it stands: in the `metrics` of a run, in its `history`, or in a measurement of cost.
        unit: in words.
        about: what it is.
    """

    name: str
    place: str
    unit: str
    about: str


_RUN, _EPOCH, _BENCH = "metrics", "history", "bench"
NUMBERS = (
    RecordedNumber(
        "epoch", _RUN, "epochs", "The epoch whose weights were tested: the last one, or the best on validation."
    ),
    RecordedNumber("val_loss", _RUN, "loss", "Mean loss over the validation images after that epoch."),
    RecordedNumber("train_seconds", _RUN, "seconds", "Time of the training steps and of validation."),
    RecordedNumber(
        "run_seconds", _RUN, "seconds", "Time of the whole run since its last start, with data, probes and test."
    ),
    RecordedNumber(
        "training_flops",
        _RUN,
        "FLOPs",
        "Work of training: three times that of the way forward, over all images of all epochs.",
    ),
    RecordedNumber("images_per_second", _RUN, "images a second", "Training images over the seconds of training."),
    RecordedNumber(
        "peak_memory", _RUN, "bytes", "Most memory in use: of the process on a CPU, of its tensors on a card."
    ),
    RecordedNumber("peak_reserved", _RUN, "bytes", "Most memory that the process held on the card."),
    RecordedNumber("epoch", _EPOCH, "epochs", "How many were done, from 1."),
    RecordedNumber("lr", _EPOCH, "learning rate", "That of the last step of the epoch."),
    RecordedNumber("depth", _EPOCH, "layers", "Of the network in this epoch, where it grows."),
    RecordedNumber("train_loss", _EPOCH, "loss", "Mean over the epoch, while the weights change."),
    RecordedNumber("train_accuracy", _EPOCH, "share, 0 to 1", "Share of training images that were right in it."),
    RecordedNumber("val_loss", _EPOCH, "loss", "Mean over the validation images after it."),
    RecordedNumber("val_accuracy", _EPOCH, "share, 0 to 1", "Share of validation images that are right after it."),
    RecordedNumber("seconds", _EPOCH, "seconds", "Time of the epoch, with its validation."),
    RecordedNumber(
        "train_images_per_second",
        _BENCH,
        "images a second",
        "Training steps on made-up images; `_q1` and `_q3` are quartiles.",
    ),
    RecordedNumber(
        "inference_images_per_second", _BENCH, "images a second", "Inference on a batch, batch norm folded."
    ),
    RecordedNumber("latency_ms", _BENCH, "milliseconds", "Inference on one image."),
    RecordedNumber("flops_per_second", _BENCH, "FLOPs a second", "Of training."),
    RecordedNumber("peak_flops_per_second", _BENCH, "FLOPs a second", "Of matrix products here, measured with it."),
    RecordedNumber("share_of_peak", _BENCH, "share, 0 to 1", "The first of these over the second."),
    RecordedNumber("bytes_per_image", _BENCH, "bytes", "Memory traffic of training, as an estimate."),
    RecordedNumber("flops_per_byte", _BENCH, "FLOPs a byte", "Work for each byte of that traffic."),
    RecordedNumber("bandwidth", _BENCH, "bytes a second", "Memory bandwidth here, measured with it."),
    RecordedNumber(
        "plain_images_per_second", _BENCH, "images a second", "The same training by the script of `--against plain`."
    ),
    RecordedNumber("speedup", _BENCH, "ratio", "Time of a step of that script over time of ours."),
)
