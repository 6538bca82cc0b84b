"""From a run folder to an export folder.

Each file goes through: parts -> convert, or quantization_aware -> metadata -> verification -> scoring -> records.
"""

from pathlib import Path

from vgan_tf.backends import require_tensorflow
from vgan_tf.data import load_faces, partition
from vgan_tf.data.sources import shows_others
from vgan_tf.errors import InputError, VerificationError
from vgan_tf.evaluation.dumps import drawn_companions
from vgan_tf.ondevice.lite import LiteModel
from vgan_tf.run import load_aligner, load_expression_classifier, load_run, open_run

from .convert import RECIPES, convert
from .examples import draw_examples, for_calibration, inputs_of
from .metadata import add_metadata
from .parts import build_parts
from .quantization_aware import QuantizationError, convert_qat
from .records import audit_of, describe, earlier_data, versions, write_export
from .scoring import Trial, failures
from .sheet import identity_sheet
from .verification import verify

CALIBRATION_IMAGES = 300
TRAINING_IMAGES = 3000
VERIFICATION_IMAGES = 96


def export_run(folder, out, recipes=RECIPES, data=None, progress=print, score=True):
    """Export a run: each part by each recipe, each file verified and scored before it is written.

    Deterministic: the same run and recipes give the same bytes on the same machine and versions.

    Args:
        folder: run folder, trained to its end.
        out: folder of the export; an earlier export there is replaced once everything is made.
        recipes: any of RECIPES.
        data: SOURCE to calibrate, verify and score on instead of the run's own.
        progress: called with one line of text for each file.
        score: measure accuracy and privacy of each file; the figures are None without it.

    Returns:
        dict as in `export.json`.

    Raises:
        InputError: unknown recipe, no such run or data.
        VerificationError: some files failed a check. They are not written, and `export.json` lists them under
            "refused"; the others are written.
    """
    require_tensorflow("the export")
    _check_recipes(recipes)
    run, model, classifier = open_run(folder), load_run(folder), load_expression_classifier(folder)
    faces = load_faces(data or run.config.data, run.config.image_size)
    if data is None and faces.fingerprint() != run.fingerprint:
        raise InputError(f"{run.config.data}: not the data that {run.folder} was trained on; name the data with --data")
    training, _, test = partition(faces, run.config)
    seed = run.config.seed
    calibration = for_calibration(draw_examples(model, training, CALIBRATION_IMAGES, seed))
    examples = draw_examples(model, training, TRAINING_IMAGES, seed)
    held_out = draw_examples(model, test, VERIFICATION_IMAGES, seed)
    labels = {"anonymizer": run.identities, "generator": run.identities, "expression": run.expressions}
    fresh = drawn_companions(run.config)[0] if score and data is None else None
    others = data is not None and shows_others(data, run.config.data)
    trial = Trial(model, classifier, faces, fresh, others, progress) if score else None

    contents, files, refused = {}, {}, {}
    for part_name, part in build_parts(model, classifier, load_aligner(folder)).items():
        for recipe in recipes:
            name = f"{part_name}_{recipe}.tflite"
            try:
                if recipe == "qat":
                    content = convert_qat(part, inputs_of(part, examples), seed=seed)
                else:
                    content = convert(part, recipe, inputs_of(part, calibration))
                content = add_metadata(content, part_name, labels.get(part_name, ()))
                difference = verify(content, part, recipe, inputs_of(part, held_out))
                figures = trial.score(part_name, LiteModel(content)) if trial and part_name != "alignment" else None
                if figures and failures(figures):
                    raise VerificationError("\n".join(failures(figures)))
            except (VerificationError, QuantizationError) as error:
                refused[name] = str(error)
                progress(f"{name}: refused")
                continue
            contents[name], files[name] = content, describe(content, part_name, recipe, difference, figures)
            ((output, by),) = difference.items()
            progress(f"{name}: {len(content):,} bytes, {output} off by {by['mean']:.3g}, at most {by['largest']:.3g}")
            for line in files[name]["not_shown"] or ():
                progress(f"{name}: not shown: {line}")

    record = {
        "run": run.folder.resolve().name,
        "preset": run.config.preset,
        "training_data": run.config.data,
        "training_data_fingerprint": run.fingerprint,
        "earlier_data": earlier_data(run),
        "data": str(data or run.config.data),
        "data_fingerprint": faces.fingerprint(),
        "weights_sha256": run.weights_sha256(),
        "identities": list(run.identities),
        "expressions": list(run.expressions),
        "image_size": run.config.image_size,
        "latent_dim": run.config.latent_dim,
        "latent_names": list(run.latent_names),
        "alpha": run.config.alpha,
        "prototypes": run.config.protection_prototypes,
        "noise": run.config.protection_noise,
        "threshold": run.config.protection_threshold,
        "mirrored": model.mirror is not None,
        "audit": audit_of(run),
        "versions": versions(),
        "files": files,
        "reference": trial.reference if trial else None,
        "chance": trial.chance if trial else None,
        "refused": refused,
    }
    write_export(out, record, contents, identity_sheet(model, examples["latent"]))
    if refused:
        lines = [f"{Path(out) / name}: refused: {line}" for name in refused for line in refused[name].splitlines()]
        raise VerificationError("\n".join(lines))
    return record


def _check_recipes(recipes):
    for recipe in recipes:
        if recipe not in RECIPES:
            raise InputError(f"recipe {recipe!r}: must be one of {', '.join(RECIPES)}")
    if not recipes or len(set(recipes)) != len(recipes):
        raise InputError(f"recipes {','.join(recipes)!r}: name at least one, each once")
