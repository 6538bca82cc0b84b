"""The errors that commands turn into single lines: status 2 for `InputError`, 1 for `VerificationError`."""


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what is wrong, where, and what to do about it.
    """


class VerificationError(RuntimeError):
    """Something made here failed a check of its own and must not be used.

    One line for each failed check: what was checked, what was found, what is allowed.
    """
