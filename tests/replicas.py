"""What test_distribution.py starts: short trainings, alone and as two replicas of one process, or as one of two.

    python tests/replicas.py one-process|multi-worker FOLDER

Nothing random is left in it but the images' order, so that all ways to train must agree: no noise, no dropout, each
target the true identity. Gradient descent without a memory tells a gradient from twice the gradient; Adam would not.
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import noise_faces, tiny_config

import vgan_tf.model
from vgan_tf import callbacks, training
from vgan_tf.distribution import Replicas
from vgan_tf.run import Run

STEPS_PER_EPOCH = 4
FIRST, ALL = 2, 5  # epochs
QUIET = {
    "true_target_fraction": 0.999999,
    "discriminator_noise": 0.0,
    "latent_dependence_weight": 0.0,  # These two compare the images of one replica.
    "style_dependence_weight": 0.0,
    "dependence_images": 8,
    "style_dim": 2,
    "protection_prototypes": 1,
    "augment_flip": True,
}


def main(kind, folder):
    # To make graphs faster takes longer than the few steps here.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    vgan_tf.model.sample_latent = lambda z_mean, *_, **__: z_mean
    vgan_tf.model.REAL_TARGETS, vgan_tf.model.FAKE_TARGETS = (1.0, 1.0), (0.0, 0.0)
    vgan_tf.networks.edge.DISCRIMINATOR_DROPOUT = 0.0
    vgan_tf.model._optimizer = lambda *_: keras.optimizers.SGD(0.05)
    callbacks.sample_grid = lambda model, inputs: inputs[0]
    training.train_expression_classifier = lambda run, *_: run.build_classifier()
    faces = noise_faces(per_cell=4, size=32)
    config = tiny_config(**QUIET, image_size=32, batch_size=16, epochs=ALL)

    def run(name, **changes):
        labels = faces.identities, faces.expressions, faces.fingerprint()
        return Run(Path(folder) / name, config.replace(**changes), *labels, STEPS_PER_EPOCH)

    if kind == "one-process":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        training.train(run("alone"), faces)
        replicas = Replicas("mirrored")
        replicas.train(run("mirrored"), faces)
    else:
        replicas = Replicas(kind)
        replicas.train(run(kind, epochs=FIRST), faces)
        replicas.train(run(kind), faces)
    assert replicas.count == 2


if __name__ == "__main__":
    main(*sys.argv[1:])
