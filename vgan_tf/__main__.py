"""The commands of the package."""

import argparse

from vgan_tf import applications
from vgan_tf.commands import run_command
from vgan_tf.comparison import commands as comparison
from vgan_tf.data.heads import commands as heads
from vgan_tf.ondevice import commands as ondevice
from vgan_tf.ondevice import web


def main():
    """Parse the command line, call the verb's function, exit with its status."""
    parser = argparse.ArgumentParser(prog="python -m vgan_tf", description=__doc__)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for area in (ondevice, web, applications, comparison, heads):
        area.add_verbs(verbs)
    arguments = parser.parse_args()
    run_command(lambda: arguments.command(arguments))


if __name__ == "__main__":
    main()
