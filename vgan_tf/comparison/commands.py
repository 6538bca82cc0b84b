"""The commands `python -m vgan_tf compare` and `sweep`."""

import os
from argparse import Namespace


def add_verbs(verbs):
    """Add both to the subparsers of `python -m vgan_tf`."""
    compare = verbs.add_parser("compare", help="runs, dumps and simple anonymizers in one table and one plot")
    compare.add_argument("sources", metavar="RUN|DUMP", nargs="+", help="run folders and dumps (.npz) of the same data")
    compare.add_argument("--out", metavar="DIR", required=True, help="for the table, the plot and what was measured")
    compare.add_argument(
        "--baselines", metavar="all|none|NAME,...", default="all", help="simple anonymizers to compare with"
    )
    compare.add_argument(
        "--release",
        metavar="R,...",
        default="",
        help="also measure each RUN with latent, noise:L, threshold:T or prototypes:K",
    )
    compare.add_argument("--full", action="store_true", help="all attackers, not only the cheapest of each kind")
    compare.set_defaults(command=run_compare)

    sweep = verbs.add_parser("sweep", help="train a run for each value of a setting, then compare them")
    sweep.add_argument("assignment", metavar="KEY=VALUE,VALUE,...", help="the setting and its values")
    sweep.add_argument("--preset", metavar="NAME", required=True, help="the other settings: paper, edge, demo or tiny")
    sweep.add_argument("--out", metavar="DIR", required=True, help="for the runs, the table and the plot")
    sweep.add_argument("--epochs", type=int, metavar="N", help="of each run; the preset's own number without it")
    sweep.set_defaults(command=run_sweep)


def run_compare(arguments):
    """Compare, and print the table."""
    os.environ["KERAS_BACKEND"] = "tensorflow"  # The attackers train on it; it loads the runs of either backend.
    from vgan_tf.comparison.frontier import compare
    from vgan_tf.comparison.table import markdown_table

    releases = [text for text in arguments.release.split(",") if text]
    result = compare(arguments.sources, arguments.out, arguments.baselines, releases, quick=not arguments.full)
    print(markdown_table(result))
    print(f"plot: {os.path.join(arguments.out, 'frontier.svg')}")


def run_sweep(arguments):
    """Train the runs, then compare them with one another."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from vgan_tf.comparison.sweep import sweep

    folders = sweep(arguments.assignment, arguments.preset, arguments.out, arguments.epochs)
    run_compare(Namespace(sources=folders, out=arguments.out, baselines="none", release="", full=False))
