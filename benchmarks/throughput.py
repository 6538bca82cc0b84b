"""Training throughput: images per second through one full iteration, one discriminator step and its generator steps.

    python benchmarks/throughput.py --preset paper --batch-size 64

The input pipeline is part of it. The last line is JSON.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WARM_UP_STEPS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="edge")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20, help="timed iterations")
    parser.add_argument("--identities", type=int, default=6)
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change any setting")
    arguments = parser.parse_args()
    settings = (arguments.preset, arguments.batch_size, arguments.steps, arguments.identities, arguments.set)
    print(json.dumps(measure(*settings)))


def measure(preset_name, batch_size, steps, identities, assignments=()):
    """Time `steps` iterations of `fit`; the figure is that of the median iteration."""
    import keras
    import numpy as np

    from vgan_tf.config import parse_assignments, preset
    from vgan_tf.data import load_faces
    from vgan_tf.data.pipeline import training_batches
    from vgan_tf.model import PPRLVGAN

    config = preset(preset_name).replace(batch_size=batch_size, **parse_assignments(assignments))
    faces = load_faces(f"avatars:identities={identities},images={max(420, 7 * identities, 2 * batch_size)},seed=1")
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
        "set": list(assignments),
        "batch_size": batch_size,
        "steps": steps,
        "parameters": model.count_params(),
    }


if __name__ == "__main__":
    main()
