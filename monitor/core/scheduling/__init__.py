"""Rules of the budget: the order of polls, the choice of the next look, and the time of each request."""
