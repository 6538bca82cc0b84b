"""From a run folder to an export folder.

The way of a file: parts -> convert, or quantization_aware -> metadata -> verification -> scoring -> records.
"""

from pathlib import Path

from vgan_tf.backends import require_tensorflow
from vgan_tf.data import load_faces, partition
from vgan_tf.errors import InputError, VerificationError
from vgan_tf.images import IMAGE_SIZE
from vgan_tf.ondevice.lite import LiteModel
from vgan_tf.run import load_expression_classifier, load_run, open_run
from vgan_tf.training import with_prototypes

from .convert import RECIPES, convert
from .examples import draw_examples, for_calibration, inputs_of
from .metadata import add_metadata
from .parts import build_parts
from .quantization_aware import QuantizationError, convert_qat
from .records import describe, versions, write_export
from .scoring import Trial, failures
from .verification import verify

CALIBRATION_IMAGES = 300
TRAINING_IMAGES = 3000
VERIFICATION_IMAGES = 96


def export_run(folder, out, recipes=RECIPES, data=None, progress=print, score=True, prototypes=None):
    """Export a run: each part by each recipe, each file verified and scored before it is written.

    Deterministic: the same run and recipes give the same bytes on the same machine and versions.

    Args:
        folder: run folder, trained to its end.
        out: folder of the export; an earlier export there is replaced once everything is made.
        recipes: any of RECIPES.
        data: SOURCE to calibrate, verify and score on instead of the run's own.
        progress: called with one line of text for each file.
        score: measure accuracy and privacy of each file; the figures are None without it.
        prototypes: of each expression, found in the training part of the data, with which the files protect, 0 for
            none; None as the run is configured.

    Returns:
        dict as in `export.json`.

    Raises:
        InputError: unknown recipe, no such run or data.
        VerificationError: some files failed a check. They are listed in `export.json` under "refused", and not
            written; the others are.
    """
    require_tensorflow("the export")
    check_recipes(recipes)
    run, model, classifier = open_run(folder), load_run(folder), load_expression_classifier(folder)
    faces = _load_faces(run, data)
    if prototypes is not None:
        model = with_prototypes(model, faces, prototypes)
    training, _, test = partition(faces, run.config)
    seed = run.config.seed
    calibration = for_calibration(draw_examples(model, training, CALIBRATION_IMAGES, seed))
    lessons = draw_examples(model, training, TRAINING_IMAGES, seed)
    held_out = draw_examples(model, test, VERIFICATION_IMAGES, seed)
    labels = {"anonymizer": run.identities, "generator": run.identities, "expression": run.expressions, "encoder": ()}
    trial = Trial(model, classifier, faces, progress) if score else None

    contents, files, refused = {}, {}, {}
    for part_name, part in build_parts(model, classifier).items():
        for recipe in recipes:
            name = f"{part_name}_{recipe}.tflite"
            try:
                if recipe == "qat":
                    content = convert_qat(part, inputs_of(part, lessons), seed=seed)
                else:
                    content = convert(part, recipe, inputs_of(part, calibration))
                content = add_metadata(content, part_name, labels[part_name])
                difference = verify(content, part, recipe, inputs_of(part, held_out))
                figures = trial.score(part_name, LiteModel(content)) if trial else None
                if figures and failures(figures):
                    raise VerificationError("\n".join(failures(figures)))
            except (VerificationError, QuantizationError) as error:
                refused[name] = str(error)
                progress(f"{name}: refused")
                continue
            contents[name], files[name] = content, describe(content, part_name, recipe, difference, figures)
            progress(f"{name}: {len(content):,} bytes, {_difference_in_words(difference)}")

    record = {
        "run": run.folder.resolve().name,
        "preset": run.config.preset,
        "data": run.config.data,
        "data_fingerprint": run.fingerprint,
        "weights_sha256": run.weights_sha256(),
        "identities": list(run.identities),
        "expressions": list(run.expressions),
        "image_size": IMAGE_SIZE,
        "latent_dim": run.config.latent_dim,
        "prototypes": model.config.protection_prototypes,
        "versions": versions(),
        "files": files,
        "reference": trial.reference if trial else None,
        "chance": trial.chance if trial else None,
        "refused": refused,
    }
    write_export(out, record, contents)
    if refused:
        lines = [f"{Path(out) / name}: refused: {line}" for name in refused for line in refused[name].splitlines()]
        raise VerificationError("\n".join(lines))
    return record


def check_recipes(recipes):
    """Raise InputError unless these are some of RECIPES, none twice."""
    for recipe in recipes:
        if recipe not in RECIPES:
            raise InputError(f"recipe {recipe!r}: must be one of {', '.join(RECIPES)}")
    if not recipes or len(set(recipes)) != len(recipes):
        raise InputError(f"recipes {','.join(recipes)!r}: name at least one, each once")


def _load_faces(run, data):
    faces = load_faces(data or run.config.data)
    if data is None and faces.fingerprint() != run.fingerprint:
        raise InputError(f"{run.config.data}: not the data that {run.folder} was trained on; name the data with --data")
    return faces


def _difference_in_words(difference):
    ((output, values),) = difference.items()
    return f"{output} differs by {values['mean']:.3g} on average, {values['largest']:.3g} at most"
