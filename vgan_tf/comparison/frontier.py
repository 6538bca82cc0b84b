"""The frontier: expression accuracy on protected pictures, against the accuracy of the strongest identity attack.

Runs, dumps and simple anonymizers are measured by the same attackers and classifiers, on the same originals. Runs that
differ in their seed alone become one point. The classifiers are those of a full audit even where attackers are quick:
of 48 people in hard light, those of a quick one recognised 49 % of the expressions of originals.
"""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from vgan_tf.audit import Dump
from vgan_tf.audit.attacks import reidentification
from vgan_tf.audit.notebook import Notebook
from vgan_tf.audit.statistics import chance
from vgan_tf.audit.utility.classifier import learnt_and_tested, train_classifier
from vgan_tf.audit.utility.expression import utility_figures
from vgan_tf.comparison.baselines import LADDERS, baseline_dump, baseline_names, table_dumps
from vgan_tf.comparison.plot import frontier_svg
from vgan_tf.comparison.table import TABLE_SERIES, markdown_table, point, write_table
from vgan_tf.data import load_faces
from vgan_tf.errors import InputError
from vgan_tf.evaluation.audits import results_folder
from vgan_tf.evaluation.dumps import drawn_companions, make_dump
from vgan_tf.files import write_json, write_text
from vgan_tf.protection import parse_release, with_release
from vgan_tf.run import load_run, open_run

SEED_AT_END = re.compile(r"[-_.= ]*(seed|s)?[-_.= ]*\d*$")  # of a run's name


class Source(NamedTuple):
    """A run folder or a dump, and the series and name of its point."""

    path: Path
    series: str
    name: str

    @property
    def is_run(self):
        return self.path.suffix != ".npz"

    @property
    def label(self):
        """The name, with its setting in a sweep."""
        return self.name if self.series == "runs" else f"{self.series}={self.name}"


def compare(paths, out, baselines="all", releases=(), quick=True, progress=print):
    """Measure runs, dumps and simple anonymizers, and write one table and one plot of them.

    Called again, it measures only what is missing or has changed.

    Args:
        paths: run folders and dumps (`.npz`).
        out: folder for `frontier.json`, `.csv`, `.md` and `.svg`, and for `points/`, the figures of each measurement.
        baselines: "all", "none", or "NAME,NAME,...". They are applied to the originals of the first run, or of the
            first dump where there is no run.
        releases: texts as for `protection.parse_release`; each run is also measured with each of these releases.
        quick: only the cheapest attacker of each kind.
        progress: called with one line of text at each step.

    Returns:
        dict as in frontier.json.

    Raises:
        InputError: sources of different data, two runs of one configuration, no such baseline or release.
    """
    out, names, settings = Path(out), baseline_names(baselines), {"seeds": [0], "quick": quick}
    for release in releases:
        parse_release(release)
    groups = grouped(named(paths))
    if releases and not groups[0][0].is_run:
        raise InputError("--release: changes what a RUN releases; name a run, dumps stay as they are")
    first = source_dump(groups[0][0])
    require_same_originals(first[0], groups)
    dump, of_originals = first[0], {}

    def figures(source, name):
        folder, (dump, decode) = out / "points" / name.replace(":", "_").replace(" ", "_"), source
        return measured(dump, folder, settings, lambda line: progress(f"{name}: {line}"), decode, of_originals)

    points = []
    for group in groups:
        found = [
            evaluated(source, settings)
            or figures(first if source is groups[0][0] else source_dump(source), source.label)
            for source in group
        ]
        whole = group[0]._replace(name=name_of_group([source.name for source in group]))
        points.append(point(whole.name, whole.series, found))
        for release in releases if whole.is_run else ():
            found = [figures(source_dump(source, release), f"{source.label}_{release}") for source in group]
            points.append(point(release, f"{whole.label} release", found))
    if 0 not in of_originals:
        of_originals[0] = train_classifier(dump, learnt_and_tested(dump).learnt, "original", 0)
    for name, table in table_dumps(dump, of_originals[0]).items():
        points.append(point(name, TABLE_SERIES, [figures((table, None), name)]))
    left_out = []
    for name in names:
        try:
            protected = baseline_dump(dump, name)
        except InputError as error:
            progress(f"{name}: left out; {error}")
            left_out.append(name)
            continue
        series = next(title for title, ladder in LADDERS.items() if name in ladder)
        points.append(point(name, series, [figures((protected, None), name)]))
    result = {
        "chance": chance(dump.tested.id, len(dump.identities)),
        "chance_expression": chance(dump.tested.ep, len(dump.expressions)),
        "n_test": len(dump.tested),
        "people": len(dump.identities),
        **settings,
        "left_out": left_out,
        "points": points,
    }
    write_json(out / "frontier.json", result)
    write_table(out / "frontier.csv", points)
    write_text(out / "frontier.md", markdown_table(result))
    write_text(out / "frontier.svg", frontier_svg(result))
    return result


