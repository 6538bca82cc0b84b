"""Judging a run: its protected images and latents, as plain arrays, go to the audit."""

import dataclasses
from pathlib import Path

import numpy as np

from vgan_tf.audit import Dump, Extra, audit
from vgan_tf.audit.report import headline
from vgan_tf.data import companions, load_faces, partition, split
from vgan_tf.errors import InputError
from vgan_tf.files import write_text
from vgan_tf.images import write_image
from vgan_tf.protection import DeviceModel, parse_release, with_release
from vgan_tf.run import load_run, open_run

POSE = ("yaw", "pitch", "roll")
GALLERY_IMAGES = 8
GALLERY_TARGETS = 8
# Held-out people, in a split by subject, are attacked by one who has the other part of their images.
HELD_OUT_TEST_FRACTION = 0.3
EXTERNAL_TEST_FRACTION = 0.3


def evaluate_run(
    folder,
    data=None,
    out=None,
    dump_path=None,
    target_policy="uniform",
    on_device=None,
    fresh=None,
    strangers=None,
    release=None,
    **options,
):
    """Audit a run on the test part of its data.

    Args:
        folder: run folder.
        data: SOURCE to use instead of the run's own; the run's split settings apply to it.
        out: folder for the results; `folder/evaluation` without it.
        dump_path: also write the audited arrays there (.npz).
        target_policy: "uniform", "exclude-true" or "fixed:NAME": how target identities are chosen.
        on_device: export folder whose files are audited in place of the Keras model.
        fresh: SOURCE of further images of the same people; strangers: SOURCE of other people. Without them the attacks
            that need such images are left out, but for drawn faces, of which more are drawn.
        release: what leaves the device, as text for `protection.parse_release`; None as the run is configured. Not
            together with `on_device`, whose files release what they were exported with.
        options: passed to `vgan_tf.audit.audit` (seeds, quick, progress).

    Returns:
        (dict as in evaluation.json, Path of the results).

    Raises:
        InputError: no such run or data, or labels that the model does not know.
    """
    run = open_run(folder)
    if on_device and release:
        raise InputError("--release with --on-device: the files release what they were exported with; leave one out")
    model = DeviceModel.of_files(run, on_device) if on_device else load_run(folder)
    faces = load_faces(data or run.config.data, run.config.image_size)
    trained_on_these = faces.fingerprint() == run.fingerprint
    if data is None and not trained_on_these:
        raise InputError(f"{run.config.data}: not the data that {folder} was trained on; name the data with --data")
    if release:
        trained_on = faces if trained_on_these else load_faces(run.config.data, run.config.image_size)
        model = with_release(model, release, trained_on)
    out = Path(out) if out else results_folder(folder, on_device, release)
    drawn = drawn_companions(run.config) if data is None else (None, None)
    fresh, strangers = (
        load_faces(given, run.config.image_size) if given else more
        for given, more in zip((fresh, strangers), drawn, strict=True)
    )
    dump = make_dump(model, faces, target_policy, fresh=fresh, strangers=strangers)
    if not trained_on_these:
        dump = dataclasses.replace(dump, trained_train=None)
    if dump_path:
        dump.save(dump_path)
    if release and parse_release(release).kind == "noise":
        dump = dump.without("mu")  # Attackers get the latent with its noise; the mean stays on the device.
    inputs = _one_of_each_expression(dump)
    for index in inputs:
        name = f"{dump.identities[dump.id_test[index]]}_{dump.expressions[dump.ep_test[index]]}.png"
        write_image(out / "inputs" / name, dump.x_test[index])
    shown = model.identities[:GALLERY_TARGETS]
    gallery = np.stack([dump.x_test[inputs], *(model.protect(dump.x_test[inputs], name, seed=0) for name in shown)])
    result = audit(dump, out, pictures={"gallery": gallery, "gallery_targets": shown}, **options)
    write_text(out / "summary.txt", summary(result) + "\n")
    return result, out


def results_folder(run_folder, on_device=None, release=None):
    """Where the results of a run go that names no other folder."""
    if release:
        return Path(run_folder) / f"evaluation_{str(parse_release(release)).replace(':', '_')}"
    return Path(run_folder) / ("evaluation_on_device" if on_device else "evaluation")


