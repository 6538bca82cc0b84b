"""The frontier: how much of the expression is left, against how well the best attack names people.

Runs, those of a sweep over one setting, and the built-in baselines, all measured by the attackers and readers of the
audit on the same data. Runs that differ in their seed alone are one point.
"""

import json
import math
import os
import re
from pathlib import Path

import keras
from threadpoolctl import threadpool_limits

from vgan_tf import training
from vgan_tf.audit import Dump, audit
from vgan_tf.audit.attacks import reidentification
from vgan_tf.audit.notebook import Notebook
from vgan_tf.audit.statistics import chance
from vgan_tf.audit.utility import expression as utility
from vgan_tf.comparison.baselines import BASELINES, LADDERS, applicable, baseline_dump
from vgan_tf.comparison.plot import frontier_svg
from vgan_tf.comparison.table import markdown_table, point, write_table
from vgan_tf.config import parse_assignments, preset
from vgan_tf.data import load_faces
from vgan_tf.errors import InputError
from vgan_tf.evaluation.device_model import DeviceModel
from vgan_tf.evaluation.judging import drawn_companions, make_dump, pair_dump, results_folder
from vgan_tf.files import write_json, write_text
from vgan_tf.run import load_run, open_run
from vgan_tf.training import with_prototypes

ENDING_OF_A_SEED = re.compile(r"[-_.= ]*(seed|s)?[-_.= ]*\d*$")  # of a run's name


def frontier(
    runs,
    out,
    baselines="all",
    sweep=None,
    preset_name=None,
    epochs=None,
    noise="",
    prototypes="",
    seeds=1,
    quick=True,
    progress=print,
):
    """Measure runs and baselines on the same data, and plot what each keeps against what it gives away.

    Called again, it goes on where it was interrupted, and measures again only what has changed.

    Args:
        runs: run folders; those that differ in their seed alone become one point.
        out: folder for `frontier.json`, `.csv`, `.md` and `.svg`; for `points/`, what was measured; and for `runs/`,
            those of the sweep.
        baselines: names separated by commas, "all", or "" for none at all; they are applied to the data of the first
            run.
        sweep: "KEY=VALUE,VALUE,...", a setting that runs are trained for (runs over "seed" become one point), or None.
        preset_name, epochs: of those runs; `demo`, and the preset's own number of epochs, without them.
        noise: "LEVEL,LEVEL,...", scales of noise on the latent with which the first run protects too, at run time.
        prototypes: "COUNT,COUNT,...", of each expression, with which the first run protects too; 0 for none.
        seeds: trainings of each attacker.
        quick: cheaper attackers.
        progress: called with one line of text at each step.

    Returns:
        (dict as in frontier.json, Path of `out`).

    Raises:
        InputError: no run, runs of different data, two of one configuration, no such baseline, setting, noise or count.
    """
    out, levels, counts = Path(out), noise_levels(noise), prototype_counts(prototypes)
    folders = [Path(run).resolve() for run in runs]
    members = [(name, "runs", folder) for name, folder in zip(short_names(folders), folders, strict=True)]
    if sweep:
        key, folders = train_sweep(sweep, preset_name or "demo", out / "runs", epochs, progress)
        if key == "seed":
            members += [(f"{preset_name or 'demo'}-{folder.name}", "runs", folder) for folder in folders.values()]
        else:
            members += [(text, key, folder) for text, folder in folders.items()]
    if not members:
        raise InputError("--frontier: name run folders, or give --sweep KEY=VALUE,VALUE,...")
    names = baseline_names(baselines)
    groups = grouped(members)

    settings, points, first = {"seeds": list(range(seeds)), "quick": quick}, [], None
    for group in groups:
        evaluations = []
        for name, series, folder in group:
            dump = run_dump(folder)
            first = first or dump
            found = evaluated(folder, settings)
            if found is None:
                place = out / "points" / (name if series == "runs" else folder.name)
                found = measured(dump, place, settings, lambda line, name=name: progress(f"{name}: {line}"))
            evaluations.append(found)
        points.append(point(name_of_group([name for name, _, _ in group]), group[0][1], evaluations))
    variants = [("latent_noise", text, {"noise": level}) for text, level in levels.items()]
    variants += [("prototypes", str(count), {"prototypes": count}) for count in counts]
    for series, text, change in variants:
        name = f"{series}={text}"
        dump = run_dump(groups[0][0][2], **change)
        found = measured(dump, out / "points" / name, settings, lambda line, name=name: progress(f"{name}: {line}"))
        points.append(point(text, series, [found]))
    for name in applicable(first, names):
        dump = baseline_dump(first, name)
        found = measured(dump, out / "points" / name, settings, lambda line, name=name: progress(f"{name}: {line}"))
        series = next(title for title, ladder in LADDERS.items() if name in ladder)
        points.append(point(name, series, [found]))
    result = {
        "chance": chance(first.id_test, len(first.identities)),
        "chance_expression": chance(first.ep_test, len(first.expressions)),
        "n_test": len(first.id_test),
        "people": len(first.identities),
        **settings,
        "left_out": [name for name in names if name not in applicable(first, names)],
        "points": points,
    }
    write_json(out / "frontier.json", result)
    write_table(out / "frontier.csv", points)
    write_text(out / "frontier.md", markdown_table(result))
    write_text(out / "frontier.svg", frontier_svg(result))
    return result, out


