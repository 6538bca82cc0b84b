"""The one error that commands turn into a single line and exit status 2."""


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what is wrong, where, and what to do about it.
    """
