"""Training throughput: images per second through one full iteration, one discriminator step and its generator steps.

    python benchmarks/throughput.py --preset paper --batch-size 64

The input pipeline is part of it. The last line is JSON.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vgan_tf.commands import run_command  # noqa: E402

WARM_UP_STEPS = 3
IDENTITIES = 6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="edge", metavar="NAME")
    parser.add_argument("--batch-size", type=int, default=64, metavar="B")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="timed iterations")
    arguments = parser.parse_args()
    run_command(lambda: print(json.dumps(measure(arguments.preset, arguments.batch_size, arguments.steps))))


def measure(preset_name, batch_size, steps):
    """Time `steps` iterations of `fit`; the figure is that of the median iteration."""
    import keras
    import numpy as np

    from vgan_tf.config import preset
    from vgan_tf.data import load_faces
    from vgan_tf.data.pipeline import training_batches
    from vgan_tf.errors import InputError
    from vgan_tf.model import PPRLVGAN

    if steps < 1:
        raise InputError(f"--steps {steps}: must be at least 1")
    config = preset(preset_name).replace(batch_size=batch_size)
    source = f"avatars:identities={IDENTITIES},images={max(420, 2 * batch_size)},seed=1"
    faces = load_faces(source, config.image_size)
    model = PPRLVGAN(config, faces.identities, faces.expressions)
    model.compile(total_steps=WARM_UP_STEPS + steps)
    times = []

    def note(_, logs):
        float(logs["generator_loss"])  # waits for the step's end
        times.append((time.perf_counter(), time.process_time()))

    model.fit(
        training_batches(faces, config),
        steps_per_epoch=WARM_UP_STEPS + steps,
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=note)],
        shuffle=False,
        verbose=0,
    )
    seconds, cpu_seconds = np.diff(times, axis=0)[WARM_UP_STEPS - 1 :].T
    return {
        "images_per_second": round(batch_size / float(np.median(seconds)), 2),
        "best": round(batch_size / min(seconds), 2),
        "images_per_cpu_second": round(batch_size / float(np.median(cpu_seconds)), 2),
        "backend": keras.backend.backend(),
        "preset": preset_name,
        "image_size": config.image_size,
        "batch_size": batch_size,
        "steps": steps,
        "parameters": model.count_params(),
    }


if __name__ == "__main__":
    main()
