"""Audits of a run, of its exported files, and of anyone's anonymizer."""

import dataclasses
import textwrap
from pathlib import Path

import numpy as np

from vgan_tf.audit import Dump, audit
from vgan_tf.audit.report import headline
from vgan_tf.data import load_faces
from vgan_tf.data.readers.layouts import list_images
from vgan_tf.data.sources import shows_others
from vgan_tf.errors import InputError
from vgan_tf.evaluation.dumps import drawn_companions, make_dump, pair_dump
from vgan_tf.files import write_text
from vgan_tf.images import open_upright, write_image
from vgan_tf.protection import DeviceModel, parse_release, with_release
from vgan_tf.run import load_run, open_run

GALLERY_IMAGES = 8
GALLERY_TARGETS = 8
COLUMNS, LABEL = 100, 68  # widths of the summary and of the names in it
EXTERNAL_SIZES = (128, 64, 32)  # of pictures in folders: the largest that they fill


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
        data: SOURCE to use instead of the run's own; the run's split settings apply to it. Where it is known to show
            other people (`shows_others`), all its images are attacked, as nobody in them was trained on.
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
    about = {"given": {"data": data, "fresh": fresh, "strangers": strangers, "on_device": on_device}}
    about["given"] = {name: source and str(source) for name, source in about["given"].items()}
    about["weights_sha256"] = run.weights_sha256()
    drawn = drawn_companions(run.config) if data is None else (None, None)
    fresh, strangers = (
        load_faces(given, run.config.image_size) if given else more
        for given, more in zip((fresh, strangers), drawn, strict=True)
    )
    people_held_out = data is not None and shows_others(data, run.config.data)
    dump = make_dump(model, faces, target_policy, fresh=fresh, strangers=strangers, people_held_out=people_held_out)
    if not trained_on_these and not people_held_out:
        dump = dataclasses.replace(dump, trained=None)
    if dump_path:
        dump.save(dump_path)
    inputs = _one_of_each_expression(dump)
    for index in inputs:
        name = f"{dump.identities[dump.test.id[index]]}_{dump.expressions[dump.test.ep[index]]}.png"
        write_image(out / "inputs" / name, dump.test.x[index])
    shown = model.identities[:GALLERY_TARGETS]
    gallery = np.stack([dump.test.x[inputs], *(model.protect(dump.test.x[inputs], name, seed=0) for name in shown)])
    pictures = {"gallery": gallery, "gallery_targets": shown}
    result = audit(dump, out, pictures=pictures, decode=model.decode, about=about, **options)
    write_text(out / "summary.txt", summary(result) + "\n")
    return result, out


def results_folder(run_folder, on_device=None, release=None):
    """Where the results of a run go that names no other folder."""
    if release:
        return Path(run_folder) / f"evaluation_{str(parse_release(release)).replace(':', '_')}"
    return Path(run_folder) / ("evaluation_on_device" if on_device else "evaluation")


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
        size = _size_of(sources[1])
        dump = pair_dump(*(load_faces(source, size) for source in sources))
    else:
        raise InputError(f"--external takes a dump, or originals and protected images; {len(sources)} paths were given")
    shown = _one_of_each_expression(dump)
    rows = [dump.test.x[shown]] if dump.test.p is None else [dump.test.x[shown], dump.test.p[shown]]
    result = audit(dump, Path(out), pictures={"gallery": np.stack(rows)}, **options)
    write_text(Path(out) / "summary.txt", summary(result) + "\n")
    return result, Path(out)


def _size_of(source):
    """The side at which a folder's pictures are read: by the first readable one. Other sources: the middle one."""
    if Path(source).is_dir():
        for path in list_images(source)[0]:
            try:
                shorter = min(open_upright(Path(source) / path).size)
            except InputError:
                continue  # Reading the folder reports it.
            return next((size for size in EXTERNAL_SIZES if size <= shorter), EXTERNAL_SIZES[-1])
    return EXTERNAL_SIZES[1]


def _one_of_each_expression(dump):
    """Indices of up to GALLERY_IMAGES test images: one of each expression, of different people where possible."""
    chosen = []
    for expression in range(len(dump.expressions)):
        candidates = np.flatnonzero(dump.test.ep == expression)
        if len(candidates):
            people = [int(dump.test.id[i]) for i in chosen]
            chosen.append(min(candidates, key=lambda i: (people.count(int(dump.test.id[i])), i)))
    return np.array(chosen[:GALLERY_IMAGES])


def summary(result):
    """The verdict, the release, the tables, the encoder and the figures that matter, as text of at most `COLUMNS`."""
    # A figure and its % stay on one line.
    paragraphs = [textwrap.wrap(text.replace(" %", "\N{NO-BREAK SPACE}%"), COLUMNS) for text in headline(result)]
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for paragraph in paragraphs for line in paragraph]
    rows = [("chance of naming the right person", f"{result['chance']:6.1%}")]
    privacy = result["privacy"]
    for title, name in (
        ("scenario I", "scenario_1"),
        ("scenario II", "scenario_2"),
        ("from the release", "release"),
        ("scenario III, the encoder", "scenario_3"),
    ):
        if privacy.get(name):
            strongest = privacy[name]["strongest"]
            rows.append((f"identity, {title} ({strongest['attacker']})", _with_interval(strongest)))
    for count in (4, 16):
        several = [(result.get("averaging") or {}).get(f"{kind} of {count} pictures") for kind in ("images", "release")]
        if any(several):
            strongest = max(filter(None, several), key=lambda one: one["accuracy"])
            label = f"identity, {count} pictures together ({strongest['attacker']}; chance {strongest['chance']:.1%})"
            rows.append((label, _with_interval(strongest)))
    utility = result["utility"]
    for label, name in (
        ("target identity reached", "target_success"),
        ("expression, originals", "original_to_original"),
        ("expression, protected; trained on originals", "original_to_protected"),
        ("expression, protected; trained on protected", "protected_to_protected"),
        ("expression, originals; trained on protected", "protected_to_original"),
    ):
        if utility.get(name):
            rows.append((label, _with_interval(utility[name])))
    motion = utility.get("motion") or {}
    for label, name in (("protected", "protected"), ("originals", "original"), ("table of pictures", "table")):
        within = (motion.get(name) or {}).get("within_expression_r2")
        if within is not None:
            rows.append((f"motion within the expression, {label}", f"{within:6.2f}  R²"))
    for label, figures in rows:
        *first, last = textwrap.wrap(label, LABEL, subsequent_indent="    ")
        lines += [f"  {line}" for line in first] + [f"  {last:<{LABEL}} {figures}"]
    return "\n".join(lines)


def _with_interval(figure):
    low, high = figure["interval"]
    return f"{figure['accuracy']:6.1%}  [{low:.1%}, {high:.1%}]"
