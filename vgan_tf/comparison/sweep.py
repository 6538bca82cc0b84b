"""A sweep: one training run for each value of a setting."""

from pathlib import Path

import keras

from vgan_tf import training
from vgan_tf.config import parse_assignments, preset
from vgan_tf.errors import InputError


def sweep(assignment, preset_name, out, epochs=None, progress=print):
    """Train a run for each value of a setting.

    A finished run is not trained again; an unfinished one goes on from its last checkpoint.

    Args:
        assignment: "KEY=VALUE,VALUE,...".
        preset_name: preset that gives the other settings.
        out: folder for the runs, each named KEY=VALUE.
        epochs: of each run; None for the preset's own number.
        progress: called with one line of text for each run.

    Returns:
        list of run folders, in the order of the values.

    Raises:
        InputError: no such setting or value, or a folder holds a run of another configuration.
    """
    key, _, values = assignment.partition("=")
    base = preset(preset_name).replace(**({} if epochs is None else {"epochs": epochs}))
    # All values are checked before the first run is trained.
    configs = {
        Path(out) / f"{key}={value}": base.replace(**parse_assignments([f"{key}={value}"]))
        for value in filter(None, values.split(","))
    }
    if not configs:
        raise InputError(f"{assignment!r}: expected KEY=VALUE,VALUE,...")
    for folder, config in configs.items():
        if (folder / "config.json").exists():
            run, faces = training.plan_resumption(folder)
            if run.config != config:
                raise InputError(f"{folder}: holds a run of another configuration; give another --out")
        else:
            run, faces = training.plan(config, folder)
        if run.classifier_path.exists():  # It is written last.
            progress(f"{folder.name}: trained already")
            continue
        progress(f"{folder.name}: training")
        keras.backend.clear_session()
        training.train(run, faces)
    return list(configs)
