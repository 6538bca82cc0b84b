"""The audit as a page for people who are no experts, made from `evaluation.json` and pictures alone.

from vgan_tf.audit.report import headline, report_html
"""

from vgan_tf.audit.report.page import report_html
from vgan_tf.audit.report.words import headline

__all__ = ["headline", "report_html"]
