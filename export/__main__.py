"""Export a run for phones: `python -m export runs/demo --out DIR`."""

import argparse
import os

from vgan_tf.commands import run_command


def parse():
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--out", required=True, metavar="DIR", help="an earlier export there is replaced")
    parser.add_argument("--recipes", default="float32,float16,dynamic,int8,qat", help="default: %(default)s")
    parser.add_argument("--data", metavar="SOURCE", help="to calibrate and verify on; default: the run's own")
    return parser.parse_args()


def main():
    arguments = parse()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # Only TensorFlow writes the files, from the runs of either backend.
    run_command(lambda: export(arguments))


def export(arguments):
    from .pipeline import export_run

    export_run(arguments.run, arguments.out, tuple(arguments.recipes.split(",")), arguments.data)
    print(f"exported: {arguments.out}  (EXPORT.md there says how to use the files)")


if __name__ == "__main__":
    main()
