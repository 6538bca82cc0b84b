"""Train a PPRL-VGAN: `python train.py --preset edge --data avatars --out runs/first`."""

import argparse
import json
import textwrap

from vgan_tf.commands import run_command


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", help="paper, edge (default), demo or tiny")
    data_help = "avatars, heads:MODEL, a folder, an array file or a CSV; see docs/data.md"
    parser.add_argument("--data", metavar="SOURCE", help=data_help)
    pairs_help = "heads:MODEL: rendered people whose counterparts join the data's images, half of each batch"
    parser.add_argument("--pairs", metavar="SOURCE", help=pairs_help)
    parser.add_argument("--out", metavar="RUN", required=True, help="the run folder")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--steps", type=int, help="train for so many iterations instead of a number of epochs")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="change any setting")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out from its last checkpoint")
    parser.add_argument(
        "--distribute",
        choices=("mirrored", "multi-worker"),
        help="on all GPUs of this machine, or on the machines that TF_CONFIG names; see docs/scale.md",
    )
    parser.add_argument("--dry-run", action="store_true", help="load the data, print the configuration, train nothing")
    return parser.parse_args()


def main():
    arguments = parse()
    run_command(lambda: train(arguments))


def train(arguments):
    from vgan_tf import training
    from vgan_tf.config import parse_assignments, preset
    from vgan_tf.data import brings_counterparts
    from vgan_tf.errors import InputError
    from vgan_tf.run import require_new

    replicas = None
    if arguments.distribute:
        from vgan_tf.distribution import Replicas

        replicas = Replicas(arguments.distribute)
    if arguments.resume:
        for flag in ("preset", "data", "pairs", "steps", "batch_size", "seed", "set"):
            if getattr(arguments, flag) not in (None, []):
                raise InputError(f"--{flag.replace('_', '-')} with --resume: a run goes on with its own configuration")
        run, faces = training.plan_resumption(arguments.out, arguments.epochs)
    else:
        if not replicas or replicas.is_chief:
            require_new(arguments.out)
        flags = {key: getattr(arguments, key) for key in ("data", "pairs", "epochs", "batch_size", "seed")}
        changes = {key: value for key, value in flags.items() if value is not None}
        counterparts = brings_counterparts(changes.get("pairs") or changes.get("data", ""))
        config = preset(arguments.preset or "edge", counterparts)
        config = config.replace(**{**changes, **parse_assignments(arguments.set)})
        run, faces = training.plan(config, arguments.out, arguments.steps)
    settings = ", ".join(f"{name}={json.dumps(value)}" for name, value in run.config.to_dict().items())
    print(textwrap.fill(settings, 100, break_long_words=False))
    print(f"{len(faces)} images, {len(run.identities)} target identities, {len(run.expressions)} expressions")
    for line in faces.skipped:
        print(f"skipped: {line}")
    if arguments.dry_run:
        return
    if replicas:
        replicas.train(run, faces)
    else:
        training.train(run, faces)
    print(f"trained: {run.folder}  (python evaluate.py {run.folder} audits it)")


if __name__ == "__main__":
    main()
