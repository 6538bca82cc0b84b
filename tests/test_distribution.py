"""Several replicas reach what one process reaches at the same batch, and leave one whole run folder."""

import csv
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, noise_faces, run_script, tiny_config

from vgan_tf.data.pipeline import training_batches
from vgan_tf.distribution import Replicas
from vgan_tf.errors import InputError
from vgan_tf.run import Run, open_run

TIMEOUT_S = 600


def start(kind, folder, cluster=None):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **({"TF_CONFIG": json.dumps(cluster)} if cluster else {})}
    command = [sys.executable, str(ROOT / "tests" / "replicas.py"), kind, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    """Run folders of one process, of two replicas in one process, and of two processes that stopped and went on."""
    root = tmp_path_factory.mktemp("replicas")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [start("one-process", root)]
    for index in range(2):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        processes.append(start("multi-worker", root, cluster))
    try:
        for process in processes:
            _, stderr = process.communicate(timeout=TIMEOUT_S)
            assert process.returncode == 0, stderr.decode()[-3000:]
    finally:
        for process in processes:
            process.kill()
    return root


def losses(folder):
    with open(folder / "history.csv", newline="") as file:
        return np.array(
            [[float(row["discriminator_loss"]), float(row["generator_loss"])] for row in csv.DictReader(file)]
        )


@pytest.mark.parametrize("kind", ["mirrored", "multi-worker"])
def test_two_replicas_reach_the_losses_of_one_process(histories, kind):
    one, two = losses(histories / "alone"), losses(histories / kind)
    assert one.shape == two.shape == (5, 2) and one[-1, 1] < 0.95 * one[0, 1]
    # The mean of the first four steps, then of each four up to the twentieth: rounding errors grow on the way.
    np.testing.assert_allclose(two[0], one[0], rtol=1e-4)
    np.testing.assert_allclose(two, one, rtol=5e-3)


def test_only_the_chief_writes_and_a_resumed_run_is_whole(histories):
    alone, replicas = (sorted(p.name for p in (histories / kind).rglob("*")) for kind in ("alone", "multi-worker"))
    assert alone == replicas and not [name for name in replicas if name.startswith(".partial")]
    assert [epoch for epoch, _ in open_run(histories / "multi-worker").checkpoints()] == [4, 5]


def test_the_parts_of_a_batch_are_the_batch():
    faces, config = noise_faces(), tiny_config(augment_flip=True, augment_shift_px=2, batch_size=12)
    whole = training_batches(faces, config, 3)[2]
    parts = [training_batches(faces, config, 3, (number, 3))[2] for number in range(3)]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in parts]), whole[0])
    for name, values in whole[1].items():
        np.testing.assert_array_equal(np.concatenate([labels[name] for _, labels in parts]), values)


def test_each_part_of_a_batch_has_its_share_of_images_to_play_with_first():
    faces = noise_faces()
    config = tiny_config(augment_flip=True, batch_size=4, dependence_images=8)
    whole, _ = training_batches(faces, config)[1]
    parts = [training_batches(faces, config, share=(number, 2))[1][0] for number in range(2)]
    np.testing.assert_array_equal(np.concatenate([part[:2] for part in parts]), whole[:4])
    np.testing.assert_array_equal(np.concatenate([part[2:] for part in parts]), whole[4:])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch_size": 9}, "batch_size=9: not divisible by the 2 replicas"),
        ({"dependence_images": 3}, "dependence_images=3: not divisible by the 2 replicas"),
        ({"batch_size": 64}, "batch_size=64 and dependence_images=0: more than the"),
    ],
)
def test_a_batch_that_cannot_be_cut_is_refused(changes, named, tmp_path):
    faces = noise_faces()
    config = tiny_config(**{"batch_size": 8, **changes})
    run = Run(tmp_path / "run", config, faces.identities, faces.expressions, faces.fingerprint(), 1)
    replicas = Replicas.__new__(Replicas)
    replicas.count = 2
    with pytest.raises(InputError, match=named):
        replicas.train(run, faces)


@pytest.mark.parametrize(
    ("cluster", "named"),
    [
        (None, "TF_CONFIG=''"),
        ("{", "TF_CONFIG='{'"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "it must name all workers"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "it must name all workers"),
    ],
)
def test_a_cluster_that_is_not_described_is_refused(cluster, named, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if cluster:
        monkeypatch.setenv("TF_CONFIG", cluster)
    status = run_script("train.py", "--preset", "tiny", "--distribute", "multi-worker", "--out", tmp_path / "run")
    error = capsys.readouterr().err
    assert status == 2 and named in error and len(error.splitlines()) == 1 and not os.listdir(tmp_path)
