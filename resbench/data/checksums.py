"""What is known of the contents of each dataset, so that files that are damaged, or another dataset's, are refused.

- mnist-5k, shapes, mnist, fashion-mnist: the SHA-256 of what is read.
- cifar10: the MD5 of each file, which torchvision has.
- kmnist, qmnist: torchvision has the MD5 of the archives alone. Where one lies next to the file that came out of it, as
  after a download, it holds that file's CRC-32.
- emnist: the same of its archive `gzip.zip`, whose own MD5 would take seconds: the file must be the one in it.

Without the archive nothing is known of kmnist, qmnist and emnist but their sizes, and that they are no other dataset here.
"""

from __future__ import annotations

import functools
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_TRAILER = 8  # bytes of a gzip file: CRC-32 and size of what was packed, both little-endian
_BLOCK = 1 << 20
# `Images.sha256` of the training and the test part, where it is known. torchvision checks what it downloads and never
# again: files that have changed since would be trained on.
SHA256: dict[tuple[str, bool], str] = {
    ("mnist-5k", True): "a697ccdaef169f21ba75d03f8bc4cbfc31f4b458e98ed99589bbbbf9b511fe65",
    ("mnist-5k", False): "2ae92cfbb31c71bd82c6140ba394c952704b74a688b47703114134c17c2cfba2",
    ("mnist", True): "d18cfd466eb143ac1097fde604dba9eec4116885869d04cc648b510949f9e88c",
    ("mnist", False): "a0863a96c44e5666edbb30c4071ee79ca0514c621e6349c5967fc78e7305c891",
    ("fashion-mnist", True): "1f243a60b4b748a44c48b9a6f6907be2a08bee3e4e226f0e86fbde8e147b745a",
    ("fashion-mnist", False): "9a494dc49efeb996f4076c469b31cd058152067b1594ba6ab85dd739fce3775e",
    ("shapes", True): "a7cc9690889951994c324f63f331c917c1fb82e0c436d3dbb5d7599bb0284653",
    ("shapes", False): "c8e1a17398d255189e9f33a6d8329b1ed2e541e083e29a98b267035853f9a30e",
}


def other_dataset(name: str, sha256: str) -> str:
    """The name of another dataset whose content this is; empty if it is none that is known."""
    return next((other for (other, _), known in SHA256.items() if known == sha256 and other != name), "")


def damage(name: str, directory: Path, train: bool) -> str:
    """What is wrong with the files of a dataset of torchvision, by the checksums that came with them; empty if nothing.

    Args:
        name: of the class in torchvision.
        directory: data root.
    """
    if name == "CIFAR10":
        return _cifar10(directory)
    packed = _packed(name, directory / name / "raw", train)
    return next((text for path, crc, archive in packed if (text := _differs(path, crc, archive))), "")


def _cifar10(directory: Path) -> str:
    from torchvision.datasets import CIFAR10

    for file, md5 in (*CIFAR10.train_list, *CIFAR10.test_list):
        path = directory / CIFAR10.base_folder / file
        if path.is_file() and (actual := _md5(path)) != md5:
            return f"{path}: damaged: its MD5 is {actual}, and should be {md5}"
    return ""


def _packed(name: str, raw: Path, train: bool) -> Iterator[tuple[Path, int, Path]]:
    """Each unpacked file next to its archive: its path, the CRC-32 that it should have, and the archive."""
    from torchvision.datasets import KMNIST, QMNIST

    part = "train" if train else "test"
    if name == "KMNIST":
        archives = [pair for pair in KMNIST.resources if pair[0].startswith("train" if train else "t10k")]
    elif name == "QMNIST":
        archives = [(url.rpartition("/")[2], md5) for url, md5 in QMNIST.resources[part]]
    elif name == "EMNIST":
        yield from _packed_in_zip(raw, f"emnist-balanced-{part}-")
        return
    else:
        return
    for file, md5 in archives:
        archive = raw / file
        if archive.is_file() and _md5(archive) == md5:
            with archive.open("rb") as packed:
                packed.seek(-_TRAILER, 2)
                yield archive.with_suffix(""), _crc_in(packed.read()), archive


def _packed_in_zip(raw: Path, prefix: str) -> Iterator[tuple[Path, int, Path]]:
    archive = raw / "gzip.zip"
    if not archive.is_file():
        return
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.namelist():
                path = raw / Path(member).stem
                if path.name.startswith(prefix) and member.endswith(".gz") and path.is_file():
                    with packed.open(member) as inner:
                        yield path, _crc_in(_end(inner)), archive
    except (zipfile.BadZipFile, OSError, zlib.error):
        return  # an archive that is not whole says nothing of a file that was unpacked from it


def _differs(path: Path, crc: int, archive: Path) -> str:
    if not path.is_file():
        return ""
    actual = 0
    with path.open("rb") as file:
        for block in iter(functools.partial(file.read, _BLOCK), b""):
            actual = zlib.crc32(block, actual)
    if actual == crc:
        return ""
    return f"{path}: damaged: its CRC-32 is {actual:08x}, and should be {crc:08x}, as {archive.name} next to it has it"


def _end(file: IO[bytes]) -> bytes:
    """The last bytes of a file that cannot be sought."""
    end = b""
    for block in iter(functools.partial(file.read, _BLOCK), b""):
        end = (end + block)[-_TRAILER:]
    return end


def _crc_in(trailer: bytes) -> int:
    return int.from_bytes(trailer[:4], "little")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
