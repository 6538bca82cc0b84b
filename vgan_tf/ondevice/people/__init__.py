"""People in whole pictures: find their faces, and lay protected heads over theirs."""