def drawn_companions(config):
    """FaceSets of fresh images and of strangers for a run on drawn faces, or None for each.

    Held-out people, in a split by subject, are strangers already.
    """
    return (None, None) if config.split == "subject" else companions(config.data, config.image_size)


def make_dump(model, faces, target_policy="uniform", most_images=None, fresh=None, strangers=None):
    """Protect a data set and gather what an attacker may see.

    Args:
        model: PPRLVGAN or DeviceModel.
        faces: FaceSet, the whole data; it is split as the model's configuration says.
        target_policy: as for `evaluate_run`.
        most_images: of each part, drawn at random; None for all.
        fresh: FaceSet of the same people in pictures that trained nothing, or None.
        strangers: FaceSet of people that are not in the data, or None.

    Returns:
        Dump. Its train part is everything but the test part; `trained_train` marks what trained the generator. In a
        split by subject both parts are of the held-out people, and its `references` are of the others, the targets.
    """
    config = model.config
    _check_labels(model, faces)
    train, validation, test = partition(faces, config)
    held_out_people = config.split == "subject"
    known = not held_out_people and faces.identities == model.identities
    if target_policy == "exclude-true" and not known:
        target_policy = "uniform"  # Nobody's true identity is a target.
    if held_out_people:
        held_out = split(test, "image", HELD_OUT_TEST_FRACTION, seed=config.seed).test
        parts = {"train": test.subset(np.setdiff1d(np.arange(len(test)), held_out)), "test": test.subset(held_out)}
    else:
        parts = {"train": train.concatenate(validation), "test": test}
    arrays, clip_names = {}, np.unique(faces.clip)
    for number, (part, subset) in enumerate(parts.items()):
        seed = config.seed + 1 + number
        kept = _draw_rows(subset, most_images, seed)
        if part == "train":
            arrays["trained_train"] = known & (kept < len(train))
        subset = subset.subset(kept)
        seen, truth = _protect(model, subset, target_policy, seed), _truth(subset)
        if clip_names.size > 1:
            truth["clip"] = np.searchsorted(clip_names, subset.clip)
        arrays |= {f"{name}_{part}": values for name, values in {**seen, **truth}.items()}
    known_targets = held_out_people and train.identities == model.identities
    extras = {
        "fresh": fresh if known else None,
        "strangers": strangers,
        "references": train.concatenate(validation) if known_targets else None,
    }
    for number, (part, subset) in enumerate(extras.items()):
        if subset is not None:
            _check_labels(model, subset)
            seed = config.seed + 3 + number
            subset = subset.subset(_draw_rows(subset, most_images, seed))
            seen = _protect(model, subset, "uniform" if part == "strangers" else target_policy, seed)
            arrays[part] = Extra(**seen, identities=subset.identities)
    return Dump(
        **arrays,
        identities=parts["test"].identities,
        expressions=model.expressions,
        targets=model.identities,
        target_policy=target_policy,
    )


def _draw_rows(faces, most, seed):
    """At most so many rows of a FaceSet, in order; all for None."""
    return np.sort(np.random.default_rng(seed).permutation(len(faces))[:most])


def _protect(model, faces, target_policy, seed):
    targets = draw_targets(model, faces, target_policy, seed)
    protected, means, drawn = model.protect_and_encode(faces.images, targets, seed)
    return {
        "x": np.asarray(faces.images),
        "p": protected,
        "mu": means,
        "z": drawn,
        "c": targets,
        "id": faces.identity,
        "ep": faces.expression,
    }


def _truth(faces):
    """What is known of the images beyond their labels, as a Dump names it."""
    truth = {"intensity": faces.truth["intensity"]} if "intensity" in faces.truth else {}
    if set(POSE) <= set(faces.truth):
        truth["pose"] = np.stack([faces.truth[name] for name in POSE], axis=1)
    return truth


