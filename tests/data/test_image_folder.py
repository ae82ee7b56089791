"""Images of a user's own in folders: what is read from them, which of them test, and what a run is identified by."""

from __future__ import annotations

import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from support.pictures import picture, picture_folder

from resbench.core.errors import UserError
from resbench.core.places import relative_to
from resbench.data.loading import DataConfig, load_test, load_train
from resbench.training.run import RunConfig

CPU = torch.device("cpu")
NOWHERE = Path("unused")


def config(folder: Path | str, **more: object) -> DataConfig:
    return DataConfig.model_validate({"name": "folder", "path": str(folder), **more})


def run_id(folder: Path | str) -> str:
    return RunConfig.model_validate({"data": {"name": "folder", "path": str(folder)}}).id


def message(folder: Path | str) -> str:
    with pytest.raises(ValidationError) as caught:
        config(folder)
    return str(caught.value.errors()[0]["ctx"]["text"])


def contents(data: DataConfig) -> dict[bytes, tuple[int, bool]]:
    """The bytes of each image -> its label, and whether it tests."""
    train, val, _ = load_train(data, NOWHERE, CPU)
    parts = ((train, False), (val, False), (load_test(data, NOWHERE, CPU), True))
    return {
        image.numpy().tobytes(): (int(label), test)
        for part, test in parts
        for image, label in zip(part.images, part.labels, strict=True)
    }


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 12)])
def test_all_is_read_from_the_files(channels: int, side: int, tmp_path: Path) -> None:
    data = config(picture_folder(tmp_path / "p", channels=channels, side=side))
    found = data.dataset
    assert (found.channels, found.size, found.classes, list(found.labels)) == (channels, side, 3, ["a", "b", "c"])
    assert found.train + found.test == 120 and 10 <= found.test <= 40
    assert sum(data.sizes) == found.train and data.sizes[1] == found.train // 10
    read = contents(data)
    assert len(read) == 120
    for label in range(3):
        expected = torch.from_numpy(picture(label, 7, side, channels)).reshape(side, side, channels).permute(2, 0, 1)
        assert read[expected.contiguous().numpy().tobytes()][0] == label


def test_an_image_stays_in_its_part_when_others_come(tmp_path: Path) -> None:
    few = contents(config(picture_folder(tmp_path / "few", each=30)))
    many = contents(config(picture_folder(tmp_path / "many", each=60)))
    assert len(many) == 2 * len(few) and all(many[image] == one for image, one in few.items())


def test_folders_train_and_test_decide(tmp_path: Path) -> None:
    picture_folder(tmp_path / "p" / "train", each=20)
    picture_folder(tmp_path / "p" / "test", each=5, first=20)
    data = config(tmp_path / "p", val_size=0)
    assert (data.dataset.train, data.dataset.test) == (60, 15)
    tests = [one for one in contents(data).values() if one[1]]
    assert sorted(tests) == [(label, True) for label in range(3) for _ in range(5)]
    (tmp_path / "p" / "test" / "d").mkdir()
    assert message(tmp_path / "p").startswith(f"{tmp_path}/p/test/d: a class without a folder in {tmp_path}/p/train")


def test_grey_among_colours_becomes_rgb(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "p")
    grey = Image.open(folder / "a" / "000.png").convert("L")
    grey.save(folder / "a" / "000.png")
    assert config(folder).dataset.channels == 3
    same = torch.from_numpy(picture(0, 0, 8, 1) * 0)  # of its shape
    images = [image for image in contents(config(folder)) if image[:64] == image[64:128] == image[128:]]
    assert len(images) == 1 and len(images[0]) == 3 * same.numel()


def test_what_is_no_set_of_images_is_named_with_its_first_file(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "p")
    Image.fromarray(picture(0, 0, 9)).save(folder / "b" / "007.png")
    assert message(folder).startswith(f"{folder}/b/007.png: is 9x9, and most are 8x8: ")
    (folder / "b" / "007.png").write_bytes(b"no image")
    assert message(folder).startswith(f"{folder}/b/007.png: cannot be read as an image (cannot identify image file): ")
    (folder / "b" / "007.png").unlink()
    shutil.copy(folder / "a" / "000.png", folder)
    assert message(folder).startswith(f"{folder}/000.png: an image outside the folders of the classes")
    (folder / "000.png").unlink()
    (folder / "empty").mkdir()
    assert message(folder).startswith(f"{folder}/empty: no image in it")
    assert message(folder / "a").startswith(f"{folder}/a")
    assert message(tmp_path / "nowhere").startswith(f"{tmp_path}/nowhere: no such folder")
    assert message("none") == "folder needs data.path: a folder, such as ../photos"


def test_a_run_is_identified_by_the_content_and_not_by_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(tmp_path / "one" / "p")
    before = run_id(folder)
    monkeypatch.chdir(tmp_path)
    with relative_to(tmp_path / "one"):
        assert run_id("p") == before
    shutil.move(folder, tmp_path / "two")
    assert run_id("two") == before
    Image.fromarray(picture(0, 999)).save("two/a/000.png")
    changed = run_id("two")
    assert changed != before
    Path("two/a/000.png").rename("two/a/000000.png")
    assert run_id("two") not in (before, changed)


def test_a_stamp_stands_for_the_content(tmp_path: Path) -> None:
    """A record, or a task, of files that have changed since is refused; it finds them from whatever folder it starts."""
    folder = picture_folder(tmp_path / "p")
    with relative_to(tmp_path):
        data = config("p")
    assert re.fullmatch("p@[0-9a-f]{16}", data.path)
    assert DataConfig.model_validate(data.model_dump()) == data == pickle.loads(pickle.dumps(data))
    assert config(data.path).dataset.train == data.dataset.train
    Image.fromarray(picture(0, 999)).save(folder / "a" / "000.png")
    with relative_to(tmp_path):
        assert config("p").path != data.path
        assert "the files have changed since the run was planned" in message(f"p@{'0' * 16}")


def test_test_images_are_not_decoded_before_the_end_and_are_those_that_were_planned(tmp_path: Path) -> None:
    picture_folder(tmp_path / "p" / "train")
    picture_folder(tmp_path / "p" / "test", first=40)
    data = config(tmp_path / "p")
    (tmp_path / "p" / "test" / "b" / "041.png").write_bytes(b"damaged")
    training, _, _ = load_train(data, NOWHERE, CPU)
    assert len(training) == 108
    with pytest.raises(UserError, match=r"test/b/041\.png: the files have changed since the run was planned"):
        load_test(data, NOWHERE, CPU)


def test_a_path_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(ValidationError, match=r"shapes is not used: data.name mnist needs no path"):
        DataConfig.model_validate({"name": "mnist", "path": "shapes"})
