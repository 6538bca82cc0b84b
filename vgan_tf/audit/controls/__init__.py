"""Controls that tell whether to believe the attackers."""