def draw_targets(model, faces, target_policy, seed):
    """Choose a target identity for each image: int64 `(n,)`; an unknown policy raises InputError."""
    count, random = len(model.identities), np.random.default_rng(seed)
    if target_policy == "uniform":
        return random.integers(0, count, len(faces))
    if target_policy == "exclude-true":
        return (faces.identity + random.integers(1, count, len(faces))) % count
    if target_policy.startswith("fixed:"):
        return model.resolve_targets(target_policy.removeprefix("fixed:"), len(faces))
    raise InputError(f"target policy {target_policy!r}: must be uniform, exclude-true or fixed:NAME")


def evaluate_external(sources, out, **options):
    """Audit any anonymizer: a dump, or a folder of originals and one of their protected versions.

    Args:
        sources: one path of a dump, or two SOURCEs whose images match by path.
        out: folder for the results.
        options: passed to `vgan_tf.audit.audit`.

    Returns:
        (dict as in evaluation.json, Path of the results).
    """
    if len(sources) == 1:
        dump = Dump.load(sources[0])
    elif len(sources) == 2:
        dump = pair_dump(load_faces(sources[0]), load_faces(sources[1]))
    else:
        raise InputError(f"--external takes a dump, or originals and protected images; {len(sources)} paths were given")
    shown = _one_of_each_expression(dump)
    pictures = {"gallery": np.stack([dump.x_test[shown], dump.p_test[shown]])}
    result = audit(dump, Path(out), pictures=pictures, **options)
    write_text(Path(out) / "summary.txt", summary(result) + "\n")
    return result, Path(out)


def pair_dump(originals, protected):
    """Match two FaceSets image by image, by path without the file's ending; returns a Dump without latents."""
    stems = [[str(Path(path).with_suffix("")) for path in faces.paths] for faces in (originals, protected)]
    where = {stem: index for index, stem in enumerate(stems[1])}
    missing = [stem for stem in stems[0] if stem not in where]
    if missing:
        raise InputError(f"{len(missing)} originals have no protected version, first: {missing[0]}; names must match")
    matched = protected.images[[where[stem] for stem in stems[0]]]
    test = split(originals, "image", EXTERNAL_TEST_FRACTION).test
    arrays = {}
    for part, index in (("train", np.setdiff1d(np.arange(len(originals)), test)), ("test", test)):
        arrays |= {
            f"x_{part}": originals.images[index],
            f"p_{part}": matched[index],
            f"id_{part}": originals.identity[index],
            f"ep_{part}": originals.expression[index],
        }
    return Dump(**arrays, identities=originals.identities, expressions=originals.expressions)


def _check_labels(model, faces):
    if faces.expressions != model.expressions:
        raise InputError(
            f"the data's expressions are {', '.join(faces.expressions)}; the model's are {', '.join(model.expressions)}"
        )


def _one_of_each_expression(dump):
    """Indices of up to GALLERY_IMAGES test images: one of each expression, of different people where possible."""
    chosen = []
    for expression in range(len(dump.expressions)):
        candidates = np.flatnonzero(dump.ep_test == expression)
        if len(candidates):
            people = [int(dump.id_test[i]) for i in chosen]
            chosen.append(min(candidates, key=lambda i: (people.count(int(dump.id_test[i])), i)))
    return np.array(chosen[:GALLERY_IMAGES])


def summary(result):
    """The figures that matter as a few lines of text."""
    rows = []
    for number, name in (("I", "scenario_1"), ("II", "scenario_2"), ("III", "scenario_3")):
        if result["privacy"].get(name):
            strongest = result["privacy"][name]["strongest"]
            rows.append((f"identity read, scenario {number} ({strongest['attacker']})", strongest))
    for label, name in (
        ("target identity reached", "target_success"),
        ("expression, originals", "original_to_original"),
        ("expression, protected; trained on originals", "original_to_protected"),
        ("expression, protected; trained on protected", "protected_to_protected"),
    ):
        if result["utility"].get(name):
            rows.append((label, result["utility"][name]))
    lines = [headline(result), f"  {'chance of naming the right person':<58} {result['chance']:6.1%}"]
    for label, figure in rows:
        low, high = figure["interval"]
        lines.append(f"  {label:<58} {figure['accuracy']:6.1%}  [{low:.1%}, {high:.1%}]")
    return "\n".join(lines)
