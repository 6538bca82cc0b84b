"""Training on several GPUs or machines with tf.distribute, in the batches of training on one: docs/scale.md.

Each replica takes its part of every batch. Losses are means over the whole batch, batch normalisation takes its
statistics over the whole batch, and all replicas make the same step. What differs from one process: each replica draws
noise and target identities of its own, and `losses.label_dependence`, which compares the images of a batch, sees those
of one replica.
"""

import dataclasses
import itertools
import json
import os
import tempfile
from pathlib import Path

import keras

from vgan_tf import backends, callbacks, training
from vgan_tf.data import partition
from vgan_tf.data.pipeline import evaluation_batches, training_batches
from vgan_tf.errors import InputError
from vgan_tf.model import PPRLVGAN

# Far apart, so that the seeds of replicas do not meet those of other runs.
SEED_STRIDE = 1_000_003


class Replicas:
    """The replicas that train together. Made before TensorFlow computes anything, by all processes.

    Args:
        kind: "mirrored" for all GPUs of this machine, or "multi-worker" for the processes that TF_CONFIG names.

    Raises:
        InputError: the backend is not TensorFlow, or TF_CONFIG is missing or malformed.
    """

    def __init__(self, kind):
        if keras.backend.backend() != "tensorflow":
            raise InputError(f"--distribute {kind}: needs Keras's TensorFlow backend, not {keras.backend.backend()}")
        import tensorflow as tf

        if kind == "multi-worker":
            _check_cluster(os.environ.get("TF_CONFIG", ""))
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()
        else:
            self.strategy = tf.distribute.MirroredStrategy()
        resolver = self.strategy.cluster_resolver
        # Without a process called chief it is the first worker.
        self.is_chief = resolver is None or resolver.task_type in ("chief", None) or resolver.task_id == 0
        self.count = self.strategy.num_replicas_in_sync

    def train(self, run, faces):
        """`training.train` on all replicas; only the chief writes into the run folder, which all read.

        Returns:
            the trained PPRLVGAN.

        Raises:
            InputError: the data is not the run's, or the batch cannot be cut into equal parts.
        """
        backends.make_deterministic()
        learnt, watched, _ = partition(faces, run.config)
        config = run.config
        if config.pairs:
            raise InputError("--distribute: not with --pairs; train in one process")
        for name, count in (("batch_size", config.batch_size), ("dependence_images", config.dependence_images)):
            if count % self.count:
                raise InputError(f"{name}={count}: not divisible by the {self.count} replicas")
        if config.batch_size + config.dependence_images > len(learnt):
            raise InputError(
                f"batch_size={config.batch_size} and dependence_images={config.dependence_images}: more than the "
                f"{len(learnt)} training images, so the batch cannot be cut into equal parts"
            )
        with self.strategy.scope():
            model = run.build_model(ReplicatedVGAN)
            model.compile(total_steps=run.config.epochs * run.steps_per_epoch)
        if self.is_chief:
            run.save_config()
        first_epoch = run.restore_checkpoint(model)
        self.spread_seeds(model)
        with tempfile.TemporaryDirectory() as nowhere:
            own = run if self.is_chief else dataclasses.replace(run, folder=Path(nowhere))
            # Every process records: reading a metric adds it up over all of them, so all must take part.
            recorders = [callbacks.StopOnNaN(), callbacks.RunRecorder(own, learnt, watched, first_epoch)]
            if self.is_chief:
                recorders.append(callbacks.Progress(run, first_epoch))
            first_step = first_epoch * run.steps_per_epoch
            training.fit(
                own,
                model,
                (first_epoch, run.config.epochs),
                self.training_batches(learnt, run.config, first_step),
                *self.evaluation_batches(watched, run.config, training.EVALUATION_BATCH_SIZE),
                recorders,
            )
        if self.is_chief and not run.classifier_path.exists():
            run.save_classifier(training.train_expression_classifier(run, model, learnt, watched))
        if self.is_chief:
            training.train_aligner(run)
        self.wait()
        return model

    def training_batches(self, faces, config, first_step=0):
        """`pipeline.training_batches`, of which each replica gets its part: a tf.distribute.DistributedDataset."""

        def batches(first_replica, here):
            parts = [
                training_batches(faces, config, first_step, (first_replica + replica, self.count))
                for replica in range(here)
            ]
            return (part[number] for number in itertools.count() for part in parts)

        return self._distributed(batches)

    def evaluation_batches(self, faces, config, batch_size):
        """`pipeline.evaluation_batches`, whole for each replica: few images, and means that need no correction.

        Returns:
            (tf.distribute.DistributedDataset that starts over without end, number of batches).
        """
        whole = evaluation_batches(faces, config, batch_size)

        def batches(_, here):
            return (whole[number] for number in itertools.cycle(range(whole.num_batches)) for _ in range(here))

        return self._distributed(batches), whole.num_batches

    def spread_seeds(self, model):
        """Have each replica draw other random numbers; the first one draws as one process would."""
        import tensorflow as tf

        for variable in model.variables:
            if variable.name == "seed_generator_state":
                copies = self.strategy.experimental_local_results(variable.value)
                for replica, copy in enumerate(copies, start=self._first_replica(len(copies))):
                    copy.assign_add(tf.constant([replica * SEED_STRIDE, 0], copy.dtype))

    def wait(self):
        """Wait for all processes: one that ends takes the others with it."""
        import tensorflow as tf

        @tf.function
        def meet():
            return self.strategy.reduce("SUM", self.strategy.run(lambda: tf.constant(1.0)), axis=None)

        meet()

    def _first_replica(self, here):
        resolver = self.strategy.cluster_resolver
        if resolver is None or resolver.task_type is None:
            return 0
        processes = [(kind, number) for kind in ("chief", "worker") for number in range(_size(resolver, kind))]
        return here * processes.index((resolver.task_type, resolver.task_id))

    def _distributed(self, batches):
        """An endless dataset whose elements go to the replicas here in turn; batches: (first, here) -> iterator."""
        import tensorflow as tf

        def make(context):
            here = self.count // context.num_input_pipelines
            first = here * context.input_pipeline_id
            images, labels = next(batches(first, here))
            signature = (
                tf.TensorSpec((None, *images.shape[1:]), images.dtype),
                {name: tf.TensorSpec((None, *v.shape[1:]), v.dtype) for name, v in labels.items()},
            )
            dataset = tf.data.Dataset.from_generator(lambda: batches(first, here), output_signature=signature)
            # Told that it never ends, the replicas need not ask each other before each step.
            return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)).prefetch(2)

        return self.strategy.distribute_datasets_from_function(make)


