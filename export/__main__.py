"""Export a run for phones: `python -m export runs/demo --out DIR`."""

import argparse
import os

from vgan_tf.commands import run_command


def parse():
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--out", required=True, metavar="DIR", help="an earlier export there is replaced")
    parser.add_argument("--recipes", metavar="NAME,...", help="of float32, float16, dynamic, int8, qat; default: all")
    parser.add_argument("--prototypes", type=int, help="of each expression, to protect with; default: as RUN, 0: none")
    parser.add_argument("--data", metavar="SOURCE", help="to calibrate and verify on; default: the run's own")
    return parser.parse_args()


def main():
    arguments = parse()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # It makes the files, from the runs of either backend.
    run_command(lambda: export(arguments))


def export(arguments):
    from . import RECIPES, export_run

    recipes = RECIPES if arguments.recipes is None else tuple(arguments.recipes.split(","))
    export_run(arguments.run, arguments.out, recipes, arguments.data, prototypes=arguments.prototypes)
    print(f"exported: {arguments.out}  (EXPORT.md there says how to use the files)")


if __name__ == "__main__":
    main()