def short_names(folders):
    """The folders' names, with those of the folders above where a name alone would be given twice."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [f"{folder.parent.name}-{folder.name}" for folder in folders]


def grouped(members):
    """Put runs that differ in their seed alone together: lists of members, in order.

    Args:
        members: (name, series, run folder).

    Raises:
        InputError: runs of different data, or two of one configuration.
    """
    first, groups = open_run(members[0][2]), {}
    for member in members:
        run = open_run(member[2])
        if (run.fingerprint, run.config.split) != (first.fingerprint, first.config.split):
            raise InputError(f"{run.folder}: trained on other data than {first.folder}; plot them apart")
        seeds = groups.setdefault((member[1], run.config.replace(seed=0)), {})
        if run.config.seed in seeds:
            other = seeds[run.config.seed][2]
            raise InputError(f"{run.folder}: of the same configuration and seed as {other}; name one of them")
        seeds[run.config.seed] = member
    return [list(seeds.values()) for seeds in groups.values()]


def name_of_group(names):
    """What the names of runs of several seeds have in common, "demo" of "demo-seed0" and "demo-seed1"."""
    if len(names) == 1:
        return names[0]
    return ENDING_OF_A_SEED.sub("", os.path.commonprefix(names)) or names[0]


def train_sweep(sweep, preset_name, out, epochs=None, progress=print):
    """Train a run for each value of a setting, going on with those that are there.

    Args:
        sweep: "KEY=VALUE,VALUE,...".
        preset_name: what the runs have in common.
        out: folder for the runs, each named KEY=VALUE.
        epochs: of each; the preset's own without it.
        progress: called with one line of text for each run.

    Returns:
        (KEY, {VALUE as given: run folder}).

    Raises:
        InputError: no such setting or value, or a folder that holds a run of another configuration.
    """
    key, _, values = sweep.partition("=")
    changes = {text: parse_assignments([f"{key}={text}"]) for text in values.split(",") if text}
    if not changes:
        raise InputError(f"--sweep {sweep!r}: expected KEY=VALUE,VALUE,...")
    base = preset(preset_name).replace(**({} if epochs is None else {"epochs": epochs}))
    configs = {text: base.replace(**change) for text, change in changes.items()}  # all checked before any is trained
    folders = {text: Path(out) / f"{key}={text}" for text in configs}
    for text, config in configs.items():
        folder = folders[text]
        if (folder / "config.json").exists():
            run, faces = training.plan_resumption(folder)
            if run.config != config:
                raise InputError(f"{folder}: holds a run of another configuration; give another --out")
        else:
            run, faces = training.plan(config, folder)
        if run.classifier_path.exists():
            progress(f"{key}={text}: trained already")
            continue
        progress(f"{key}={text}: training")
        keras.backend.clear_session()
        training.train(run, faces)
    return key, folders


def noise_levels(text):
    """The scales in "LEVEL,LEVEL,...", {LEVEL as given: float}; one that is no scale of noise raises InputError."""
    levels = {}
    for level in filter(None, text.split(",")):
        try:
            levels[level] = float(level)
        except ValueError:
            levels[level] = math.nan
        if not 0 < levels[level] < math.inf:
            raise InputError(f"--noise {level!r}: must be a finite number above 0")
    return levels


def prototype_counts(text):
    """The numbers in "COUNT,COUNT,..."; one that is no number of prototypes raises InputError."""
    counts = text.split(",") if text else []
    for count in counts:
        if not count.isdecimal():
            raise InputError(f"--prototypes {count!r}: must be a whole number, 0 for none")
    return [int(count) for count in counts]


def run_dump(folder, noise=None, prototypes=None):
    """The dump of a run on its own data, as its audit has it.

    Args:
        folder: run folder.
        noise: scale of the noise on the latent at run time, as in `ondevice.Protector`; such a dump has no means of the
            latent, as what leaves the device is the latent with its noise. None protects as the run is configured.
        prototypes: of each expression; None as the run is configured.
    """
    model = load_run(folder)
    fresh, strangers = drawn_companions(model.config)
    faces = load_faces(model.config.data)
    if prototypes is not None:
        model = with_prototypes(model, faces, prototypes)
    if noise is None:
        return make_dump(model, faces, fresh=fresh, strangers=strangers)
    noisy = DeviceModel.of_keras(model, noise)
    return make_dump(noisy, faces, fresh=fresh, strangers=strangers).without("mu")


def measured(dump, folder, settings, progress):
    """The privacy and utility figures of a dump, kept in `folder`: dict as `evaluation.json` has them."""
    seeds, quick = settings["seeds"], settings["quick"]

    def measure():
        attacks = reidentification.identity_attacks(dump, seeds, quick, progress)
        privacy = {
            name: reidentification.scenario_figures(dump.id_test, attacks[name], dump.clip_test)
            for name in reidentification.SCENARIOS
        }
        return {"privacy": privacy, "utility": utility.utility_figures(dump, seeds, quick, progress)[0]}, {}

    with threadpool_limits(1, "blas"):
        return Notebook(folder, dump, settings, progress).part("figures", measure)[0]


def evaluated(folder, settings):
    """A run's own `evaluation.json` where it is of the same kind and not older than the weights, else None."""
    path = results_folder(folder) / "evaluation.json"
    if not path.exists() or path.stat().st_mtime < open_run(folder).weights_path.stat().st_mtime:
        return None
    evaluation = json.loads(path.read_text(encoding="utf-8"))
    kind = {**settings, "target_policy": "uniform"}
    return evaluation if all(evaluation.get(key) == value for key, value in kind.items()) else None


