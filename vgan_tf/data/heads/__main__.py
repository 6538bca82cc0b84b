"""Render a share of a data set in a process of its own: FOLDER SHARE SHARES; see `preparation`."""

import sys

from vgan_tf.commands import run_command
from vgan_tf.data.heads.preparation import render_share

if __name__ == "__main__":
    run_command(lambda: render_share(sys.argv[1], *map(int, sys.argv[2:4])))
