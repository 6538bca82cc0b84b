"""Draw a share of the avatars in a process of its own: IDENTITIES SEED COUNTERPARTS START STOP SIZE FILE."""

import sys

from vgan_tf.data.avatars.dataset import Avatars, write

if __name__ == "__main__":
    identities, seed, counterparts, start, stop, size = map(int, sys.argv[1:7])
    write(sys.argv[7], *Avatars(identities, seed, bool(counterparts)).draw(start, stop, size))
