"""The attacks: re-identification and averaging, linking, inversion, membership inference.

Each is a function of the same arguments, as are those of `controls` and `utility`: `dump`, a `Dump`; `seeds`, ints, one
training of each attacker for each, over which figures are means; `quick`, for cheaper attackers; and `progress`, called
with one line of text at each step. A kind of attack is reported as {"strongest": figure with "attacker", "attackers":
{name: figure}}, or None where the data does not allow it.
"""
