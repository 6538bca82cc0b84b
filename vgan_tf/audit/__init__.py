"""The audit: arrays in, figures and a report out. It knows nothing of any model.

from vgan_tf.audit import Dump, audit
evaluation = audit(Dump.load("dump.npz"), "out")
"""

from vgan_tf.audit.conductor import audit
from vgan_tf.audit.dump import Dump, Images

__all__ = ["Dump", "Images", "audit"]