def baseline_names(text):
    """The baselines named in "NAME,NAME,..." or "all"; an unknown one raises InputError."""
    names = list(BASELINES) if text == "all" else [name for name in text.split(",") if name]
    for name in names:
        if name not in BASELINES:
            raise InputError(f"baseline {name!r}: must be all, or some of {', '.join(BASELINES)}")
    return names


def audit_baselines(sources, names, out, external=False, **options):
    """Audit baselines on the originals of a run, or of anyone's images.

    Args:
        sources: list of one run folder; if `external`, of a dump's path, or of two SOURCEs as for `--external`.
        names: "NAME,NAME,..." or "all", which leaves out those that the data does not allow.
        out: folder for the results, one folder for each.
        external: see `sources`.
        options: passed to `vgan_tf.audit.audit`.

    Returns:
        {name: dict as in evaluation.json}.
    """
    chosen = baseline_names(names)
    if not external:
        dump = run_dump(sources[0])
    elif len(sources) == 1:
        dump = Dump.load(sources[0])
    else:
        dump = pair_dump(*(load_faces(source) for source in sources))
    results = {}
    for name in applicable(dump, chosen) if names == "all" else chosen:
        print(f"baseline {name}")
        results[name] = audit(baseline_dump(dump, name), Path(out) / name, **options)
    return results


def frontier_summary(result):
    """The table of the points, least identity first, as text."""
    return markdown_table(result)