class ReplicatedVGAN(PPRLVGAN):
    """PPRLVGAN as Keras trains it on several replicas; made in the scope of their strategy."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        networks = (self.encoder, self.generator, self.discriminator, self.style_encoder)
        for layer in (layer for network in networks if network for layer in network.layers):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True

    @property
    def players(self):
        return self.config.batch_size // self.distribute_strategy.num_replicas_in_sync

    def train_step(self, data):
        return self._reducible(super().train_step(data))

    def test_step(self, data):
        return self._reducible(super().test_step(data))

    def _reducible(self, logs):
        """The losses, as Keras can average them over processes: it does so over the first axis, which they have not."""
        import tensorflow as tf

        several = isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy)
        losses = {name: logs[name] for name in ("discriminator_loss", "generator_loss")}
        return {name: loss[None] for name, loss in losses.items()} if several else losses

    def _get_metrics_result_or_logs(self, logs):
        """All metrics, added up over the replicas once an epoch, as steps give but the losses."""
        return self.get_metrics_result()

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: the model is built, and Keras's way to build it stumbles over a batch in several parts."""


def _size(resolver, kind):
    spec = resolver.cluster_spec()
    return spec.num_tasks(kind) if kind in spec.jobs else 0


def _check_cluster(text):
    try:
        cluster = json.loads(text)
        kind, number = cluster["task"]["type"], cluster["task"]["index"]
        cluster["cluster"][kind][number].rpartition(":")
        whole = kind in ("chief", "worker") and set(cluster["cluster"]) <= {"chief", "worker"}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        whole = False
    if not whole:
        raise InputError(
            f"--distribute multi-worker: TF_CONFIG={text!r}; it must name all workers and say which one this is: "
            '{"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", "index": 0}}'
        )
