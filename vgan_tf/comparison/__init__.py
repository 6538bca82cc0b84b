"""Many runs and baselines in one table and one plot."""
