"""Draw a share of the avatars in a process of its own: IDENTITIES SEED START STOP SIZE FILE."""

import sys

from vgan_tf.data.avatars.dataset import Avatars, write

if __name__ == "__main__":
    identities, seed, start, stop, size = map(int, sys.argv[1:6])
    write(sys.argv[6], *Avatars(identities, seed).draw(start, stop, size))