def named(paths):
    """Name runs and dumps after their files; where names are equal, with the folder above.

    A run of a sweep, KEY=VALUE, is the point VALUE of the series KEY; a sweep over seeds is named after its folder.

    Returns:
        list of `Source`, runs first.
    """
    paths = sorted((Path(path).resolve() for path in paths), key=lambda path: path.suffix == ".npz")
    names = [path.stem if path.suffix == ".npz" else path.name for path in paths]
    unique, sources = len(set(names)) == len(names), []
    for path, name in zip(paths, names, strict=True):
        if not unique or name.startswith("seed="):
            name = f"{path.parent.name}-{name}"
        key, _, value = name.partition("=")
        in_sweep = value and not key.endswith("seed")
        sources.append(Source(path, key, value) if in_sweep else Source(path, "runs", name))
    return sources


def grouped(sources):
    """Put runs that differ in their seed alone together: list of lists of `Source`, in order.

    Raises:
        InputError: runs of different data, or two of one configuration.
    """
    first, groups = None, {}
    for source in sources:
        if not source.is_run:
            groups[source] = {None: source}
            continue
        run = open_run(source.path)
        first = first or run
        if (run.fingerprint, run.config.split) != (first.fingerprint, first.config.split):
            raise InputError(f"{run.folder}: trained on other data than {first.folder}; compare them apart")
        seeds = groups.setdefault((source.series, run.config.replace(seed=0)), {})
        if run.config.seed in seeds:
            other = seeds[run.config.seed].path
            raise InputError(f"{run.folder}: of the same configuration and seed as {other}; name one of them")
        seeds[run.config.seed] = source
    return [list(seeds.values()) for seeds in groups.values()]


def require_same_originals(first, groups):
    """Raise InputError where a dump holds other originals than the first one."""

    def originals(dump):
        return {hash(image.tobytes()) for images in (dump.train.x, dump.test.x) for image in images}

    expected = originals(first)
    for source, *_ in groups:
        if not source.is_run and originals(Dump.load(source.path)) != expected:
            raise InputError(f"{source.path}: other originals than {groups[0][0].path}; compare them apart")


def name_of_group(names):
    """What the names of runs of several seeds have in common: "demo" of "demo-seed0" and "demo-seed1"."""
    return names[0] if len(names) == 1 else SEED_AT_END.sub("", os.path.commonprefix(names)) or names[0]


def source_dump(source, release=None):
    """What is measured of a run on its own data, with its own release or another one, or of a stored dump.

    Returns:
        (Dump, the run's generator as `audit.audit` takes it, or None).
    """
    if not source.is_run:
        return Dump.load(source.path), None
    model = load_run(source.path)
    faces = load_faces(model.config.data, model.config.image_size)
    fresh, strangers = drawn_companions(model.config)
    if release:
        model = with_release(model, release, faces)
    return make_dump(model, faces, fresh=fresh, strangers=strangers), model.decode


def measured(dump, folder, settings, progress, decode=None, of_originals=None):
    """The privacy and utility figures of a dump, kept in `folder`: dict as `evaluation.json` has them.

    `of_originals`: as for `utility_figures`.
    """
    seeds, quick = settings["seeds"], settings["quick"]

    def measure():
        scores = reidentification.identity_attacks(dump, seeds, quick, progress, decode)
        privacy = {name: reidentification.scenario_figures(dump, scores[name]) for name in reidentification.SCENARIOS}
        utility, _ = utility_figures(dump, seeds, False, progress, of_originals)
        return {"privacy": privacy, "utility": utility}, {}

    with threadpool_limits(1, "blas"):
        return Notebook(folder, dump, {**settings, "decode": decode is not None}, progress).part("figures", measure)[0]


def evaluated(source, settings):
    """A run's own `evaluation.json` where it is full, of these settings, not older than the weights; else None."""
    path = results_folder(source.path) / "evaluation.json"
    if settings["quick"] or not path.exists():
        return None
    if path.stat().st_mtime < open_run(source.path).weights_path.stat().st_mtime:
        return None
    evaluation = json.loads(path.read_text(encoding="utf-8"))
    if any(evaluation.get("given", {"an older audit": True}).values()):
        return None  # Other data was given, or it does not say.
    kind = {**settings, "target_policy": "uniform"}
    return evaluation if all(evaluation.get(key) == value for key, value in kind.items()) else None
