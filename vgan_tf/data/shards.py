"""Data sets as a folder of TFRecord shards: one copy of the data that many machines can read from start to end.

`shards.json` lists the shards and the names of the labels; it is written last, so a folder with it is whole.
"""

import json
import os
from pathlib import Path

import numpy as np

from vgan_tf.data.faces import FaceSet
from vgan_tf.data.stored import hold, stamp
from vgan_tf.data.tfrecords import read_records, write_records
from vgan_tf.errors import InputError
from vgan_tf.files import replacing, write_json
from vgan_tf.images import IMAGE_SIZE

INDEX = "shards.json"
PER_SHARD = 8192  # images; 100 MB
FORMAT = {"format": "vgan_tf shards", "version": 1}


def write_shards(faces, folder, per_shard=PER_SHARD):
    """Write faces as TFRecord shards, image by image; interrupted and called again, it starts again.

    Each record has `image` (the bytes of uint8 `(size, size, 3)`), `identity` and `expression` (indices), `path`,
    `clip`, `part`, and the ground truth as `truth/NAME`.

    Args:
        faces: FaceSet.
        folder: str or Path; new, empty, or with what an interrupted call left.
        per_shard: images in a shard, int >= 1.

    Returns:
        number of shards.

    Raises:
        InputError: the folder holds something else, or `per_shard` is below 1.
    """
    folder = Path(folder)
    if per_shard < 1:
        raise InputError(f"--per-shard {per_shard}: must be at least 1")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder")
    if (folder / INDEX).exists():
        raise InputError(f"{folder}: already holds shards; delete them, or name another folder")
    unfinished = list(folder.glob("shard-*.tfrecord")) + list(folder.glob(".partial-*"))
    if folder.exists() and len(os.listdir(folder)) > len(unfinished):
        raise InputError(f"{folder}: holds other files; name an empty folder")
    for path in unfinished:
        path.unlink()
    shards = []
    for first in range(0, len(faces), per_shard):
        rows = range(first, min(first + per_shard, len(faces)))
        shards.append({"file": f"shard-{len(shards):05d}.tfrecord", "images": len(rows)})
        with replacing(folder / shards[-1]["file"]) as temporary:
            write_records(temporary, (_example(faces, row) for row in rows))
    index = {
        **FORMAT,
        "image_size": faces.images.shape[1],
        "images": len(faces),
        "identities": list(faces.identities),
        "expressions": list(faces.expressions),
        "truth": list(faces.truth),
        "fingerprint": faces.fingerprint(),
        "shards": shards,
    }
    write_json(folder / INDEX, index)
    return len(shards)


def read_shards(folder, size=IMAGE_SIZE):
    """Read the `FaceSet` that `write_shards` wrote.

    Raises:
        InputError: the index or a shard is missing, truncated, damaged, of another image size, or does not fit the
            other.
    """
    folder = Path(folder)
    index = _read_index(folder / INDEX)
    if index["image_size"] != size:
        raise InputError(f"{folder}: images of side {index['image_size']}, not {size}; write the shards again")
    for shard in index["shards"]:
        if not (folder / shard["file"]).is_file():
            raise InputError(f"{folder / shard['file']}: missing; copy it again, or write the shards again")
    records = _records(folder, index, size)

    def read(first, block):
        notes = []
        for image in block:
            image[:], note = next(records)
            notes.append(note)
        if first + len(block) == index["images"]:
            next(records, None)  # What follows the last record is checked, too.
        return notes

    files = (INDEX, *(shard["file"] for shard in index["shards"]))
    images, notes = hold(index["images"], size, read, lambda: (stamp((folder / file).absolute()) for file in files))
    identity, expression, paths, clips, parts, *truth = zip(*notes, strict=True)
    return FaceSet(
        images=images,
        identity=np.array(identity, np.int64),
        expression=np.array(expression, np.int64),
        identities=tuple(index["identities"]),
        expressions=tuple(index["expressions"]),
        paths=paths,
        clip=np.array(clips, np.str_),
        part=np.array(parts, np.str_),
        truth={name: np.array(values, np.float32) for name, values in zip(index["truth"], truth, strict=True)},
    )


def _example(faces, row):
    return {
        "image": faces.images[row].tobytes(),
        "identity": int(faces.identity[row]),
        "expression": int(faces.expression[row]),
        "path": faces.paths[row].encode("utf-8", "surrogateescape"),
        "clip": str(faces.clip[row]).encode("utf-8", "surrogateescape"),
        "part": str(faces.part[row]).encode(),
        **{f"truth/{name}": float(values[row]) for name, values in faces.truth.items()},
    }


def _read_index(path):
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if {key: index[key] for key in FORMAT} != FORMAT:
            raise InputError(f"{path}: not {FORMAT['format']} of version {FORMAT['version']}; write the shards again")
        counts = [shard["images"] for shard in index["shards"]]
        if min(counts) < 1 or sum(counts) != index["images"] or min(map(len, _label_lists(index).values())) < 2:
            raise ValueError("counts that do not fit each other")
        for name in [shard["file"] for shard in index["shards"]]:
            if os.path.basename(name) != name:
                raise ValueError(f"{name!r} is no file of this folder")
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}: {error}); write the shards again") from None
    return index


def _label_lists(index):
    return {"identity": index["identities"], "expression": index["expressions"]}


def _records(folder, index, size):
    """Yield (image, [identity, expression, path, clip, part, *truth]) of all records, in order."""
    for shard in index["shards"]:
        path, count = folder / shard["file"], 0
        try:
            for count, example in enumerate(read_records(path), start=1):
                if count > shard["images"]:
                    raise ValueError(f"more than the {count - 1} records of {INDEX}")
                image = np.frombuffer(example["image"], np.uint8).reshape(size, size, 3)
                labels = {name: example[name] for name in ("identity", "expression")}
                for name, known in _label_lists(index).items():
                    if not 0 <= labels[name] < len(known):
                        raise ValueError(f"record {count} has {name} {labels[name]}, but {INDEX} names {len(known)}")
                texts = [example[name].decode("utf-8", "surrogateescape") for name in ("path", "clip", "part")]
                yield image, [*labels.values(), *texts, *(example[f"truth/{name}"] for name in index["truth"])]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else error
            raise InputError(f"{path}: {reason}; copy it again, or write the shards again") from None
        if count != shard["images"]:
            raise InputError(f"{path}: {count} records of the {shard['images']} of {INDEX}; copy it again")
